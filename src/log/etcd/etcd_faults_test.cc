// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <random>
#include <set>

#include "log/etcd/etcd_log.h"
#include "log/etcd/keys.h"
#include "log/etcd/test_world.h"

namespace holdfast::etcd {
namespace {

using testing::Node;
using State = LogHealth::State;

const Keys keys("test");

struct Landed {
  std::uint64_t position;
  std::string payload;
  bool operator==(const Landed&) const = default;
};

// A member: its log, what it has applied over all its starts, its checkpoint.
struct Member {
  std::unique_ptr<Node> node;
  std::vector<Landed> applied;
  std::size_t checkpoint_size = 0;
  Position checkpoint;
  std::string place;
  Log::Token last_token = 0;  // of the entries of this start that came back
  Log::Token next_token = 1;
  std::map<Log::Token, std::string> asked;  // of this start
};

// Three members over one etcd that does to them what etcd has done to others;
// what truly happened is known from etcd's own puts.
class History {
 public:
  explicit History(std::uint64_t seed) : random_(seed), etcd_(seed) {
    etcd_.on_put = [this](const Put& put, const FakeEtcd::Version& version) {
      if (!keys.is_entry(put.key)) return;
      EXPECT_EQ(version.version, 1) << "an entry's key was put twice";
      truth_.push_back({version.mod_revision == 0 ? 0 : std::uint64_t(version.mod_revision),
                        std::string(*decode_entry(put.value))});
      ++landings_[truth_.back().payload];
    };
    for (int i = 0; i < 3; ++i) start(members_.emplace_back());
  }

