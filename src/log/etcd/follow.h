// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "log/etcd/api.h"
#include "log/etcd/keys.h"
#include "log/log.h"

namespace holdfast::etcd {

/// Reads the log from etcd: each entry once, in the order of revisions, none
/// left out, whatever the watch does.
///
/// An append puts two keys in one revision: the entry's, and the tail, whose
/// version counts all appends there ever were. So every entry comes with its
/// ordinal, and the next one must have the next: an event that a watch lost,
/// repeated or put out of order (etcd 3.4 has done all three) is noticed before
/// anything behind it is delivered; the missing ones are then read with a range.
/// What is lost at the end is noticed because the tail is asked for all along.
///
/// Pure but for the Api it is given. One thread.
class Follow {
 public:
  using OnEntry = std::function<void(Position, std::string_view key, std::string_view payload)>;
  /// `log_id`: drawn at random, for a log that is not there yet.
  Follow(Api& api, const Keys& keys, std::string log_id, OnEntry on_entry);

  /// kCorrupt: the place is none. Does not wait for etcd.
  Status start(Position after, std::string_view place);
  /// Goes on with what is due. After every Api::deliver(), and now and then.
  void step();

  /// An answer was heard, at whose moment etcd was at this revision.
  void heard(const Header& header);
  void not_heard(const Failure& failure);
  /// The tail was asked for when `asked_at` was delivered, and is this.
  void heard_tail(const RangeResult& tail, Position asked_at);

  const LogHealth& health() const { return health_; }
  Position delivered() const { return {position_}; }
  std::uint64_t ordinal() const { return ordinal_; }
  std::string place() const;

  struct Counters {
    std::uint64_t repeats = 0;    // events skipped because they came before
    std::uint64_t gaps = 0;       // events missing, halved or out of order
    std::uint64_t silences = 0;   // the tail was ahead of a watch that said nothing
    std::uint64_t refetches = 0;  // times the log was read by ranges
    std::uint64_t watches = 0;    // times a watch was begun
    std::uint64_t doubts = 0;     // answers that do not fit what was delivered
  };
  const Counters& counters() const { return counters_; }

 private:
  enum class Stage : std::uint8_t { stopped, waiting, asking, fetching, watching };
  struct Half {  // of a revision's two events
    std::optional<KeyValue> entry;
    std::optional<std::uint64_t> ordinal;
  };

  void ask();
  void on_heads(RangeResult heads);
  void make_log();
  void on_made(TransactionResult made);
  void check_key();
  void on_key(RangeResult key);
  void go_on();
  void fetch_page(std::string from);
  void on_page(RangeResult page);
  void on_fetched();
  void watch(std::uint64_t from);
  void on_events(WatchEvents events);
  void deliver(std::uint64_t position, std::uint64_t ordinal, const KeyValue& entry);
  void restart(bool fetch, Millis delay);
  void retry(const Failure& failure);
  void doubt(const std::string& reason);
  void refuse(std::string reason);
  template <typename T>
  Done<T> on(void (Follow::*answered)(T));

  Api& api_;
  const Keys& keys_;
  std::string new_log_id_;
  OnEntry on_entry_;

  Stage stage_ = Stage::stopped;
  LogHealth health_;
  std::uint64_t epoch_ = 0;  // answers to questions of an earlier one are void
  bool must_fetch_ = false;
  Monotonic not_before_{};
  Millis backoff_{0};

  std::uint64_t cluster_id_ = 0;  // 0: none known yet
  std::string log_id_;
  std::uint64_t position_ = 0;
  std::uint64_t ordinal_ = 0;
  std::string key_;

  // While asking and fetching: what the log is at the revision asked about.
  std::int64_t asked_revision_ = 0;
  std::uint64_t tail_position_ = 0;
  std::uint64_t tail_ordinal_ = 0;
  std::uint64_t entries_there_ = 0;
  std::uint64_t trimmed_ = 0;  // entries before this position may be gone
  bool key_missing_ = false;
  std::vector<KeyValue> fetched_;

  std::map<std::uint64_t, Half> halves_;  // by revision
  std::uint64_t known_end_ = 0;
  Monotonic moved_{};       // when something was delivered or a new end heard of
  Monotonic heard_at_{};    // an answer
  Monotonic asked_tail_{};  // the last question of our own about the tail
  bool tail_question_ = false;
  bool ever_heard_ = false;
  int doubts_ = 0;  // one after the other
  Monotonic doubted_since_{};
  std::string last_failure_ = "etcd has not answered yet";
  Counters counters_;
};

}  // namespace holdfast::etcd
