// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/units.h"
#include "log/fault_file_system.h"
#include "sim/agenda.h"
#include "table/memory_rows.h"

namespace holdfast::sim {

/// One machine: its disk, its clock, and what of a node outlives its process.
struct Host {
  Host(std::string the_name, std::uint64_t seed) : name(std::move(the_name)), files(seed) {}

  const std::string name;
  FaultFileSystem files;

  // RocksDB's place: each folder's rows, as the last commit left them. A commit is
  // whole or was never made; what RocksDB does for that is tested with its own files.
  std::map<std::string, std::shared_ptr<const MemoryRows>> tables;
  bool commits_fail = false;

  // The wall clock, and how it goes beside the true time.
  Instant began = instant_from_ms(1'700'000'000'000);
  Millis clock_ahead{0};
  double clock_rate = 1;
  Instant wall(Monotonic now) const {
    const auto passed = now.time_since_epoch();
    return began + clock_ahead +
           std::chrono::duration_cast<Millis>(std::chrono::duration<double, std::nano>(
               static_cast<double>(passed.count()) * clock_rate));
  }
  /// Begins to go at another rate, without a jump.
  void set_clock_rate(double rate, Monotonic now) {
    const Instant before = wall(now);
    clock_rate = rate;
    clock_ahead += before - wall(now);
  }

  /// All that it kept is gone, as when someone removes the folder.
  void wipe() {
    for (const std::string& path : files.paths()) static_cast<void>(files.remove(path));
    tables.clear();
  }

  std::uint64_t boots = 1;
  Millis sync_min{1}, sync_max{10};  // how long the disk takes
  Monotonic paused_until{};          // no process runs
};

/// A host's store of rows.
std::unique_ptr<Store> make_host_store(Host& host, std::string folder,
                                       std::function<bool()> is_alive);

}  // namespace holdfast::sim
