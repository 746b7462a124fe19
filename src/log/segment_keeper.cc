// SPDX-License-Identifier: Apache-2.0
#include "log/segment_keeper.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/logging.h"

namespace holdfast::log_format {
namespace {

// How soon writes go on after room returns to a full disk, at the latest.
constexpr std::chrono::milliseconds retry_interval{500};

}  // namespace

SegmentKeeper::SegmentKeeper(Options options) : options_(std::move(options)) {
  if (options_.own_thread) thread_ = std::thread([this] { run(); });
}

SegmentKeeper::~SegmentKeeper() {
  stop();
}

void SegmentKeeper::stop() {
  {
    const Lock lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void SegmentKeeper::want(const Wanted& wanted) {
  {
    const Lock lock(mutex_);
    if (wanted_ || made_) return;
    wanted_ = wanted;
  }
  changed_.notify_all();
}

Result<SegmentKeeper::Made> SegmentKeeper::take(const Wanted& wanted, const Wanted& otherwise) {
  Lock lock(mutex_);
  while (true) {
    if (made_) {
      if (made_->header.bytes >= wanted.least) {
        Made made = std::move(*made_);
        made_.reset();
        spare_bytes_ = 0;
        return made;
      }
      discard(lock);
      continue;
    }
    const bool asked = wanted_ && wanted_->least >= wanted.least;
    if (asked && failure_ && options_.own_thread) {
      Error error = *failure_;
      if (wanted_->least > otherwise.least) {  // room for less may be there: that was not tried
        wanted_ = otherwise;
        failure_.reset();
        changed_.notify_all();
      }
      return tl::unexpected(std::move(error));
    }
    if (!asked) {
      wanted_ = wanted;
      failure_.reset();
    }
    if (options_.own_thread) {
      changed_.notify_all();
      changed_.wait(lock, [this] { return made_ || failure_ || stop_; });
      if (stop_) return fail(Code::unavailable, "the log is closed");
    } else {
      make(lock);
      if (!made_) {
        Error error = *failure_;
        wanted_ = otherwise;
        return tl::unexpected(std::move(error));
      }
    }
  }
}

Status SegmentKeeper::failure() const {
  const Lock lock(mutex_);
  if (made_ || !failure_) return {};
  return tl::unexpected(*failure_);
}

void SegmentKeeper::discard(Lock& lock) {
  const std::string path = options_.directory + "/" + segment_name(made_->header.number);
  made_.reset();
  spare_bytes_ = 0;
  // Under the lock, so that none of the same name is made meanwhile. A failure
  // shows when that is tried.
  (void)options_.files.remove(path);
  (void)options_.files.sync_directory(options_.directory);
  (void)lock;
}

Result<SegmentKeeper::Made> SegmentKeeper::make_one(const Wanted& wanted) {
  std::uint64_t bytes = std::max(wanted.bytes, wanted.least);
  while (true) {
    const SegmentHeader header{.log_id = options_.log_id, .number = wanted.number, .bytes = bytes};
    auto file = make_segment(options_.files, options_.directory, header,
                             wanted.fill && bytes <= options_.fill_bytes_max, &stop_);
    if (file) return Made{header, std::move(*file)};
    if (file.error().code != Code::no_space || bytes == wanted.least) {
      return tl::unexpected(file.error());
    }
    bytes = std::max(wanted.least, bytes / 2 / alignment * alignment);
  }
}

void SegmentKeeper::make(Lock& lock) {
  const Wanted wanted = *wanted_;
  lock.unlock();
  auto made = make_one(wanted);
  lock.lock();
  if (made) {
    const bool failed_before = failure_.has_value();
    failure_.reset();
    // What is wanted may have grown meanwhile; take() then sees that this is too small.
    if (wanted_ && wanted_->least <= made->header.bytes) wanted_.reset();
    spare_bytes_ = made->header.bytes;
    made_ = std::move(*made);
    if (failed_before) {
      logging::info("{}: there is room for the log again", options_.directory);
      lock.unlock();
      if (options_.wake) options_.wake();
      lock.lock();
    }
    return;
  }
  if (stop_) return;
  if (!failure_) {
    logging::warning("{}: no room for the log's next segment: {}", options_.directory,
                     made.error().message);
  }
  failure_ = std::move(made.error());
}

void SegmentKeeper::remove(std::string path) {
  Lock lock(mutex_);
  if (removals_failed_) return;
  removals_.push_back(std::move(path));
  if (options_.own_thread) {
    lock.unlock();
    changed_.notify_all();
  } else {
    remove_next(lock);
  }
}

void SegmentKeeper::remove_next(Lock& lock) {
  const std::string path = std::move(removals_.front());
  removals_.pop_front();
  lock.unlock();
  Status removed = options_.files.remove(path);
  if (removed) removed = options_.files.sync_directory(options_.directory);
  lock.lock();
  if (removed) return;
  // Then those after it stay too, or a later start would find a gap. It trims
  // them again.
  logging::warning("old log files stay, one could not be removed: {}", removed.error().message);
  removals_failed_ = true;
  removals_.clear();
}

void SegmentKeeper::try_now() {
  Lock lock(mutex_);
  if (wanted_ && !made_) make(lock);
}

void SegmentKeeper::run() {
  Lock lock(mutex_);
  while (!stop_) {
    if (!removals_.empty()) {  // first: it may be what makes room
      remove_next(lock);
    } else if (wanted_ && !made_ && !failure_) {
      make(lock);
      changed_.notify_all();
    } else if (wanted_ && !made_) {
      const std::uint64_t least = wanted_->least;
      changed_.wait_for(lock, retry_interval, [&] {
        return stop_ || !removals_.empty() || !failure_ || wanted_->least != least;
      });
      if (!stop_ && wanted_ && !made_) {
        make(lock);
        changed_.notify_all();
      }
    } else {
      changed_.wait(lock, [this] { return stop_ || !removals_.empty() || (wanted_ && !made_); });
    }
  }
}

}  // namespace holdfast::log_format
