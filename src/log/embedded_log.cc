// SPDX-License-Identifier: Apache-2.0
#include "log/embedded_log.h"

#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "base/assert.h"
#include "base/limits.h"
#include "base/logging.h"

namespace holdfast {
namespace {

class EmbeddedLog final : public Log {
 public:
  explicit EmbeddedLog(std::unique_ptr<DiskLog> disk) : disk_(std::move(disk)) {}

  Status follow(Position after, std::string_view, LogFollower& follower) override {
    HF_ASSERT(follower_ == nullptr);
    if (disk_->last() < after) {
      logging::warning(
          "the log ends with entry {}, before the checkpoint's {}: a power cut took what was not "
          "yet on disk; it goes on after the checkpoint",
          disk_->last().value, after.value);
      if (Status s = disk_->start_after(after); !s) return s;
    }
    Status replayed = disk_->replay(after, [&](Position position, std::string_view payload) {
      follower.on_entry({.position = position, .payload = payload, .token = 0});
      return Status();
    });
    if (!replayed) return replayed;
    follower_ = &follower;
    delivered_ = disk_->last();
    return {};
  }

  Status append(std::string payload, Token token, Durability durability) override {
    HF_ASSERT(follower_ != nullptr && token != 0);
    if (waiting_bytes_ + payload.size() > limits::log_undelivered_bytes_max && !waiting_.empty()) {
      return fail(Code::busy, "too much waits for the log's disk");
    }
    const Result<Position> position = disk_->append(payload, durability);
    if (!position && position.error().code != Code::unknown) {
      return tl::unexpected(position.error());
    }
    Waiting waiting{.token = token, .durability = durability};
    if (position) {
      waiting.position = *position;
      waiting.payload = std::move(payload);
      waiting_bytes_ += waiting.payload.size();
    } else {
      waiting.error = position.error();
    }
    waiting_.push_back(std::move(waiting));
    return {};
  }

  void end(Millis, std::function<void(Result<Position>)> done) override { done(delivered_); }

  std::optional<Position> known_end() const override { return delivered_; }

  void deliver() override {
    // What a follower appends while it is told of an entry waits for the next call.
    std::size_t left = waiting_.size();
    if (left == 0) return;
    const bool lost = lost_ || disk_->lost();  // before synced(): then that one is final
    const Position synced = disk_->synced();
    for (; left > 0; --left) {
      const Waiting& next = waiting_.front();
      if (next.error) {
        fail_first();
        continue;
      }
      if (synced < next.position && (lost || next.durability == Durability::always)) break;
      Waiting entry = pop_first();
      delivered_ = entry.position;
      follower_->on_entry(
          {.position = entry.position, .payload = entry.payload, .token = entry.token});
    }
    for (; lost && left > 0; --left) fail_first();
  }

  void trim(Position up_to) override {
    HF_ASSERT(up_to <= delivered_);
    disk_->trim(up_to);
  }

  Status writable() const override { return disk_->health(); }
  std::size_t entry_bytes_max() const override { return limits::entry_bytes_max; }
  std::uint64_t bytes_appended() const override { return disk_->bytes_appended(); }

  void close() override {
    const Status closed = disk_->close();
    if (!closed) logging::error("the log was not closed well: {}", closed.error().message);
    lost_ = !closed;
    deliver();
  }

 private:
  struct Waiting {
    Position position;
    std::string payload;
    Token token = 0;
    Durability durability = Durability::always;
    std::optional<Error> error;  // it is not known to be in the log
  };

  Waiting pop_first() {
    Waiting first = std::move(waiting_.front());
    waiting_.pop_front();
    waiting_bytes_ -= first.payload.size();
    return first;
  }
  void fail_first() {
    static const Error lost{Code::unknown, "the log's disk failed while this was under way"};
    const Waiting first = pop_first();
    follower_->on_append_failed(first.token, first.error ? *first.error : lost);
  }

  std::unique_ptr<DiskLog> disk_;
  LogFollower* follower_ = nullptr;
  Position delivered_;
  std::deque<Waiting> waiting_;  // in order of position
  std::size_t waiting_bytes_ = 0;
  bool lost_ = false;  // closed without a last good sync
};

}  // namespace

std::unique_ptr<Log> make_embedded_log(std::unique_ptr<DiskLog> disk) {
  return std::make_unique<EmbeddedLog>(std::move(disk));
}

Result<std::unique_ptr<Log>> open_embedded_log(FileSystem& files, DiskLogOptions options) {
  auto disk = DiskLog::open(files, std::move(options));
  if (!disk) return tl::unexpected(disk.error());
  return make_embedded_log(std::move(*disk));
}

}  // namespace holdfast
