// SPDX-License-Identifier: Apache-2.0
#include "node/memory.h"

#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
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

struct Resident {
  std::uint64_t all = 0, of_files = 0;  // bytes
};
Resident resident() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t total_pages = 0;
  Resident pages;
  file >> total_pages >> pages.all >> pages.of_files;
  const auto page_bytes = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  return {pages.all * page_bytes, pages.of_files * page_bytes};
}

std::atomic<std::uint64_t> own_files_bytes = 0;

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
  const Resident now = resident();
  // The kernel takes those back that lie in a file, whenever memory is short.
  const std::uint64_t spilled = now.of_files - std::min(now.of_files, own_files_bytes.load());
  return now.all - std::min(spilled, spilled_bytes());
}

void count_own_files() {
  own_files_bytes = resident().of_files;
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
