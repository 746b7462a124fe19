// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace holdfast::function {

/// An allocator that lies, books and all, at the beginning of the memory it gives out,
/// so that copying `extent()` bytes copies everything that was ever allocated. What it
/// gives depends on the requests so far and on nothing else: at one address the same
/// requests get the same addresses. Segregated free lists (Wilson et al., "Dynamic
/// Storage Allocation: A Survey and Critical Review", 1995), steps of 16 bytes up to
/// 1 KiB, then powers of two. Every operation is O(1) but for a move's copy. Memory is not zeroed.
class Arena {
 public:
  /// Makes an empty one in `region`, which is aligned to 16 bytes.
  static Arena& make(void* region, std::size_t region_bytes);

  /// As realloc and free (`new_bytes` 0) in one, with the old size told. nullptr: the region is
  /// used up, or live_bytes() would pass `live_bytes_max`; the block is as it was. A smaller size
  /// is always given.
  void* resize(void* block, std::size_t old_bytes, std::size_t new_bytes,
               std::size_t live_bytes_max);

  /// Bytes in use.
  std::size_t live_bytes() const { return live_bytes_; }
  /// Bytes ever given out: a measure of the work that went into filling them.
  std::uint64_t given_bytes() const { return given_bytes_; }
  /// Up to where the region holds anything, the arena's own books included.
  std::size_t extent() const { return end_; }

 private:
  static constexpr std::size_t step = 16;
  static constexpr std::size_t small_bytes_max = 1024;
  static constexpr std::size_t small_classes = small_bytes_max / step;
  static constexpr std::size_t large_classes = 48;

  struct Free {
    Free* next;
  };
  struct Class {
    std::size_t index;
    std::size_t bytes;  // of its blocks
  };
  static Class class_of(std::size_t bytes);
  void* take(Class one);
  void give_back(void* block, Class one);

  explicit Arena(std::size_t region_bytes);
  std::byte* begin() { return reinterpret_cast<std::byte*>(this); }

  std::size_t region_bytes_;
  std::size_t end_;
  std::size_t live_bytes_ = 0;
  std::uint64_t given_bytes_ = 0;
  std::array<Free*, small_classes + large_classes> free_{};
};

}  // namespace holdfast::function
