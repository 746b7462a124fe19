// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "log/file_system.h"

namespace holdfast {

/// A disk in memory that does to us what disks do: it forgets, tears, fills up,
/// fails and rots, by chance from a seed or where a test says. For tests and
/// the simulator. Any thread.
///
/// It keeps, of every 512-byte sector, what the kernel holds and what the disk
/// holds. A sync makes them equal, but only for what was written before it
/// began; besides, some sectors reach the disk at any time and in any order.
class FaultFileSystem final : public FileSystem {
 public:
  explicit FaultFileSystem(std::uint64_t seed = 1);
  ~FaultFileSystem() override;

  Result<std::unique_ptr<File>> open(const std::string& path, bool create) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;
  Status make_directory(const std::string& path) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status sync_directory(const std::string& path) override;

  /// The power goes and comes back. Of what was not synced, every sector is on
  /// disk or not, by chance; of a directory's changes, the first few are. Files
  /// open now answer nothing but errors for ever.
  void power_cut();
  /// After `operations` more that change something, the power is gone: every
  /// call fails until power_cut() brings it back.
  void lose_power_after(std::uint64_t operations);

  /// All files together may be this long.
  void set_capacity(std::uint64_t bytes);
  std::uint64_t used_bytes() const;

  /// The write, or sync, after `skipped` more of them fails with EIO; `repeat`:
  /// so do all after it. A failed write may have written its first part. After a
  /// failed sync the kernel takes for written what was not, as Linux does.
  void fail_write_after(std::uint64_t skipped, bool repeat = false);
  void fail_sync_after(std::uint64_t skipped, bool repeat = false);
  void heal();
  /// Reads give at most this many bytes at once.
  void set_read_bytes_max(std::size_t bytes);

  /// Syncs that begin from now on wait inside for the release.
  void hold_syncs();
  void release_syncs();
  /// Blocks until one waits.
  void await_held_sync();

  // For tests: what is in the files, and damage to it, on disk and in the kernel.
  std::vector<std::string> paths() const;
  std::string content(const std::string& path) const;
  void set_content(const std::string& path, std::string bytes);
  void flip_bit(const std::string& path, std::uint64_t bit);

  struct Counters {
    std::uint64_t writes = 0, written_bytes = 0, syncs = 0;
  };
  Counters counters() const;

 private:
  class OpenFile;
  struct Inode;
  struct Change;  // of a directory, not yet durable
  struct Failure {
    std::uint64_t skipped = 0;
    bool repeat = false;
  };
  using Lock = std::unique_lock<std::mutex>;
  using Names = std::map<std::string, std::shared_ptr<Inode>>;

  bool chance(unsigned percent) { return random_() % 100 < percent; }
  Status spend();  // one operation's worth of power
  static bool strikes(std::optional<Failure>& failure);
  static void apply(const Change& change, Names& names);
  std::uint64_t used(const Lock& lock) const;
  Status write(Inode& inode, std::uint64_t offset, std::string_view bytes);
  Status grow(Inode& inode, std::uint64_t size);
  Status sync(Inode& inode, std::uint64_t generation);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::mt19937_64 random_;
  std::set<std::string> directories_;
  Names names_;       // as the kernel has them
  Names disk_names_;  // as a power cut would leave them, changes_ aside
  std::vector<Change> changes_;
  std::uint64_t generation_ = 0;  // of the power
  std::optional<std::uint64_t> power_left_;
  std::uint64_t capacity_ = UINT64_MAX;
  std::size_t read_bytes_max_ = SIZE_MAX;
  std::optional<Failure> write_failure_;
  std::optional<Failure> sync_failure_;
  bool syncs_held_ = false;
  std::size_t syncs_waiting_ = 0;
  Counters counters_;
};

}  // namespace holdfast
