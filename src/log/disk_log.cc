// SPDX-License-Identifier: Apache-2.0
#include "log/disk_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/logging.h"
#include "log/record.h"
#include "log/recovery.h"
#include "log/segment.h"
#include "log/segment_keeper.h"

namespace holdfast {
namespace {

using Clock = std::chrono::steady_clock;
using Lock = std::unique_lock<std::mutex>;
using log_format::Kind;
using log_format::record_bytes;
using log_format::record_header_bytes;
using log_format::segment_header_bytes;

// Kept free at the end of every segment, for the record that says it was closed.
constexpr std::size_t clean_bytes = record_header_bytes;
// Between a reserve() and its append at most one mark comes: marks follow syncs
// of new entries, and there are none meanwhile.
constexpr std::size_t mark_bytes = record_header_bytes;
// Less than this left and no next segment: the log says that it is full.
constexpr std::size_t low_room_bytes = 64_KiB;
// A sync that takes less is not worth another thread.
// Over so much, a sync does not wait for its time: the kernel holds up whoever writes when there is
// much that it has yet to write.
constexpr std::size_t unsynced_bytes_max = 8_MiB;
// Of a log that fills its files faster than this, the zeros would be half of what the disk has to
// write, and its syncs write so much that the metadata does not count.
constexpr Clock::duration quick_segment = std::chrono::seconds(1);
constexpr Clock::duration quick_sync = std::chrono::microseconds(200);
// Records up to this size are put together and written with one call.
constexpr std::size_t one_write_bytes_max = 1_MiB;

std::size_t records_bytes(std::span<const std::string_view> payloads) {
  std::size_t bytes = 0;
  for (const std::string_view payload : payloads) bytes += record_bytes(payload.size());
  return bytes;
}

std::uint64_t random_log_id() {
  std::random_device random;
  return (std::uint64_t{random()} << 32 | random()) | 1;  // never 0
}

class Impl final : public DiskLog {
 public:
  Impl(FileSystem& files, DiskLogOptions options, log_format::Recovered found)
      : files_(files),
        options_(std::move(options)),
        log_id_(found.segments.back().header.log_id),
        segments_(std::move(found.segments)),
        first_(found.first),
        closed_cleanly_(found.clean),
        tail_was_cut_(found.cut),
        active_(std::move(found.active)),
        header_(segments_.back().header),
        tail_(found.tail),
        written_(found.last),
        synced_(found.last.value),
        keeper_({.files = files,
                 .directory = options_.directory,
                 .log_id = log_id_,
                 .fill_bytes_max = options_.segment_bytes,
                 .own_thread = options_.own_threads,
                 .wake = options_.wake}) {
    disk_bytes_ = 0;
    for (const auto& segment : segments_) disk_bytes_ += segment.header.bytes;
  }

  ~Impl() override { stop_threads(); }

  Status start() {
    // On disk before anything is appended: else a power cut could take an
    // entry that was told to others, and leave a log that looks well closed.
    mark_open_ = true;
    if (Status s = mark_open(); !s && s.error().code != Code::unavailable) return s;
    if (options_.own_threads) thread_ = std::thread([this] { run(); });
    return {};
  }

  Status replay(Position after,
                const std::function<Status(Position, std::string_view)>& each) override {
    HF_ASSERT(!appended_);
    if (after.next() < first_) {
      return fail(Code::corrupt, fmt::format("{}: the log begins with entry {}, but the checkpoint "
                                             "ends with {}",
                                             options_.directory, first_.value, after.value));
    }
    return log_format::replay(files_, segments_, tail_, after, each);
  }

  Result<std::optional<LogEntry>> next(LogCursor& cursor) override {
    if (cursor.at().next() < first_) {
      return fail(Code::unavailable, fmt::format("entry {} is no longer in the log, which begins "
                                                 "with {}",
                                                 cursor.at().value + 1, first_.value));
    }
    return move_on(cursor, files_, segments_, tail_);
  }

  Result<Position> append_all(std::span<const std::string_view> payloads,
                              Durability durability) override;
  Status reserve(std::size_t payload_bytes) override {
    if (Status s = refusal(); !s) return s;
    return ensure_room(claimed_bytes_ + record_bytes(payload_bytes) + mark_bytes);
  }
  void claim(std::size_t payload_bytes) override { claimed_bytes_ += record_bytes(payload_bytes); }

