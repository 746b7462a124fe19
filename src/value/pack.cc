// SPDX-License-Identifier: Apache-2.0
#include "value/pack.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "base/assert.h"

namespace holdfast {
namespace {

// An item is a head, which says what follows; the text, if it is one; and a tail: how many bytes
// stand before it, 7 bits a byte, the lowest last, each but the first marked by 0x80.
//
//   0nnnnnnn           the integer 0 … 127
//   10nnnnnn           a text of 0 … 63 bytes
//   110nnnnn n         an integer of 13 bits, signed
//   1110nnnn n         a text of up to 4,095 bytes
//   F0 n n n n         a text of more
//   F1 … F7            an integer of 2 … 8 bytes, little-endian
constexpr std::uint8_t short_text = 0x80;
constexpr std::uint8_t middle_integer = 0xC0;
constexpr std::uint8_t middle_text = 0xE0;
constexpr std::uint8_t long_text = 0xF0;  // + n: an integer of n + 1 bytes
constexpr std::int64_t middle_integer_end = 1 << 12;

constexpr std::size_t head_bytes_max = 9;

std::uint8_t byte_of(std::size_t number) {
  return static_cast<std::uint8_t>(number);
}

struct Head {
  std::uint8_t bytes[head_bytes_max];
  std::size_t size = 1;
  bool is_integer = false;
};

Head head_of(std::string_view item) {
  Head head;
  if (const auto number = parse_integer(item)) {
    head.is_integer = true;
    const auto bits = static_cast<std::uint64_t>(*number);
    if (*number >= 0 && *number < 128) {
      head.bytes[0] = byte_of(bits);
    } else if (*number >= -middle_integer_end && *number < middle_integer_end) {
      head.bytes[0] = byte_of(middle_integer | (bits >> 8 & 0x1F));
      head.bytes[1] = byte_of(bits);
      head.size = 2;
    } else {
      std::size_t size = 2;
      while (size < 8 && (*number << (64 - 8 * size)) >> (64 - 8 * size) != *number) ++size;
      head.bytes[0] = byte_of(long_text + size - 1);
      std::memcpy(head.bytes + 1, &bits, size);
      head.size = 1 + size;
    }
  } else if (item.size() < 64) {
    head.bytes[0] = byte_of(short_text | item.size());
  } else if (item.size() < 4'096) {
    head.bytes[0] = byte_of(middle_text | item.size() >> 8);
    head.bytes[1] = byte_of(item.size());
    head.size = 2;
  } else {
    HF_ASSERT(item.size() <= std::numeric_limits<std::uint32_t>::max() - 64);
    const auto size = static_cast<std::uint32_t>(item.size());
    head.bytes[0] = long_text;
    std::memcpy(head.bytes + 1, &size, sizeof(size));
    head.size = 5;
  }
  return head;
}

std::size_t tail_bytes_of(std::size_t size) {
  std::size_t bytes = 1;
  while (size >>= 7) ++bytes;
  return bytes;
}

struct Seen {
  std::size_t head = 1;
  std::size_t text = 0;  // bytes
  bool is_integer = true;
  std::int64_t number = 0;
  std::size_t size() const { return head + text + tail_bytes_of(head + text); }
};

Seen look_at(const char* item) {
  const auto* const bytes = reinterpret_cast<const unsigned char*>(item);
  const std::uint8_t first = bytes[0];
  if (first < short_text) return {.number = first};
  if (first < middle_integer) return {.text = first & 0x3FU, .is_integer = false};
  if (first < middle_text) {
    const auto bits = static_cast<std::uint64_t>(first & 0x1FU) << 8 | bytes[1];
    return {.head = 2, .number = static_cast<std::int64_t>(bits << 51) >> 51};
  }
  if (first < long_text)
    return {.head = 2, .text = (first & 0xFU) << 8 | bytes[1], .is_integer = false};
  if (first == long_text) {
    std::uint32_t size = 0;
    std::memcpy(&size, item + 1, sizeof(size));
    return {.head = 5, .text = size, .is_integer = false};
  }
  const std::size_t size = first - long_text + std::size_t{1};
  std::uint64_t bits = 0;
  std::memcpy(&bits, item + 1, size);
  const std::size_t shift = 64 - 8 * size;
  return {.head = 1 + size, .number = static_cast<std::int64_t>(bits << shift) >> shift};
}

std::size_t room_for(std::size_t bytes) {
  if (bytes > Pack::bytes_target) return bytes;
  constexpr std::size_t step = 16;
  const std::size_t more = (bytes + bytes / 2 + step - 1) / step * step;
  return std::min(more, Pack::bytes_target);
}

}  // namespace

Pack::Pack(Pack&& other) noexcept
    : block_(std::move(other.block_)),
      begin_(std::exchange(other.begin_, 0)),
      end_(std::exchange(other.end_, 0)),
      capacity_(std::exchange(other.capacity_, 0)),
      count_(std::exchange(other.count_, 0)) {}

Pack& Pack::operator=(Pack&& other) noexcept {
  block_ = std::move(other.block_);
  begin_ = std::exchange(other.begin_, 0);
  end_ = std::exchange(other.end_, 0);
  capacity_ = std::exchange(other.capacity_, 0);
  count_ = std::exchange(other.count_, 0);
  return *this;
}

Pack Pack::clone() const {
  Pack copy;
  copy.append(*this);
  return copy;
}

std::size_t Pack::bytes_of(std::string_view item) {
  const Head head = head_of(item);
  const std::size_t size = head.size + (head.is_integer ? 0 : item.size());
  return size + tail_bytes_of(size);
}

std::string_view Pack::at(std::size_t offset, IntegerText& room) const {
  const char* const item = bytes_at(offset);
  const Seen seen = look_at(item);
  if (!seen.is_integer) return {item + seen.head, seen.text};
  const auto end = std::to_chars(room.bytes, room.bytes + sizeof(room.bytes), seen.number).ptr;
  return {room.bytes, static_cast<std::size_t>(end - room.bytes)};
}

std::size_t Pack::after(std::size_t offset) const {
  return offset + look_at(bytes_at(offset)).size();
}

std::size_t Pack::before(std::size_t offset) const {
  const auto* last = reinterpret_cast<const unsigned char*>(bytes_at(offset)) - 1;
  std::size_t size = *last & 0x7FU;
  std::size_t tail = 1;
  for (; (*last & 0x80U) != 0; ++tail) {
    --last;
    size |= static_cast<std::size_t>(*last & 0x7FU) << (7 * tail);
  }
  return offset - size - tail;
}

std::size_t Pack::offset(std::size_t place) const {
  std::size_t at = 0;
  if (place <= count_ / 2) {
    for (; place > 0; --place) at = after(at);
    return at;
  }
  at = bytes();
  for (; place < count_; ++place) at = before(at);
  return at;
}

void Pack::reallocate(std::size_t capacity, std::size_t offset, std::size_t gap) {
  auto block = std::make_unique_for_overwrite<char[]>(capacity);
  const std::size_t used = bytes();
  // What is free lies where it grows.
  const std::size_t begin = offset < used - offset ? capacity - used - gap : 0;
  if (offset > 0) std::memcpy(block.get() + begin, bytes_at(0), offset);
  if (used > offset)
    std::memcpy(block.get() + begin + offset + gap, bytes_at(offset), used - offset);
  block_ = std::move(block);
  begin_ = static_cast<std::uint32_t>(begin);
  end_ = static_cast<std::uint32_t>(begin + used + gap);
  capacity_ = static_cast<std::uint32_t>(capacity);
}

/// Where `size` bytes are to be filled. The shorter part moves, if there is room on its side; if
/// not, everything does, so that all room is there from now on.
char* Pack::open_gap(std::size_t offset, std::size_t size) {
  const std::size_t used = bytes();
  if (capacity_ - used < size) {
    reallocate(room_for(used + size), offset, size);
    return block_.get() + begin_ + offset;
  }
  const bool in_front = offset < used - offset;
  char* const from = block_.get() + begin_;
  if (in_front) {
    if (begin_ < size) {
      const std::size_t begin = capacity_ - used - size;
      std::memmove(block_.get() + begin + offset + size, from + offset, used - offset);
      std::memmove(block_.get() + begin, from, offset);
      begin_ = static_cast<std::uint32_t>(begin);
      end_ = capacity_;
    } else {
      std::memmove(from - size, from, offset);
      begin_ -= static_cast<std::uint32_t>(size);
    }
  } else {
    if (capacity_ - end_ < size) {
      std::memmove(block_.get(), from, offset);
      std::memmove(block_.get() + offset + size, from + offset, used - offset);
      begin_ = 0;
      end_ = static_cast<std::uint32_t>(used + size);
    } else {
      std::memmove(from + offset + size, from + offset, used - offset);
      end_ += static_cast<std::uint32_t>(size);
    }
  }
  return block_.get() + begin_ + offset;
}

void Pack::insert(std::size_t place, std::string_view item) {
  HF_ASSERT(place <= count_);
  const Head head = head_of(item);
  const std::size_t size = head.size + (head.is_integer ? 0 : item.size());
  const std::size_t tail = tail_bytes_of(size);
  char* out = open_gap(offset(place), size + tail);
  std::memcpy(out, head.bytes, head.size);
  if (!head.is_integer) item.copy(out + head.size, item.size());  // that of nothing has no address
  out += size;
  for (std::size_t i = tail; i-- > 0;) {
    *out++ = static_cast<char>((size >> (7 * i) & 0x7F) | (i + 1 == tail ? 0 : 0x80));
  }
  ++count_;
}

void Pack::erase(std::size_t place, std::size_t n) {
  HF_ASSERT(place + n <= count_);
  const std::size_t first = offset(place);
  const std::size_t end = place + n == count_ ? bytes() : [&] {
    std::size_t at = first;
    for (std::size_t i = 0; i < n; ++i) at = after(at);
    return at;
  }();
  const auto size = static_cast<std::uint32_t>(end - first);
  char* const from = block_.get() + begin_;
  if (first < bytes() - end) {
    std::memmove(from + size, from, first);
    begin_ += size;
  } else {
    std::memmove(from + first, from + end, bytes() - end);
    end_ -= size;
  }
  count_ -= static_cast<std::uint32_t>(n);
  if (bytes() < capacity_ / 4) fit();
}

Pack Pack::split(std::size_t place) {
  HF_ASSERT(place <= count_);
  const std::size_t from = offset(place);
  Pack rest;
  rest.reallocate(bytes() - from, 0, 0);
  std::memcpy(rest.block_.get(), bytes_at(from), bytes() - from);
  rest.end_ = static_cast<std::uint32_t>(bytes() - from);
  rest.count_ = count_ - static_cast<std::uint32_t>(place);
  end_ = begin_ + static_cast<std::uint32_t>(from);
  count_ = static_cast<std::uint32_t>(place);
  fit();
  return rest;
}

void Pack::append(const Pack& other) {
  if (other.count_ == 0) return;
  std::memcpy(open_gap(bytes(), other.bytes()), other.bytes_at(0), other.bytes());
  count_ += other.count_;
}

void Pack::fit() {
  constexpr std::size_t slack = 8;  // part of it that is not worth a copy
  if (count_ == 0) {
    *this = Pack();
  } else if (capacity_ - bytes() > capacity_ / slack) {
    reallocate(bytes(), bytes(), 0);
  }
}

}  // namespace holdfast
