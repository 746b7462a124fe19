// SPDX-License-Identifier: Apache-2.0
#include "node/memory.h"

#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "base/spilling_memory.h"

#ifdef HOLDFAST_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif

namespace holdfast::node {
namespace {

// Eviction begins here, so that the limit itself is met only when nothing can
// be let go of.
constexpr std::uint64_t evict_above_percent = 90;

}  // namespace

std::uint64_t allocated_bytes() {
#ifdef HOLDFAST_JEMALLOC
  std::uint64_t epoch = 1;
  std::size_t size = sizeof(epoch);
  mallctl("epoch", &epoch, &size, &epoch, size);  // refreshes the statistics
  std::size_t bytes = 0;
  size = sizeof(bytes);
  // Active pages, not allocated bytes: what fragmentation holds counts too.
  if (mallctl("stats.active", &bytes, &size, nullptr, 0) == 0)
    return bytes - std::min<std::uint64_t>(bytes - 1, spilled_active_bytes());
#endif
  return 0;
}

void release_unused_memory() {
#ifdef HOLDFAST_JEMALLOC
  static const std::string every_arena = "arena." + std::to_string(MALLCTL_ARENAS_ALL) + ".purge";
  mallctl(every_arena.c_str(), nullptr, nullptr, nullptr, 0);
#endif
}

std::uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t total_pages = 0, resident_pages = 0, pages_of_files = 0;
  file >> total_pages >> resident_pages >> pages_of_files;
  const auto page_bytes = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  // The kernel takes those back that lie in a file, whenever memory is short. At first there are
  // the program's own.
  static const std::uint64_t pages_at_first = pages_of_files;
  const std::uint64_t spilled =
      (pages_of_files - std::min(pages_of_files, pages_at_first)) * page_bytes;
  return resident_pages * page_bytes - std::min(spilled, spilled_bytes());
}

std::uint64_t machine_memory_bytes() {
  struct sysinfo info {};
  std::uint64_t bytes = sysinfo(&info) == 0 ? info.totalram * info.mem_unit : 0;
  std::ifstream file("/sys/fs/cgroup/memory.max");
  std::string text;
  if (std::getline(file, text) && !text.empty() && text != "max") {
    bytes = std::min<std::uint64_t>(bytes, std::stoull(text));
  }
  return bytes;
}

void MemoryWatch::sample(std::uint64_t tables) {
  const std::uint64_t allocated = counts_process_ ? allocated_bytes() : 0;
  active_ = allocated != 0 ? allocated : tables;
  used_ = allocated != 0 ? resident_bytes() : tables;
  peak_ = std::max(peak_, used_);
}

std::uint64_t MemoryWatch::excess() const {
  const std::uint64_t threshold = limit_ / 100 * evict_above_percent;
  return limit_ != 0 && used_ > threshold ? used_ - threshold : 0;
}

}  // namespace holdfast::node
