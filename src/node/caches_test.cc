// SPDX-License-Identifier: Apache-2.0
// Caches at several nodes (own_caches.h, others_caches.h): what a client keeps at one is never
// older than what any of them has acknowledged.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <vector>

#include "base/logging.h"
#include "catalog/members.h"
#include "node/others_caches.h"
#include "node/own_caches.h"

namespace holdfast::node {
namespace {

using Real = std::chrono::microseconds;  // since the beginning, by nobody's clock

/// An entry of the log: a write, or what a node says of caches.
struct Entry {
  int writer = -1;          // who is to acknowledge it
  std::uint64_t write = 0;  // its number; 0: it is no write
  CatalogOperation operation;
};

struct Seen {
  std::uint64_t acknowledged = 0;
  std::uint64_t reads = 0;  // of what is kept
  std::uint64_t older = 0;  // of them, than what was acknowledged
  std::uint64_t first_older = 0;
  std::uint64_t cuts = 0;
  std::uint64_t slow = 0;  // held for more than half a second
  Real longest{};          // that one was held

  void operator+=(const Seen& other) {
    acknowledged += other.acknowledged;
    reads += other.reads;
    older += other.older;
    cuts += other.cuts;
    slow += other.slow;
    longest = std::max(longest, other.longest);
  }
};

/// The nodes, the log that they share, and the time between them. All that a node knows comes late,
/// or not at all while it is cut off from the log or from another node.
class World {
 public:
  World(std::uint64_t seed, const CacheTimes& times) : times_(times), random_(seed) {
    for (int i = 0; i < nodes; ++i) nodes_[i] = std::make_unique<Node>(*this, i);
  }

