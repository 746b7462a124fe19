// SPDX-License-Identifier: Apache-2.0
#include "server/input_buffer.h"

#include <cstring>

#include "base/assert.h"
#include "base/limits.h"

namespace holdfast::server {
namespace {

// Many small reads at the end of the buffer would cost more than moving it.
constexpr std::size_t least_room = limits::read_buffer_bytes / 2;

}  // namespace

std::span<char> InputBuffer::room() {
  const std::size_t unread_bytes = end_ - begin_;
  if (unread_bytes == 0) {
    begin_ = end_ = 0;
    // What a large request needed is given back; it need not come again.
    if (capacity_ != limits::read_buffer_bytes) resize(limits::read_buffer_bytes);
  } else if (capacity_ - end_ < least_room) {
    if (unread_bytes > capacity_ / 2) {
      resize(capacity_ * 2);
    } else if (begin_ > 0) {
      std::memmove(bytes_.get(), bytes_.get() + begin_, unread_bytes);
      begin_ = 0;
      end_ = unread_bytes;
    }
  }
  HF_ASSERT(end_ < capacity_);
  return {bytes_.get() + end_, capacity_ - end_};
}

void InputBuffer::filled(std::size_t n) {
  HF_ASSERT(n <= capacity_ - end_);
  end_ += n;
}

void InputBuffer::consume(std::size_t n) {
  HF_ASSERT(n <= end_ - begin_);
  begin_ += n;
}

void InputBuffer::resize(std::size_t capacity) {
  auto bytes = std::make_unique_for_overwrite<char[]>(capacity);
  if (end_ > begin_) std::memcpy(bytes.get(), bytes_.get() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  bytes_ = std::move(bytes);
  capacity_ = capacity;
}

}  // namespace holdfast::server
