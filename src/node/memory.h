// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace holdfast::node {

/// What this process has allocated, from jemalloc, which counts buffers and
/// bookkeeping too, but not what has spilled into a file; 0 where it is not linked (sanitizer
/// builds).
std::uint64_t allocated_bytes();
/// Resident pages of this process, but for those of the file that memory spills into.
std::uint64_t resident_bytes();
/// What lies in files by now is the program's own: before anything spills.
void count_own_files();
/// What this machine, or the cgroup we are in, has for us.
std::uint64_t machine_memory_bytes();
/// Gives the kernel the freed pages that the allocator keeps for later.
void release_unused_memory();

/// Compares what is used with the limit. Over it, writes that grow memory are
/// refused; close to it, clean values are let go of first.
class MemoryWatch {
 public:
  void set_limit(std::uint64_t bytes) { limit_ = bytes; }
  std::uint64_t limit() const { return limit_; }
  /// Whether this process is the node's alone: else `tables` is what is used.
  void set_counts_process(bool counts) { counts_process_ = counts; }
  /// Looks again. Costs microseconds. `tables` is what the tables and ids know
  /// they hold: used where resident pages say nothing about us (sanitizers).
  void sample(std::uint64_t tables);
  std::uint64_t used() const { return used_; }
  /// What of it is in use by us, not kept by the allocator or mapped from files.
  std::uint64_t active() const { return active_; }
  std::uint64_t peak() const { return peak_; }
  bool over() const { return limit_ != 0 && used_ > limit_; }
  /// How much should be let go of now.
  std::uint64_t excess() const;
  /// Whether enough of what is used is freed pages for releasing them to pay.
  bool worth_releasing() const { return used_ > active_ && used_ - active_ > limit_ / 8; }

 private:
  bool counts_process_ = true;
  std::uint64_t limit_ = 0;
  std::uint64_t used_ = 0;
  std::uint64_t active_ = 0;
  std::uint64_t peak_ = 0;
};

}  // namespace holdfast::node
