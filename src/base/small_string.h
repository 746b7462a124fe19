// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "base/spilling_memory.h"

namespace holdfast {

/// A byte string of fixed length in 16 bytes: up to 15 bytes inline, else one block of
/// Memory's. Half of std::string's size; keys and fields are stored as these.
/// Binary safe. Length up to 4 GiB - 1.
template <typename Memory>
class BasicSmallString {
 public:
  static constexpr std::size_t inline_max = 15;

  BasicSmallString() noexcept = default;
  explicit BasicSmallString(std::string_view text);
  /// The text and zeros behind it, `size` bytes in all.
  static BasicSmallString padded(std::string_view text, std::size_t size);
  BasicSmallString(const BasicSmallString& other);
  BasicSmallString(BasicSmallString&& other) noexcept {
    std::memcpy(static_cast<void*>(this), static_cast<const void*>(&other), sizeof(*this));
    other.inline_.length = 0;
  }
  BasicSmallString& operator=(const BasicSmallString& other);
  BasicSmallString& operator=(BasicSmallString&& other) noexcept;
  ~BasicSmallString() { release(); }

  std::string_view view() const noexcept {
    if (on_heap()) return {heap_.bytes, heap_.length};
    return {inline_.bytes, inline_.length};
  }
  /// The bytes, to be changed in place.
  std::span<char> bytes() noexcept {
    if (on_heap()) return {heap_.bytes, heap_.length};
    return {inline_.bytes, inline_.length};
  }
  operator std::string_view() const noexcept { return view(); }  // NOLINT: it is one
  std::size_t size() const noexcept;
  /// Bytes on the heap, 0 when inline.
  std::size_t heap_bytes() const noexcept;

  friend bool operator==(const BasicSmallString& a, const BasicSmallString& b) noexcept {
    return a.view() == b.view();
  }
  friend bool operator==(const BasicSmallString& a, std::string_view b) noexcept {
    return a.view() == b;
  }
  friend auto operator<=>(const BasicSmallString& a, const BasicSmallString& b) noexcept {
    return a.view() <=> b.view();
  }

  template <typename H>
  friend H AbslHashValue(H h, const BasicSmallString& s) {
    return H::combine(std::move(h), s.view());
  }

 private:
  static constexpr std::uint8_t heap_tag = 0xFF;
  bool on_heap() const noexcept { return inline_.length == heap_tag; }
  void release() noexcept {
    if (on_heap()) Memory::give(heap_.bytes, heap_.length);
    inline_.length = 0;
  }

  struct Inline {
    char bytes[inline_max];
    std::uint8_t length;
  };
  struct Heap {
    char* bytes;
    std::uint32_t length;
    char padding[3];
    std::uint8_t tag;
  };
  union {
    Inline inline_{{}, 0};
    Heap heap_;
  };
};

struct HeapMemory {
  static char* take(std::size_t bytes) { return new char[bytes]; }
  static void give(char* memory, std::size_t /*bytes*/) { delete[] memory; }
};
struct SpillingMemory {
  static char* take(std::size_t bytes) { return SpillingAllocator<char>().allocate(bytes); }
  static void give(char* memory, std::size_t bytes) {
    SpillingAllocator<char>().deallocate(memory, bytes);
  }
};
extern template class BasicSmallString<HeapMemory>;
extern template class BasicSmallString<SpillingMemory>;

using SmallString = BasicSmallString<HeapMemory>;
/// See base/spilling_memory.h.
using SpillingString = BasicSmallString<SpillingMemory>;
static_assert(sizeof(SmallString) == 16);

}  // namespace holdfast
