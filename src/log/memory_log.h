// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/limits.h"
#include "base/units.h"
#include "log/log.h"

namespace holdfast {

/// What several MemoryLogs share: the one order. Lives longer than each, as
/// etcd or a disk does, so a "restart" is a new MemoryLog over the same store.
struct MemoryLogStore {
  std::vector<std::string> entries;  // of positions first + 1 …
  Position trimmed;                  // everything up to here is forgotten
  Position last() const { return {trimmed.value + entries.size()}; }
};

/// A Log for tests: lands, delivers and fails when the test says so. One
/// thread, no clock. Several over one store are several nodes; each sees the
/// others' entries with token 0.
class MemoryLog final : public Log {
 public:
  explicit MemoryLog(std::shared_ptr<MemoryLogStore> store = std::make_shared<MemoryLogStore>(),
                     std::function<void()> wake = nullptr);

  Status follow(Position after, std::string_view, LogFollower& follower) override;
  Status append(std::string payload, Token token, Durability durability) override;
  void end(Millis timeout, std::function<void(Result<Position>)> done) override;
  void deliver() override;
  void trim(Position up_to) override;
  Status writable() const override;
  std::size_t entry_bytes_max() const override { return limits::entry_bytes_max; }
  std::uint64_t bytes_appended() const override { return bytes_appended_; }
  void close() override;

  // What a test turns.

  /// Appends are taken but do not land, until release().
  void hold() { held_ = true; }
  /// Lets the oldest `count` held appends land; then, if none is left, holds no more.
  void release(std::size_t count = SIZE_MAX);
  std::size_t held() const { return waiting_.size(); }

  /// The next append that lands fails instead, with this code: kUnavailable and
  /// kBusy did not happen; kUnknown did if `lands`, and then comes to everyone,
  /// the appender too, with token 0 (its token is spent by the failure).
  void fail_next(Code code, bool lands = false) { failures_.push_back({code, lands}); }

  /// append() and writable() refuse with this until allow().
  void refuse(Error error) { refusal_ = std::move(error); }
  void refuse_full() { refuse({Code::unavailable, "no room for the log on disk"}); }
  void allow() { refusal_.reset(); }

  /// Entries stay with the engine: deliver() hands over none, until it may again.
  void hold_delivery(bool held) { delivery_held_ = held; }

  /// Questions for the end wait; each is answered, with the end of then, by the
  /// deliver() after answer_ends(), or with the error given.
  void hold_ends() { ends_held_ = true; }
  void answer_ends(std::optional<Error> error = std::nullopt);
  std::size_t ends_waiting() const { return ends_.size(); }

  const MemoryLogStore& store() const { return *store_; }

 private:
  struct Waiting {
    std::string payload;
    Token token;
  };
  struct Failure {
    Code code;
    bool lands;
  };
  struct Outcome {  // of an own append, in order
    Token token;
    std::optional<Error> error;
    Position position;  // where it landed, if it did
  };
  void land(Waiting waiting);

  std::shared_ptr<MemoryLogStore> store_;
  std::function<void()> wake_;
  LogFollower* follower_ = nullptr;
  Position delivered_;
  std::uint64_t bytes_appended_ = 0;
  bool held_ = false;
  bool delivery_held_ = false;
  bool closed_ = false;
  std::deque<Waiting> waiting_;
  std::deque<Failure> failures_;
  std::deque<Outcome> outcomes_;
  std::optional<Error> refusal_;
  bool ends_held_ = false;
  std::deque<std::function<void(Result<Position>)>> ends_;
  std::deque<std::pair<std::function<void(Result<Position>)>, Result<Position>>> answers_;
};

}  // namespace holdfast
