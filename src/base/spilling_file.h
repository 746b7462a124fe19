// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/error.h"

namespace holdfast {

/// A file without a name whose pages are memory: extents of it are taken and given back. Any
/// thread.
class SpillingFile {
 public:
  /// As spill_into(). From then on extents are wanted where more than so much is in memory.
  Status open(const std::string& folder, std::uint64_t in_memory_max);
  bool is_open() const { return begin_.load(std::memory_order_acquire) != nullptr; }
  std::uint64_t taken() const { return taken_; }
  /// Of an extent.
  bool has(const void* at) const {
    const char* const begin = begin_.load(std::memory_order_acquire);
    const char* const byte = static_cast<const char*>(at);
    return begin != nullptr && byte >= begin && byte < begin + size_;
  }
  /// Whether a new extent should be of the file.
  bool is_wanted(std::uint64_t in_memory) const { return is_open() && in_memory > in_memory_max_; }
  /// All zeros; nullptr: the disk has no room.
  void* take(std::size_t bytes, std::size_t alignment);
  /// False: it is as it was.
  bool give_back(void* at, std::size_t bytes);

 private:
  using Clock = std::chrono::steady_clock;
  std::optional<std::uint64_t> find(std::size_t bytes, std::size_t alignment);
  void keep(std::uint64_t offset, std::uint64_t bytes);
  bool has_room(std::size_t bytes) const;
  bool punch(std::uint64_t offset, std::size_t bytes) const;

  std::atomic<char*> begin_{nullptr};  // set last
  std::uint64_t size_ = 0;             // of address space, and of the file, which is sparse
  int descriptor_ = -1;
  std::uint64_t in_memory_max_ = 0;
  std::atomic<std::uint64_t> taken_{0};
  std::mutex mutex_;
  std::map<std::uint64_t, std::uint64_t> free_;  // ranges, by offset; no two that touch
  Clock::time_point refused_until_{};
};

}  // namespace holdfast
