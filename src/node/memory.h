// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace holdfast::node {

/// What this process has allocated, from jemalloc, which counts buffers and
/// bookkeeping too; 0 where it is not linked (sanitizer builds).
std::uint64_t allocated_bytes();
/// Resident pages of this process.
std::uint64_t resident_bytes();
/// What this machine, or the cgroup we are in, has for us.
std::uint64_t machine_memory_bytes();

/// Compares what is used with the limit. Over it, writes that grow memory are
/// refused; close to it, clean values are let go of first.
class MemoryWatch {
 public:
  void set_limit(std::uint64_t bytes) { limit_ = bytes; }
  std::uint64_t limit() const { return limit_; }
  /// `tables` is what the tables and ids know they hold: used where the
  /// allocator cannot be asked.
  void sample(std::uint64_t tables);
  std::uint64_t used() const { return used_; }
  std::uint64_t peak() const { return peak_; }
  bool over() const { return limit_ != 0 && used_ > limit_; }
  /// How much should be let go of now.
  std::uint64_t excess() const;

 private:
  std::uint64_t limit_ = 0;
  std::uint64_t used_ = 0;
  std::uint64_t peak_ = 0;
};

}  // namespace holdfast::node