  bool closed_cleanly() const override { return closed_cleanly_; }
  bool tail_was_cut() const override { return tail_was_cut_; }
  std::uint64_t id() const override { return log_id_; }
  Position first() const override { return first_; }
  Position last() const override { return written_; }
  Position synced() const override { return {synced_.load(std::memory_order_acquire)}; }
  Status health() const override;
  bool lost() const override { return lost_.load(std::memory_order_acquire); }
  void trim(Position up_to) override;
  Status start_after(Position last) override;
  std::uint64_t bytes_on_disk() const override { return disk_bytes_ + keeper_.spare_bytes(); }
  std::uint64_t bytes_appended() const override { return bytes_appended_; }
  void sync_now() override;
  Status close() override;

 private:
  Status refusal() const;
  Status mark_open();
  std::uint64_t room() const { return header_.bytes - tail_; }
  Status ensure_room(std::size_t bytes);
  bool fills_fast() const;
  Status rotate(std::size_t bytes);
  log_format::SegmentKeeper::Wanted next_segment(std::size_t record_bytes) const;
  std::size_t together(std::span<const std::string_view> payloads) const;
  Status append_together(std::span<const std::string_view> payloads, Durability durability);
  Status write_records(Kind kind, Position first, Position synced,
                       std::span<const std::string_view> payloads);
  Status write_record(Kind kind, Position position, Position synced, std::string_view payload) {
    return write_records(kind, position, synced, {&payload, 1});
  }
  void remove_trimmed();
  void run();
  bool syncs_are_quick() const;
  bool sync_all(Lock& lock);
  void mark_synced();
  Status write_durably(Kind kind, Position position);
  Status undo(std::uint64_t offset, std::size_t bytes, const Error& error);
  void broke(Error error);
  void lose(Error error);
  void stop_threads();

  FileSystem& files_;
  const DiskLogOptions options_;
  const std::uint64_t log_id_;

  // The owner's own.
  std::deque<log_format::Segment> segments_;
  Position first_;
  Position trimmed_;
  bool closed_cleanly_;
  bool tail_was_cut_;
  bool mark_open_ = false;  // still to be written, before any entry
  std::uint64_t spare_wanted_for_ = 0;
  Clock::time_point segment_began_ = Clock::now();  // was the active one taken
  std::uint64_t disk_bytes_ = 0;
  std::uint64_t bytes_appended_ = 0;
  std::size_t claimed_bytes_ = 0;  // records of the next append_all()
  bool appended_ = false;
  std::optional<Status> closed_;

  // Written by the owner under the mutex, so that the log's thread, which reads
  // them and writes marks, sees them whole. The owner alone reads without it
  // what only it writes (active_, header_, written_).
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<File> active_;
  log_format::SegmentHeader header_;
  std::atomic<std::uint64_t> tail_;
  Position written_;
  Position marked_;                          // the greatest `synced` that a record on file carries
  std::vector<std::shared_ptr<File>> full_;  // segments left since their last sync began
  bool dirty_ = false;                       // something was written since the last sync began
  std::size_t unsynced_bytes_ = 0;           // since the last sync began
  bool sync_wanted_ = false;
  bool syncing_ = false;
  Clock::duration sync_average_ = 2 * quick_sync;  // of the last eight or so
  Clock::time_point sync_due_;
  bool stop_ = false;
  std::optional<Error> sync_error_;   // for good
  std::optional<Error> write_error_;  // for good
  std::string buffer_;