  void go_wrong() {
    FakeFaults& f = etcd_.faults;
    f.delay_max = Millis(between(1, 30));
    const auto some = [&](double most) { return between(0, 2) == 0 ? most * share() : 0; };
    f.refused = some(0.2);
    f.request_lost = some(0.2);
    f.reply_lost = some(0.2);
    f.late = some(0.1);
    f.event_lost = some(0.1);
    f.events_repeated = some(0.2);
    f.events_reordered = some(0.2);
    f.events_split = some(0.3);
    f.watch_ended = some(0.1);
    f.watch_silent = some(0.05);
  }
  void step() {
    Member& member = members_[static_cast<std::size_t>(between(0, 2))];
    const int what = between(0, 999);
    if (what < 400) {
      append(member);
    } else if (what < 420) {
      checkpoint(member);
    } else if (what < 430) {
      trim(member);
    } else if (what < 433) {
      etcd_.compact(etcd_.state().revision - between(0, 20));
    } else if (what < 437) {
      start(member);
    } else if (what < 438) {
      etcd_.outage(Millis(between(1, 1'500)));
    } else if (what < 440) {
      etcd_.end_watches();
    } else if (what < 445) {
      member.node->client->cut(between(0, 7) == 0);
    } else if (what < 480) {
      ask_end(member);
    } else if (what < 482) {
      go_wrong();
    }
    run(Millis(between(0, 1) * 5));
  }
  void heal_and_check() {
    etcd_.faults = {};
    for (Member& member : members_) member.node->client->cut(false);
    for (int i = 0; i < 3'000; ++i) run(Millis(5));
    for (const Member& member : members_) {
      ASSERT_EQ(member.node->state(), State::ok) << member.node->log->health().reason;
      ASSERT_EQ(member.applied, truth_);
    }
    // A copy can land once its first was trimmed; the machine skips it by its name.
    for (const auto& [payload, times] : landings_) {
      ASSERT_TRUE(times == 1 || trimmed_.contains(payload)) << payload;
    }
    for (const std::string& payload : acknowledged_) ASSERT_TRUE(landings_.contains(payload));
    for (const std::string& payload : refused_) {
      ASSERT_FALSE(landings_.contains(payload)) << "said not to be applied: " << payload;
    }
  }
  std::size_t entries() const { return truth_.size(); }
  std::size_t acknowledged() const { return acknowledged_.size(); }
  int taken_over() const { return taken_over_; }
  LogCounters counters;  // of all logs that there were

 private:
  int between(int least, int most) { return std::uniform_int_distribution<>(least, most)(random_); }
  double share() { return std::uniform_real_distribution<>(0, 1)(random_); }

  void run(Millis time) {
    etcd_.advance(time);
    for (Member& member : members_) {
      member.node->log->deliver();
      const LogHealth health = member.node->log->health();
      ASSERT_NE(health.state, State::refused) << health.reason;
      if (health.state == State::behind) take_over(member);
    }
  }

  // The start of a member, or its next one.
  void start(Member& member) {
    if (member.node) gather(member);
    member.node.reset();
    member.node = std::make_unique<Node>(etcd_, random_(), Millis(between(500, 5'000)));
    member.applied.resize(member.checkpoint_size);
    member.last_token = 0;
    member.asked.clear();
    member.node->told = [this, &member](const LogEntry& entry) {
      member.applied.push_back({entry.position.value, std::string(entry.payload)});
      ASSERT_EQ(member.applied.back(), truth_.at(member.applied.size() - 1));
      if (entry.token == 0) return;
      EXPECT_GT(entry.token, member.last_token) << "own entries landed out of their order";
      member.last_token = entry.token;
      EXPECT_EQ(member.asked.at(entry.token), entry.payload);
      acknowledged_.insert(member.asked.at(entry.token));
      acknowledged_end_ = std::max(acknowledged_end_, entry.position);
    };
    member.node->told_failed = [this, &member](Log::Token token, Code code) {
      EXPECT_FALSE(acknowledged_.contains(member.asked.at(token)));
      if (code != Code::unknown) refused_.insert(member.asked.at(token));
    };
    ASSERT_TRUE(member.node->follow(member.checkpoint, member.place));
  }
  void append(Member& member) {
    const Log::Token token = member.next_token++;
    const std::string payload = std::to_string(++last_payload_);
    member.asked[token] = payload;
    if (!member.node->append(payload, token)) refused_.insert(payload);
  }
  void checkpoint(Member& member) {
    if (member.applied.empty() || member.node->entries.empty()) return;
    member.checkpoint_size = member.applied.size();
    member.checkpoint = {member.applied.back().position};
    member.place = member.node->log->place();
  }
  // What all have in their checkpoints; now and then what only one has, as
  // when the others were away for too long.
  void trim(Member& member) {
    std::size_t size = SIZE_MAX;
    for (const Member& each : members_) size = std::min(size, each.checkpoint_size);
    if (between(0, 3) == 0) size = member.checkpoint_size;
    size = std::min(size, member.applied.size());
    if (size == 0) return;
    for (std::size_t i = 0; i < size; ++i) trimmed_.insert(truth_[i].payload);
    member.node->log->trim({truth_[size - 1].position});
  }
  // As from a peer.
  void take_over(Member& member) {
    ++taken_over_;
    const Member& peer =
        *std::ranges::max_element(members_, {}, [](const Member& m) { return m.checkpoint_size; });
    member.checkpoint_size = peer.checkpoint_size;
    member.checkpoint = peer.checkpoint;
    member.place = peer.place;
    member.applied = {truth_.begin(),
                      truth_.begin() + static_cast<std::ptrdiff_t>(peer.checkpoint_size)};
    start(member);
  }
  void ask_end(Member& member) {
    member.node->log->end(Millis(1'000), [least = acknowledged_end_](Result<Position> end) {
      EXPECT_TRUE(!end || *end >= least);
    });
  }
  void gather(const Member& member) {
    const LogCounters c = member.node->log->counters();
    counters.appends_overtaken += c.appends_overtaken;
    counters.appends_again += c.appends_again;
    counters.appends_given_up += c.appends_given_up;
    counters.watch_repeats += c.watch_repeats;
    counters.watch_gaps += c.watch_gaps;
    counters.watch_silences += c.watch_silences;
    counters.refetches += c.refetches;
  }

  std::mt19937_64 random_;
  FakeEtcd etcd_;
  std::vector<Landed> truth_;
  std::map<std::string, int> landings_;
  std::set<std::string> acknowledged_, refused_, trimmed_;
  Position acknowledged_end_;
  int last_payload_ = 0;
  int taken_over_ = 0;
  std::deque<Member> members_;
};

TEST(EtcdFaults, AllMembersApplyTheSameEntriesAndEveryAcknowledgedOneOnceWhateverEtcdDoes) {
  LogCounters all;
  std::size_t acknowledged = 0;
  int taken_over = 0;
  const char* chosen = std::getenv("HOLDFAST_SEED");
  const std::uint64_t first = chosen != nullptr ? std::stoull(chosen) : 1;
  const char* many = std::getenv("HOLDFAST_HISTORIES");
  const std::uint64_t count = chosen != nullptr ? 1 : many != nullptr ? std::stoull(many) : 60;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE("HOLDFAST_SEED=" + std::to_string(seed));
    History history(seed);
    history.go_wrong();
    for (int i = 0; i < 5'000 && !HasFailure(); ++i) history.step();
    if (!HasFailure()) history.heal_and_check();
    if (HasFailure()) return;
    acknowledged += history.acknowledged();
    taken_over += history.taken_over();
    all.appends_overtaken += history.counters.appends_overtaken;
    all.watch_repeats += history.counters.watch_repeats;
    all.watch_gaps += history.counters.watch_gaps;
    all.watch_silences += history.counters.watch_silences;
    all.appends_given_up += history.counters.appends_given_up;
  }
  if (chosen != nullptr) return;
  // It hit what was in use.
  EXPECT_GT(acknowledged, count * 300);
  EXPECT_GT(all.appends_overtaken, 0U);
  EXPECT_GT(all.watch_repeats, 0U);
  EXPECT_GT(all.watch_gaps, 0U);
  EXPECT_GT(all.watch_silences, 0U);
  EXPECT_GT(all.appends_given_up, 0U);
  EXPECT_GT(taken_over, 0);
  RecordProperty("acknowledged", static_cast<int>(acknowledged));
}

}  // namespace
}  // namespace holdfast::etcd