  void run() {
    while (now_ < Real(40'000'000)) {
      now_ += Real(1 + random_() % 20'000);
      faults();
      deliver();
      for (auto& node : nodes_) node->step();
      check();
    }
  }

  static constexpr int nodes = 3;
  Seen seen;

 private:
  struct Word {
    Real at;
    int from, to;
    Position position;
  };
  struct Question {
    Real at;
    int node;
    std::uint64_t life;
    bool failed;
    Position end;
    std::function<void(bool)> done;
  };
  struct Answer {
    Real at;
    int node;
    std::uint64_t life;
    std::function<void()> done;
  };

  class Node final : public ReplySink {
   public:
    Node(World& world, int id) : world_(world), id_(id), name_(1, static_cast<char>('a' + id)) {
      rate_ = 0.96 + 0.01 * static_cast<double>(world_.random_() % 9);
      start();
    }

    /// Begins anew, with what it has applied: what its clients kept ended with their connections.
    void start() {
      ++life_;
      kept_.reset();
      own_ = std::make_unique<OwnCaches>(
          OwnCaches::Parts{.node = name_,
                           .keepers = members_.caches(),
                           .append =
                               [this](const CatalogOperation& operation, auto done) {
                                 world_.append(id_, {.operation = operation},
                                               [done] { done("+OK\r\n"); });
                               },
                           .confirm = [this](auto done) { world_.ask(id_, std::move(done)); }},
          world_.times_);
      others_ = std::make_unique<OthersCaches>(
          OthersCaches::Parts{.node = name_,
                              .keepers = members_.caches(),
                              .replies = *this,
                              .is_own = [](Ticket) { return false; },
                              .append =
                                  [this](const CatalogOperation& operation, auto done) {
                                    world_.append(id_, {.operation = operation}, std::move(done));
                                  }},
          world_.times_);
    }

    Monotonic clock() const {
      return Monotonic(std::chrono::duration_cast<Monotonic::duration>(world_.now_ * rate_) +
                       std::chrono::hours(1));
    }

    /// A turn of the node: applies what has come, and tells whom it has to.
    void step() {
      if (paused_until_ > world_.now_) return;
      while (applied_ < reached_) apply(world_.log_[applied_++]);
      own_->turn(kept_.has_value(), clock());
      if (kept_ && !own_->may_keep(clock())) {
        kept_.reset();
        ++world_.seen.cuts;
      }
      others_->turn(Position{applied_}, clock());
      // As a client is told: of all changes up to here, before the others hear that it was.
      if (kept_ && *kept_ != value_) kept_.reset();
      if (members_.caches().find(name_) != nullptr && told_ < applied_) {
        told_ = applied_;
        for (int to = 0; to < nodes; ++to) world_.tell(id_, to, Position{applied_});
      }
      client();
    }

    void apply(const Entry& entry) {
      if (entry.write == 0) {
        change(members_.caches(), entry.operation);
      } else {
        value_ = entry.write;
        if (entry.writer != id_) return;
        world_.applied_at_[entry.write] = world_.now_;
        others_->complete({1, entry.write}, "+OK\r\n", Replay::none);
      }
    }

    void complete(Ticket ticket, std::string_view, Replay) override {
      world_.acknowledged(ticket.sequence);
    }

    // A client that likes to keep what it reads; the read asks for the log's end as any does.
    void client() {
      if (!wants_) return;
      const auto may = own_->want(clock());
      if (may && *may && !kept_ && !reading_) {
        reading_ = true;
        world_.ask(id_, [this](bool sure) {
          reading_ = false;
          if (sure && own_->may_keep(clock())) kept_ = value_;
        });
      }
    }

    World& world_;
    const int id_;
    const std::string name_;
    double rate_;
    Members members_;
    std::unique_ptr<OwnCaches> own_;
    std::unique_ptr<OthersCaches> others_;
    std::uint64_t life_ = 0;
    std::size_t applied_ = 0;
    std::size_t reached_ = 0;  // of the log, what has come to it
    std::size_t told_ = 0;
    std::uint64_t value_ = 0;
    std::optional<std::uint64_t> kept_;  // what its client keeps
    bool wants_ = false;
    bool reading_ = false;
    Real paused_until_{};
  };

  static void change(CacheKeepers& keepers, const CatalogOperation& operation) {
    const std::string& node = operation.texts[2];
    const std::uint64_t number = std::stoull(operation.texts[4]);
    if (operation.texts[3] == "BEGIN") keepers.begin(node);
    if (operation.texts[3] == "END") keepers.end(node, number);
    if (operation.texts[3] == "OUT") keepers.put_out(node, number);
    if (operation.texts[3] == "GONE") keepers.forget(node, number);
  }

  Real soon() { return now_ + Real(random_() % (random_() % 8 == 0 ? 400'000 : 5'000)); }

  // Lands at once, or never; whoever appended hears so later, perhaps.
  void append(int node, Entry entry, std::function<void()> done) {
    const bool lands = !cut_off_[node] || random_() % 4 == 0;
    if (lands) late_entries_.push_back({soon(), std::move(entry)});
    answers_.push_back({now_ + Real(cut_off_[node] ? 2'000'000 : 500'000), node,
                        nodes_[node] ? nodes_[node]->life_ : 1, std::move(done)});
  }
  void ask(int node, std::function<void(bool)> done) {
    const Position end{log_.size()};
    questions_.push_back({cut_off_[node] ? now_ + Real(2'000'000) : soon(), node,
                          nodes_[node]->life_, cut_off_[node], end, std::move(done)});
  }
  void tell(int from, int to, Position position) {
    if (from == to || apart_.contains({std::min(from, to), std::max(from, to)})) return;
    words_.push_back({soon(), from, to, position});
  }

  void faults() {
    for (int i = 0; i < nodes; ++i) {
      Node& node = *nodes_[i];
      if (random_() % 400 == 0) cut_off_[i] = !cut_off_[i] && random_() % 2 == 0;
      if (random_() % 100 == 0) node.wants_ = random_() % 3 != 0;
      if (random_() % 1'500 == 0) node.start();
      if (random_() % 600 == 0) {
        const std::pair pair{std::min(i, (i + 1) % nodes), std::max(i, (i + 1) % nodes)};
        if (!apart_.erase(pair)) apart_.insert(pair);
      }
      // Shorter than what CacheTimes leaves between lease and patience: docs/caching.md.
      if (random_() % 300 == 0) node.paused_until_ = now_ + Real(random_() % 200'000);
      if (random_() % 3 == 0 && !cut_off_[i]) {
        written_.push_back(now_);
        late_entries_.push_back({soon(), {.writer = i, .write = written_.size()}});
      }
    }
  }

  void deliver() {
    std::erase_if(late_entries_, [&](auto& late) {
      if (late.first > now_) return false;
      log_.push_back(std::move(late.second));
      // Writes are numbered as they land.
      if (log_.back().write != 0) log_.back().write = ++landed_;
      return true;
    });
    for (int i = 0; i < nodes; ++i) {
      if (!cut_off_[i] && random_() % 3 != 0) nodes_[i]->reached_ = log_.size();
    }
    for (const Word& word : std::exchange(words_, {})) {
      if (word.at > now_) {
        words_.push_back(word);
      } else if (!apart_.contains({std::min(word.from, word.to), std::max(word.from, word.to)})) {
        nodes_[word.to]->others_->told(nodes_[word.from]->name_, word.position);
      }
    }
    for (Question& one : std::exchange(questions_, {})) {
      Node& node = *nodes_[one.node];
      if (one.life != node.life_) {
        node.reading_ = false;
      } else if (one.at > now_ || (!one.failed && node.applied_ < one.end.value) ||
                 node.paused_until_ > now_) {
        questions_.push_back(std::move(one));
      } else {
        one.done(!one.failed);
      }
    }
    for (Answer& one : std::exchange(answers_, {})) {
      if (one.at > now_) {
        answers_.push_back(std::move(one));
      } else if (one.life == nodes_[one.node]->life_) {
        one.done();
      }
    }
  }

  void acknowledged(std::uint64_t write) {
    acknowledged_ = std::max(acknowledged_, write);
    const Real took = now_ - applied_at_[write];
    seen.longest = std::max(seen.longest, took);
    if (took > Real(500'000)) ++seen.slow;
    ++seen.acknowledged;
  }

  void check() {
    for (const auto& node : nodes_) {
      if (!node->kept_) continue;
      ++seen.reads;
      if (*node->kept_ < acknowledged_) ++seen.older;
    }
  }

  const CacheTimes times_;
  std::mt19937_64 random_;
  Real now_{};
  std::vector<Entry> log_;
  std::vector<std::pair<Real, Entry>> late_entries_;
  std::vector<Word> words_;
  std::vector<Question> questions_;
  std::vector<Answer> answers_;
  std::vector<Real> written_;
  std::map<std::uint64_t, Real> applied_at_;  // by who is to acknowledge it
  std::uint64_t landed_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::array<bool, nodes> cut_off_{};
  std::set<std::pair<int, int>> apart_;
  std::array<std::unique_ptr<Node>, nodes> nodes_;
};

/// What some hundred histories came to.
Seen run(std::uint64_t seeds, const CacheTimes& times) {
  logging::redirect([](logging::Level, std::string_view) {});
  Seen all;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    World world(seed, times);
    world.run();
    if (world.seen.older > 0 && all.older == 0) all.first_older = seed;
    all += world.seen;
  }
  logging::redirect(nullptr);
  return all;
}

TEST(Caches, AreNeverOlderThanWhatAnyNodeHasAcknowledged) {
  const Seen seen = run(500, {});
  EXPECT_EQ(seen.older, 0u) << "seed " << seen.first_older;
  // So that it is seen if nothing was kept, or nobody had to wait.
  EXPECT_GT(seen.acknowledged, 100'000u);
  EXPECT_GT(seen.reads, 100'000u);
  EXPECT_GT(seen.cuts, 100u);
  EXPECT_GT(seen.slow, 100u);
  // Who is not heard of is waited for once: till it is put out, and `patience` from then.
  EXPECT_LT(seen.longest, Real(4'000'000));
}

// The histories are such that it matters: where others wait too short for who may still keep one,
// some cache is older.
TEST(Caches, WouldBeOlderWereTheyNotWaitedFor) {
  CacheTimes times;
  times.patience = Millis(900);
  EXPECT_GT(run(100, times).older, 0u);
}

}  // namespace
}  // namespace holdfast::node
