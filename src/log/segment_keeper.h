// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/error.h"
#include "log/file_system.h"
#include "log/segment.h"

namespace holdfast::log_format {

/// Makes a log's next segment ahead of need and removes those no longer needed,
/// on a thread of its own, so that neither delays an append or a sync. While
/// the disk is full it goes on trying.
class SegmentKeeper {
 public:
  struct Options {
    FileSystem& files;
    std::string directory;
    std::uint64_t log_id = 0;
    std::uint64_t fill_bytes_max = 0;  // a larger segment gets room, but no zeros written
    bool own_thread = true;            // false: everything happens within the calls
    std::function<void()> wake;        // a segment was made after it could not be
  };
  explicit SegmentKeeper(Options options);
  ~SegmentKeeper();

  struct Wanted {
    std::uint64_t number = 0;
    std::uint64_t bytes = 0;  // as large as this
    std::uint64_t least = 0;  // where the disk has not that much, at least this
    bool fill = true;         // with zeros, where it is not too large for that
  };
  struct Made {
    SegmentHeader header;
    std::shared_ptr<File> file;
  };

  /// Asks for it to be made, if it is not yet.
  void want(const Wanted& wanted);
  /// Gives it, after waiting for one that is being made. An error: the last try
  /// failed. Then one of `otherwise` is tried for in the background.
  Result<Made> take(const Wanted& wanted, const Wanted& otherwise);
  /// Ok, or why there is no next segment although one was tried for.
  Status failure() const;
  /// Bytes of the one made and not taken.
  std::uint64_t spare_bytes() const { return spare_bytes_.load(std::memory_order_relaxed); }

  /// Removes segment files, oldest first, each for good before the next: a
  /// power cut leaves no gap.
  void remove(std::string path);

  /// Without a thread of its own: tries again for what is wanted.
  void try_now();
  void stop();

 private:
  using Lock = std::unique_lock<std::mutex>;
  void run();
  void make(Lock& lock);
  Result<Made> make_one(const Wanted& wanted);
  void remove_next(Lock& lock);
  void discard(Lock& lock);

  Options options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Wanted> wanted_;  // until it is made
  std::optional<Made> made_;
  std::optional<Error> failure_;
  std::deque<std::string> removals_;
  bool removals_failed_ = false;
  std::atomic<std::uint64_t> spare_bytes_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace holdfast::log_format
