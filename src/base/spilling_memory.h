// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"

namespace holdfast {

/// Memory for what may grow without a bound, and is seldom looked at again once it is old. Up to
/// an amount it is memory like any other; what is beyond that lies in a file that has no name, and
/// the kernel writes pages of it out and takes them back where memory is short. The file's blocks
/// are reserved first: a full disk never ends the process, then it is memory again that is used.
///
/// One for the whole process. Any thread.
///
/// Aborts when there is no memory, as operator new without exceptions would.
void* allocate_spilling(std::size_t bytes, std::size_t alignment);
/// Frees it, with what it was allocated by.
void free_spilling(void* memory, std::size_t bytes, std::size_t alignment);

/// From now on all but `in_memory_max` bytes go to a file in the folder, which goes with the
/// process, however that ends. Before it was called, and where jemalloc is not linked (sanitizer
/// builds), nothing does. Once in a process; later calls do nothing.
Status spill_into(const std::string& folder, std::uint64_t in_memory_max);
/// What of the file's disk is taken.
std::uint64_t spilled_bytes();

/// For containers.
template <typename T>
struct SpillingAllocator {
  using value_type = T;
  SpillingAllocator() = default;
  template <typename U>
  SpillingAllocator(const SpillingAllocator<U>&) {}  // NOLINT(google-explicit-constructor)
  T* allocate(std::size_t count) {
    return static_cast<T*>(allocate_spilling(count * sizeof(T), alignof(T)));
  }
  void deallocate(T* memory, std::size_t count) {
    free_spilling(memory, count * sizeof(T), alignof(T));
  }
  friend bool operator==(const SpillingAllocator&, const SpillingAllocator&) { return true; }
};

template <typename T>
using SpillingVector = std::vector<T, SpillingAllocator<T>>;

using SpillingText = std::basic_string<char, std::char_traits<char>, SpillingAllocator<char>>;

/// For classes whose objects are made by `new`: a base of theirs.
struct Spilling {
  static void* operator new(std::size_t bytes) { return allocate_spilling(bytes, alignment); }
  static void operator delete(void* memory, std::size_t bytes) {
    free_spilling(memory, bytes, alignment);
  }

 private:
  static constexpr std::size_t alignment = alignof(std::max_align_t);
};

}  // namespace holdfast
