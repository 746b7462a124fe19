// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "value/value.h"

namespace holdfast {

/// Some byte strings in their order, one behind another in one block of memory: a chunk of a
/// list. An item costs its bytes and two more if it is short; the text of an integer is kept as
/// a number. Read from both ends: each item's length stands behind it, too (the idea is that of
/// Redis' listpack, the bytes are not).
///
/// Items are named by their place, 0 … count()-1, or by their offset, for walking: offset(0) is
/// 0, and bytes() is behind the last.
class Pack {
 public:
  /// What a pack of several items is to take at most. Moving so much is still cheap.
  static constexpr std::size_t bytes_target = 8'192;

  Pack() = default;
  Pack(Pack&& other) noexcept;
  Pack& operator=(Pack&& other) noexcept;
  ~Pack() = default;
  Pack clone() const;

  std::size_t count() const { return count_; }
  std::size_t bytes() const { return end_ - begin_; }
  /// Of the block.
  std::size_t heap_bytes() const { return capacity_; }
  /// What the item would take here.
  static std::size_t bytes_of(std::string_view item);
  /// Whether it would stay within the target with the item; one item always has room.
  bool has_room(std::string_view item) const {
    return count_ == 0 || bytes() + bytes_of(item) <= bytes_target;
  }

  /// The view lives until the pack changes, and as long as `room`.
  std::string_view at(std::size_t offset, IntegerText& room) const;
  /// Of the place, at most count(). O(count).
  std::size_t offset(std::size_t place) const;
  std::size_t after(std::size_t offset) const;   // of the next item
  std::size_t before(std::size_t offset) const;  // of the one before; not at 0

  /// Amortised O(1) at both ends; else O(bytes).
  void insert(std::size_t place, std::string_view item);
  void erase(std::size_t place, std::size_t n);
  /// Takes the items from that place on out, into another.
  Pack split(std::size_t place);
  /// Behind its own.
  void append(const Pack& other);
  /// Lets go of room that it does not need at present.
  void fit();

 private:
  const char* bytes_at(std::size_t offset) const { return block_.get() + begin_ + offset; }
  char* open_gap(std::size_t offset, std::size_t size);
  void reallocate(std::size_t capacity, std::size_t offset, std::size_t gap);

  std::unique_ptr<char[]> block_;
  std::uint32_t begin_ = 0;  // of what is used of it
  std::uint32_t end_ = 0;
  std::uint32_t capacity_ = 0;
  std::uint32_t count_ = 0;
};

}  // namespace holdfast
