// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace holdfast::trial {

/// What the processes of a trial's own cluster take, all of a kind together.
struct Usage {
  std::uint64_t memory_bytes = 0;  // resident, of the nodes
  std::uint64_t open_files = 0;    // theirs
  std::uint64_t disk_bytes = 0;    // of their folders
  std::uint64_t etcd_disk_bytes = 0;
};

/// Of one process and of one folder with all below it; 0 where it is gone.
std::uint64_t resident_bytes(int process);
std::uint64_t open_files(int process);
std::uint64_t folder_bytes(const std::string& folder);

/// How one measure has changed from the middle third of a series to its last.
struct Growth {
  std::string what;
  double middle = 0, last = 0;  // means
  bool bounded = true;
  double percent() const { return middle == 0 ? 0 : (last / middle - 1) * 100; }
};

inline constexpr std::size_t growth_samples_min = 9;
inline constexpr double growth_percent_max = 10;

/// Nothing of fewer than growth_samples_min. What grows by some pages or files
/// only is bounded, whatever share that is; so is, on disks, what two segments
/// of each node's log and the write-ahead files that an etcd member keeps come
/// to, since they are made ready in whole and come and go.
std::vector<Growth> growth_of(std::span<const Usage> samples, std::size_t nodes,
                              std::size_t etcd_members);

}  // namespace holdfast::trial