  std::atomic<std::uint64_t> synced_;
  std::atomic<bool> broken_{false};  // either error is there
  std::atomic<bool> lost_{false};    // sync_error_ is
  log_format::SegmentKeeper keeper_;
  std::thread thread_;
};

Status Impl::refusal() const {
  if (closed_) return fail(Code::unavailable, "the log is closed");
  if (!broken_.load(std::memory_order_acquire)) return {};
  const Lock lock(mutex_);
  const Error& error = sync_error_ ? *sync_error_ : *write_error_;
  return fail(Code::unavailable, "the log's disk failed: " + error.message);
}

Status Impl::health() const {
  if (Status s = refusal(); !s) return s;
  if (room() >= low_room_bytes) return {};
  const Status made = keeper_.failure();
  if (made) return {};
  return fail(Code::unavailable, "no room for the log on disk: " + made.error().message);
}

log_format::SegmentKeeper::Wanted Impl::next_segment(std::size_t record_bytes) const {
  // The head and, besides the record, the marks that may come before and after it.
  const std::uint64_t least = segment_header_bytes + record_bytes + 2 * mark_bytes + clean_bytes;
  const std::uint64_t grown = std::min<std::uint64_t>(header_.bytes * 2, options_.segment_bytes);
  return {.number = header_.number + 1,
          .bytes = std::max(grown, least),
          .least = std::max<std::uint64_t>(
              least, std::min<std::uint64_t>(grown, limits::segment_bytes_min)),
          .fill = !fills_fast()};
}

bool Impl::fills_fast() const {
  if (!options_.own_threads) return false;
  const auto share = static_cast<double>(tail_.load()) / static_cast<double>(header_.bytes);
  return Clock::now() - segment_began_ < std::chrono::duration<double>(quick_segment) * share;
}

Status Impl::ensure_room(std::size_t bytes) {
  if (mark_open_) {
    if (Status s = mark_open(); !s) return s;
  }
  if (room() < bytes + clean_bytes) {
    if (Status s = rotate(bytes); !s) return s;
  }
  if (room() < header_.bytes / 2 && spare_wanted_for_ != header_.number + 1) {
    spare_wanted_for_ = header_.number + 1;
    keeper_.want(next_segment(0));
  }
  return {};
}

Status Impl::rotate(std::size_t bytes) {
  auto next = keeper_.take(next_segment(bytes), next_segment(0));
  if (!next) {
    return fail(Code::unavailable, "no room for the log on disk: " + next.error().message);
  }
  segments_.back().last = written_;
  segments_.push_back(
      {.header = next->header,
       .path = options_.directory + "/" + log_format::segment_name(next->header.number),
       .last = written_});
  disk_bytes_ += next->header.bytes;
  const Lock lock(mutex_);
  full_.push_back(std::move(active_));
  active_ = std::move(next->file);
  header_ = next->header;
  tail_ = segment_header_bytes;
  segment_began_ = Clock::now();
  return {};
}

Status Impl::mark_open() {
  if (room() < mark_bytes + clean_bytes) {
    if (Status s = rotate(mark_bytes); !s) return s;
  }
  const Lock lock(mutex_);
  if (Status s = write_durably(Kind::mark, written_); !s) return s;
  mark_open_ = false;
  return {};
}

// With the mutex held; more than one only up to one_write_bytes_max. An error: kUnavailable,
// nothing of it is left; kUnknown, it may be found.
Status Impl::write_records(Kind kind, Position first, Position synced,
                           std::span<const std::string_view> payloads) {
  const log_format::Place place{
      .log_id = log_id_, .segment = header_.number, .offset = tail_.load()};
  const std::size_t bytes = records_bytes(payloads);
  HF_ASSERT(bytes <= room());
  buffer_.clear();
  Status written;
  if (bytes <= one_write_bytes_max) {
    Position position = first;
    log_format::Place next = place;
    for (const std::string_view payload : payloads) {
      log_format::put_record(buffer_, kind, position, synced, payload, next);
      position = position.next();
      next.offset = place.offset + buffer_.size();
    }
    HF_ASSERT(buffer_.size() == bytes);
    written = active_->write_at(place.offset, buffer_);
  } else {
    HF_ASSERT(payloads.size() == 1);
    const std::string_view payload = payloads.front();
    // The header last: until it stands there, there is no record.
    log_format::put_header(buffer_,
                           {.kind = kind,
                            .position = first,
                            .synced = synced,
                            .payload_bytes = static_cast<std::uint32_t>(payload.size()),
                            .payload_checksum = log_format::payload_checksum(payload, first)},
                           place);
    const std::uint64_t body = place.offset + record_header_bytes;
    const std::string padding(bytes - record_header_bytes - payload.size(), '\0');
    written = active_->write_at(body, payload);
    if (written && !padding.empty()) written = active_->write_at(body + payload.size(), padding);
    if (written) written = active_->write_at(place.offset, buffer_);
  }
  if (!written) return undo(place.offset, bytes, written.error());
  tail_ += bytes;
  marked_ = std::max(marked_, synced);
  return {};
}

// With the mutex held, when everything up to `position` is on disk.
Status Impl::write_durably(Kind kind, Position position) {
  if (Status s = write_record(kind, position, position, {}); !s) return s;
  if (Status s = active_->sync(); !s) {
    lose(s.error());
    return s;
  }
  return {};
}

// A record of which a part may have been written, and the kernel may have passed
// that on, comes back after a power cut unless zeros are on disk in its place.
Status Impl::undo(std::uint64_t offset, std::size_t bytes, const Error& error) {
  // Copy-on-write disks can be full here although the file has its room; the
  // next append may find space.
  if (error.code != Code::no_space) broke(error);
  if (Status s = log_format::write_zeros(*active_, offset, offset + bytes); !s) {
    return fail(Code::unknown, error.message);
  }
  if (Status s = active_->sync(); !s) {
    lose(std::move(s.error()));
    return fail(Code::unknown, error.message);
  }
  return fail(Code::unavailable, error.message);
}

Result<Position> Impl::append_all(std::span<const std::string_view> payloads,
                                  Durability durability) {
  HF_ASSERT(!payloads.empty());
  claimed_bytes_ = 0;
  for (const std::string_view payload : payloads) {
    if (payload.size() > limits::entry_bytes_max)
      return fail(Code::err, "the entry is larger than a log can hold");
  }
  while (!payloads.empty()) {
    if (Status s = refusal(); !s) return tl::unexpected(s.error());
    const std::size_t count = together(payloads);
    const Durability asked = count == payloads.size() ? durability : Durability::everysec;
    if (Status s = append_together(payloads.first(count), asked); !s)
      return tl::unexpected(s.error());
    payloads = payloads.subspan(count);
  }
  return written_;
}

// How many of them one write takes: at least one, and as many more as find room beside it.
std::size_t Impl::together(std::span<const std::string_view> payloads) const {
  const std::uint64_t left = room() - std::min<std::uint64_t>(room(), mark_bytes + clean_bytes);
  const std::size_t bytes_max = std::min<std::uint64_t>(left, one_write_bytes_max);
  std::size_t bytes = record_bytes(payloads.front().size());
  std::size_t count = 1;
  while (count < payloads.size()) {
    bytes += record_bytes(payloads[count].size());
    if (bytes > bytes_max) break;
    ++count;
  }
  return count;
}

Status Impl::append_together(std::span<const std::string_view> payloads, Durability durability) {
  const std::size_t bytes = records_bytes(payloads);
  bool notify = false;
  {
    Lock lock(mutex_, std::defer_lock);
    while (true) {
      if (Status s = ensure_room(bytes); !s) return s;
      lock.lock();
      if (room() >= bytes + clean_bytes) break;
      lock.unlock();  // a mark took the last of it
    }
    if (Status s = write_records(Kind::entry, written_.next(), synced(), payloads); !s) return s;
    written_.value += payloads.size();
    unsynced_bytes_ += bytes;
    if (!sync_wanted_ && !syncing_ && unsynced_bytes_ >= unsynced_bytes_max) {
      sync_wanted_ = true;
      notify = true;
    }
    if (!dirty_) {
      dirty_ = true;
      sync_due_ = Clock::now() + options_.sync_interval;
      notify = true;
    }
    if (durability == Durability::always && !sync_wanted_) {
      if (syncs_are_quick()) {
        sync_all(lock);
        notify = false;
      } else {
        sync_wanted_ = true;
        notify = true;
      }
    }
  }
  appended_ = true;
  for (const std::string_view payload : payloads) bytes_appended_ += payload.size();
  if (notify) changed_.notify_one();
  return {};
}

void Impl::trim(Position up_to) {
  trimmed_ = std::max(trimmed_, up_to);
  remove_trimmed();
}

void Impl::remove_trimmed() {
  // Some entry after the removed ones must be on disk, or a power cut could
  // leave a log that does not know how far its positions had come.
  while (segments_.size() > 1 && segments_.front().last <= trimmed_ &&
         segments_.front().last < synced()) {
    first_ = std::max(first_, segments_.front().last.next());
    disk_bytes_ -= segments_.front().header.bytes;
    keeper_.remove(segments_.front().path);
    segments_.pop_front();
  }
}

Status Impl::start_after(Position last) {
  HF_ASSERT(!appended_);
  if (Status s = refusal(); !s) return s;
  if (last < written_) {
    return fail(Code::err, fmt::format("the log holds entries up to {}, it cannot go on after {}",
                                       written_.value, last.value));
  }
  if (last == written_ && first_ == last.next()) return {};
  if (Status s = ensure_room(record_bytes(0)); !s) return s;
  {
    const Lock lock(mutex_);
    if (Status s = write_durably(Kind::base, last); !s) return s;
    written_ = last;
    synced_.store(last.value, std::memory_order_release);
  }
  first_ = last.next();
  segments_.back().last = last;
  trim(last);
  return {};
}

// These two with the mutex held.
void Impl::broke(Error error) {
  logging::error("log: a write failed, no more are taken: {}", error.message);
  if (!write_error_) write_error_ = std::move(error);
  broken_.store(true, std::memory_order_release);
}

void Impl::lose(Error error) {
  logging::error("log: a sync failed, no more writes are taken: {}", error.message);
  if (!sync_error_) sync_error_ = std::move(error);
  lost_.store(true, std::memory_order_release);
  broken_.store(true, std::memory_order_release);
}

void Impl::run() {
  Lock lock(mutex_);
  while (!stop_) {
    if (!dirty_ || sync_error_) {
      const bool changed = changed_.wait_for(lock, options_.sync_interval,
                                             [this] { return stop_ || (dirty_ && !sync_error_); });
      if (!changed && !sync_error_) mark_synced();  // for what the owner synced
    } else if (!sync_wanted_ && Clock::now() < sync_due_) {
      changed_.wait_until(lock, sync_due_, [this] { return stop_ || sync_wanted_; });
    } else {
      const bool ok = sync_all(lock);
      lock.unlock();
      if (options_.wake) options_.wake();
      lock.lock();
      if (ok) mark_synced();
    }
  }
}

// With the mutex held. To hand a sync over and be woken by it costs more than a
// quick disk takes for it: strong INCR, 50 connections, 90,000/s with the thread
// and 121,000/s without, at 50 µs a sync. A slow sync ends it until the thread
// has seen several quick ones.
bool Impl::syncs_are_quick() const {
  return options_.own_threads && !syncing_ && !sync_error_ && sync_average_ < quick_sync;
}

// Syncs what is written now; what comes meanwhile is the next sync's.
bool Impl::sync_all(Lock& lock) {
  const Position target = written_;
  std::vector<std::shared_ptr<File>> files = full_;
  files.push_back(active_);
  dirty_ = false;
  sync_wanted_ = false;
  unsynced_bytes_ = 0;
  syncing_ = true;
  lock.unlock();
  Status s;
  const auto began = Clock::now();
  for (std::size_t i = 0; i < files.size() && s; ++i) s = files[i]->sync();
  const auto took = Clock::now() - began;
  lock.lock();
  syncing_ = false;
  sync_average_ += (took - sync_average_) / 8;
  if (!s) lose(std::move(s.error()));
  // Or another sync met the error: the kernel tells each once.
  if (sync_error_) return false;
  full_.erase(full_.begin(), full_.begin() + static_cast<std::ptrdiff_t>(files.size() - 1));
  if (synced() < target) synced_.store(target.value, std::memory_order_release);
  return true;
}

// When nothing follows that would carry it, a record of its own says how far
// the disk is: what it covers cannot be taken for torn any more. It goes to
// disk with the next sync.
void Impl::mark_synced() {
  if (dirty_ || write_error_ || synced() <= marked_) return;
  if (room() < mark_bytes + clean_bytes) return;
  if (!write_record(Kind::mark, written_, synced(), {})) return;
  dirty_ = true;
  sync_due_ = Clock::now() + options_.sync_interval;
}

void Impl::sync_now() {
  keeper_.try_now();
  Lock lock(mutex_);
  if (!dirty_ || sync_error_ || closed_) return;
  const bool ok = sync_all(lock);
  lock.unlock();
  if (options_.wake) options_.wake();
  lock.lock();
  if (ok) mark_synced();
}

void Impl::stop_threads() {
  {
    const Lock lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  keeper_.stop();
}

Status Impl::close() {
  if (closed_) return *closed_;
  stop_threads();
  Lock lock(mutex_);
  const auto finish = [&]() -> Status {
    if (sync_error_) return tl::unexpected(*sync_error_);
    if (!sync_all(lock)) return tl::unexpected(*sync_error_);
    if (write_error_) return tl::unexpected(*write_error_);
    if (mark_open_) return {};  // the clean end that is there still is
    return write_durably(Kind::clean, written_);
  };
  closed_ = finish();
  return *closed_;
}

}  // namespace

Result<std::unique_ptr<DiskLog>> DiskLog::open(FileSystem& files, DiskLogOptions options) {
  if (Status s = files.make_directory(options.directory); !s) return tl::unexpected(s.error());
  auto found = log_format::recover(files, options.directory);
  if (!found) return tl::unexpected(found.error());
  if (!*found) {
    const log_format::SegmentHeader header{
        .log_id = options.log_id != 0 ? options.log_id : random_log_id(),
        .number = 1,
        .bytes = std::min(options.segment_bytes, options.segment_bytes_first)};
    auto file = log_format::make_segment(files, options.directory, header, true);
    if (!file) return tl::unexpected(file.error());
    log_format::Recovered made;
    made.segments.push_back({.header = header,
                             .path = options.directory + "/" + log_format::segment_name(1),
                             .last = {}});
    made.active = std::move(*file);
    made.tail = log_format::segment_header_bytes;
    made.first = Position{1};
    made.clean = true;
    *found = std::move(made);
  }
  auto log = std::make_unique<Impl>(files, std::move(options), std::move(**found));
  if (Status s = log->start(); !s) return tl::unexpected(s.error());
  return log;
}

}  // namespace holdfast
