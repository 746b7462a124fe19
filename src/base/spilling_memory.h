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
/// are reserved before they are used, and some room is left for others: where the disk is full it
/// is memory again that is taken. Not so where the disk fails: a page that cannot be read ends the
/// process (SIGBUS), and whether one was written nobody is told. So only what a start has from
/// elsewhere may lie here.
///
/// One for the whole process. Any thread.
///
/// Aborts when there is no memory, as operator new without exceptions would.
void* allocate_spilling(std::size_t bytes, std::size_t alignment);
/// Frees it, with what it was allocated by.
void free_spilling(void* memory, std::size_t bytes, std::size_t alignment);

/// From now on all but `in_memory_max` bytes go to a file in the folder, which goes with the
/// process, however that ends. kIo: the folder is none for that, it must be on ext4 or XFS; then,
/// and where jemalloc is not linked (sanitizer builds), all stays in memory. Once in a process;
/// where there is a file already nothing is done.
Status spill_into(const std::string& folder, std::uint64_t in_memory_max);
/// What of the file's disk is taken.
std::uint64_t spilled_bytes();
/// What of jemalloc's "active" memory lies in the file, about: not more than does.
std::uint64_t spilled_active_bytes();

/// For containers.
template <typename T>
struct SpillingAllocator {
  using value_type = T;
  SpillingAllocator() = default;
  template <typename U>
  SpillingAllocator(const SpillingAllocator<U>&) {}  // NOLINT(google-explicit-constructor)
  T* allocate(std::size_t count) {
    return static_cast<T*>(allocate_spilling(count * size, alignof(T)));
  }
  void deallocate(T* memory, std::size_t count) { free_spilling(memory, count * size, alignof(T)); }
  friend bool operator==(const SpillingAllocator&, const SpillingAllocator&) { return true; }

 private:
  static constexpr std::size_t size = sizeof(T);  // NOLINT(bugprone-sizeof-expression): any T
};

template <typename T>
using SpillingVector = std::vector<T, SpillingAllocator<T>>;

using SpillingText = std::basic_string<char, std::char_traits<char>, SpillingAllocator<char>>;

/// For classes whose objects are made by `new`, one by one, and deleted as what they are: a base of
/// theirs. Their alignment is the usual.
struct Spilling {
  static void* operator new(std::size_t bytes) { return allocate_spilling(bytes, alignment); }
  static void operator delete(void* memory, std::size_t bytes) {
    free_spilling(memory, bytes, alignment);
  }

 private:
  static constexpr std::size_t alignment = alignof(std::max_align_t);
};

}  // namespace holdfast
