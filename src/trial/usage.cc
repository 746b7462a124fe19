// SPDX-License-Identifier: Apache-2.0
#include "trial/usage.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace holdfast::trial {
namespace fs = std::filesystem;

namespace {

constexpr double bytes_slack = 32 << 20;
constexpr double files_slack = 30;
constexpr double node_segments_bytes = 2.0 * (64 << 20);  // limits::segment_bytes
constexpr double etcd_files_bytes = 5.0 * (64 << 20);     // its --max-wals

}  // namespace

std::uint64_t resident_bytes(int process) {
  std::ifstream file(fmt::format("/proc/{}/statm", process));
  std::uint64_t all_pages = 0, resident_pages = 0;
  file >> all_pages >> resident_pages;
  return file ? resident_pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

std::uint64_t open_files(int process) {
  std::error_code gone;
  std::uint64_t count = 0;
  for (fs::directory_iterator it(fmt::format("/proc/{}/fd", process), gone), end;
       !gone && it != end; it.increment(gone))
    ++count;
  return count;
}

std::uint64_t folder_bytes(const std::string& folder) {
  std::error_code gone;
  std::uint64_t bytes = 0;
  for (fs::recursive_directory_iterator it(folder, gone), end; !gone && it != end;
       it.increment(gone)) {
    std::error_code moved;  // files come and go
    if (it->is_regular_file(moved) && !moved) {
      const auto size = it->file_size(moved);
      if (!moved) bytes += size;
    }
  }
  return bytes;
}

std::vector<Growth> growth_of(std::span<const Usage> samples, std::size_t nodes,
                              std::size_t etcd_members) {
  if (samples.size() < growth_samples_min) return {};
  const std::size_t third = samples.size() / 3;
  const auto compare = [&](const char* what, std::uint64_t Usage::*measure, double slack) {
    Growth growth{.what = what};
    for (std::size_t i = 0; i < third; ++i) {
      growth.middle += static_cast<double>(samples[third + i].*measure);
      growth.last += static_cast<double>(samples[samples.size() - third + i].*measure);
    }
    growth.middle /= static_cast<double>(third);
    growth.last /= static_cast<double>(third);
    growth.bounded = growth.last - growth.middle <= slack || growth.percent() <= growth_percent_max;
    return growth;
  };
  return {
      compare("nodes' memory", &Usage::memory_bytes, bytes_slack),
      compare("nodes' open files", &Usage::open_files, files_slack),
      compare("nodes' disk", &Usage::disk_bytes, node_segments_bytes * static_cast<double>(nodes)),
      compare("etcd's disk", &Usage::etcd_disk_bytes,
              etcd_files_bytes * static_cast<double>(etcd_members))};
}

}  // namespace holdfast::trial
