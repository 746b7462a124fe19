// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/units.h"

namespace holdfast {

/// One element of the log: a batch of operations, opaque to the log.
struct LogEntry {
  Position position;
  std::string_view payload;  // valid during the call that delivers it
  std::uint64_t token = 0;   // what append() was given, 0 for another's or a replayed entry
};

/// How a log stands.
struct LogHealth {
  enum class State : std::uint8_t {
    ok,
    cut_off,  // the engine cannot be reached, or takes nothing now; it may again
    behind,   // entries that the follower lacks are gone: it needs a peer's checkpoint
    refused,  // what the engine holds is not the log that was followed: for good
  };
  State state = State::ok;
  std::string reason;  // for people
};

/// Told what the log holds, in order, each position once. Called on the
/// owner's thread, only from within Log::deliver().
class LogFollower {
 public:
  virtual ~LogFollower() = default;
  /// The next entry of the log. It is durable as its append asked, and final.
  virtual void on_entry(const LogEntry& entry) = 0;
  /// The append `token` did not happen (kUnavailable, kBusy) or may have or
  /// may yet (kUnknown).
  virtual void on_append_failed(std::uint64_t token, const Error& error) = 0;
};

/// The strong log: one durable order of entries, shared by all who follow it.
/// The shape of Delos' and Corfu's shared log (Balakrishnan et al., OSDI 2020).
///
/// Threads: every call on the owner's thread. Engines may have threads of their
/// own; they hand results over and call `wake` (given at construction, safe
/// from any thread), upon which the owner calls deliver().
class Log {
 public:
  using Token = std::uint64_t;
  virtual ~Log() = default;

  /// Calls the follower for every entry after `after`: those already there
  /// before this returns for a local engine, the rest from deliver(). Once.
  /// `place` is what place() gave when `after` was the last entry delivered;
  /// empty with position 0. Whether the engine can be reached, and holds the log
  /// that was followed, health() tells. kCorrupt when what is stored is damaged,
  /// naming file and offset.
  virtual Status follow(Position after, std::string_view place, LogFollower& follower) = 0;

  /// What the engine must be given back to follow on behind the entry delivered
  /// last: opaque, kept with the checkpoint.
  virtual std::string place() const { return {}; }

  /// Proposes the next entry. `token` is not 0 and never used before. Several
  /// may be under way; they land in the order of the calls. The outcome
  /// arrives at the follower, never from within this call. An error here means
  /// it was not taken at all: kUnavailable (full disk, failed disk, cut off),
  /// kBusy (too much under way), kErr (over entry_bytes_max).
  virtual Status append(std::string payload, Token token, Durability durability) = 0;

  /// Asks for the log's end: a position at least that of every append
  /// acknowledged, to anyone, before this call began. Never blocks; `done`
  /// runs from within this call or deliver(), with kUnavailable if no answer
  /// came within `timeout`.
  virtual void end(Millis timeout, std::function<void(Result<Position>)> done) = 0;

  /// What end() would answer, where the engine knows without asking anyone.
  virtual std::optional<Position> known_end() const { return std::nullopt; }

  /// Hands finished work to the follower. Call it after every wake and at the
  /// end of every turn. Cheap when there is none.
  virtual void deliver() = 0;

  /// Entries up to here are in a durable checkpoint; they may be forgotten.
  virtual void trim(Position up_to) = 0;

  /// Whether an append would be taken now; the reason if not.
  virtual Status writable() const = 0;
  virtual LogHealth health() const {
    const Status taken = writable();
    if (taken) return {};
    return {LogHealth::State::cut_off, taken.error().message};
  }

  /// The largest payload append() takes.
  virtual std::size_t entry_bytes_max() const = 0;

  /// Bytes given to append() since this start: what a checkpoint would let go.
  virtual std::uint64_t bytes_appended() const { return 0; }

  /// Makes all that was appended durable, delivers it, and closes.
  virtual void close() = 0;
};

}  // namespace holdfast
