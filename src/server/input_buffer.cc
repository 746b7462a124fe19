// SPDX-License-Identifier: Apache-2.0
#include "server/input_buffer.h"

#include <cstring>
#include <utility>

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
    if (end_ > 0) small_fillings_ = end_ > limits::read_buffer_bytes ? 0 : small_fillings_ + 1;
    begin_ = end_ = 0;
    const bool stays = capacity_ <= kept_bytes_max && small_fillings_ < small_fillings_max;
    if (std::exchange(gives_back_, false) || !stays || capacity_ == 0) be_small();
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

void InputBuffer::be_small() {
  if (capacity_ != limits::read_buffer_bytes) resize(limits::read_buffer_bytes);
}

bool InputBuffer::has_spare_room() const {
  return begin_ == end_ && capacity_ > limits::read_buffer_bytes;
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
