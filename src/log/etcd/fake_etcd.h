// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "log/etcd/api.h"

namespace holdfast::etcd {

/// How often what goes wrong, from 0 to 1 each, and how long messages take.
struct FakeFaults {
  // Of requests
  double refused = 0;       // certainly not done
  double request_lost = 0;  // not done, and no answer
  double reply_lost = 0;    // done, and no answer
  double late = 0;          // done only after its time was up
  // Of what watches bring, as etcd 3.4 has been seen to do
  double event_lost = 0;
  double events_repeated = 0;
  double events_reordered = 0;
  double events_split = 0;  // in the middle of a revision, as fragments are: no fault
  double watch_ended = 0;
  double watch_silent = 0;  // brings nothing more, and does not end
  Millis delay_min{1};
  Millis delay_max{1};
};

class FakeClient;

/// An etcd in memory, for tests: one thread, time that the test moves, faults
/// drawn from a seed. What it holds has revisions, versions, history, leases and
/// a quota as etcd's has. Several clients may be connected.
class FakeEtcd {
 public:
  explicit FakeEtcd(std::uint64_t seed = 1);
  ~FakeEtcd();
  FakeEtcd(const FakeEtcd&) = delete;
  FakeEtcd& operator=(const FakeEtcd&) = delete;

  /// A connection, over which one log or directory lives. It must end before this.
  std::shared_ptr<FakeClient> connect();

  struct Version {
    std::int64_t mod_revision = 0;
    std::int64_t version = 0;  // 0: deleted
    std::int64_t lease = 0;
    std::string value;
  };

  FakeFaults faults;
  std::string member_version = "3.5.30";
  std::uint64_t quota_bytes = UINT64_MAX;
  /// Told of every put, for a test to know what truly happened.
  std::function<void(const Put&, const Version&)> on_put;

  Monotonic now() const { return now_; }
  /// When something happens next; never: nothing will.
  Monotonic next() const { return agenda_.empty() ? Monotonic::max() : agenda_.top().at; }
  /// What happens meanwhile, happens; clients are told at their deliver().
  void advance(Millis time);

  /// Nothing is answered for so long; requests that came may have been done. As
  /// an election is, or a majority that is stopped.
  void outage(Millis time) { outage_until_ = now_ + time; }
  /// As a member's end: its clients' watches end.
  void end_watches();

  // What it holds

  struct State {
    std::uint64_t cluster_id = 0xC1;
    std::int64_t revision = 1;
    std::int64_t compacted = 0;
    std::map<std::string, std::vector<Version>, std::less<>> keys;
    bool no_space = false;
  };
  const State& state() const { return state_; }
  /// As a backup brings back; its clients' watches end, or do not notice.
  void restore(State state, bool ends_watches = true);

  const Version* find(std::string_view key) const;
  /// Alive keys that start so.
  std::vector<std::string> keys(std::string_view prefix) const;
  std::uint64_t bytes() const;
  void compact(std::int64_t revision);
  void erase(const std::string& key);
  void put(const std::string& key, std::string value);

 private:
  friend class FakeClient;
  struct Event {
    Monotonic at;
    std::uint64_t number;
    std::function<void()> run;
    bool operator>(const Event& other) const {
      return at != other.at ? at > other.at : number > other.number;
    }
  };
  struct Lease {
    Millis ttl;
    Monotonic ends;
  };
  void at(Monotonic time, std::function<void()> run);
  bool chance(double share);
  Millis delay();
  bool holds(const Compare& compare) const;
  Answer<TransactionResult> transact(const Transaction& transaction);
  Answer<RangeResult> range(const Range& range) const;
  void put(const Put& put);
  void erase(const std::string& first, const std::string& end);
  void expire();
  void changed();
  Header header() const { return {state_.cluster_id, state_.revision}; }

  std::mt19937_64 random_;
  Monotonic now_{std::chrono::hours(1)};
  Monotonic outage_until_{};
  std::uint64_t last_number_ = 0;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> agenda_;
  State state_;
  std::map<std::int64_t, Lease> leases_;
  std::int64_t last_lease_ = 0;
  std::vector<FakeClient*> clients_;
};

/// One connection to a FakeEtcd.
class FakeClient final : public Api {
 public:
  explicit FakeClient(FakeEtcd& etcd);
  ~FakeClient() override;

  /// Called when deliver() has something to do.
  std::function<void()> wake;

  /// Nothing comes through, in either direction; nothing tells so, either.
  void cut(bool is_cut) { cut_ = is_cut; }
  /// From the next events on the watch leaves out so many revisions' events.
  void lose_next(int revisions) { lose_next_ = revisions; }
  /// Of the next revision it brings only the entry, or only the tail.
  void halve_next() { halve_next_ = true; }
  void repeat_next() { repeat_next_ = true; }
  /// The next revision's events come after those of the one after it.
  void swap_next() { swap_next_ = true; }
  void silence_watch();
  void end_watch(bool compacted = false);
  bool watching() const { return watch_ != nullptr; }

  void transact(Transaction transaction, Millis timeout, Done<TransactionResult> done) override;
  void range(Range range, Millis timeout, Done<RangeResult> done) override;
  void compact(std::int64_t revision, Millis timeout, Done<Header> done) override;
  void watch(std::string first, std::string end, std::int64_t revision,
             std::function<void(WatchEvents)> on_events) override;
  void stop_watching() override { watch_ = nullptr; }
  void status(Millis timeout, Done<std::vector<MemberStatus>> done) override;
  void reclaim_space(Millis timeout, Done<Header> done) override;
  void grant_lease(std::chrono::seconds ttl, Millis timeout, Done<std::int64_t> done) override;
  void keep_alive(std::int64_t lease, Millis timeout, Done<Header> done) override;
  void deliver() override;
  Monotonic now() const override { return etcd_.now(); }

 private:
  friend class FakeEtcd;
  struct Watch {
    std::string first, end;
    std::int64_t next = 0;  // the first revision not yet sent
    std::function<void(WatchEvents)> on_events;
    bool silent = false;
    bool pumping = false;
    Monotonic last_sent{};
  };
  template <typename T>
  void ask(Millis timeout, Done<T> done, std::function<Answer<T>()> run);
  void pump();
  void send(const std::shared_ptr<Watch>& watch, WatchEvents events, Millis more = Millis(0));
  void inbox(std::function<void()> work) {
    inbox_.push_back(std::move(work));
    if (wake) wake();
  }

  FakeEtcd& etcd_;
  std::shared_ptr<FakeClient*> alive_;  // what is under way when it ends, is let go of
  std::vector<std::function<void()>> inbox_;
  std::shared_ptr<Watch> watch_;
  bool cut_ = false;
  int lose_next_ = 0;
  bool halve_next_ = false, repeat_next_ = false, swap_next_ = false;
};

}  // namespace holdfast::etcd
