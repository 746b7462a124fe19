// SPDX-License-Identifier: Apache-2.0
// Random histories of several replicas against the brute-force model: every
// replica must show, after every step, what the model makes of the operations
// it has merged. HOLDFAST_SEEDS=n runs n histories, HOLDFAST_SEED=s one.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <memory>
#include <random>

#include "eventual/test_explanation.h"
#include "eventual/test_replica.h"
#include "eventual/test_seeds.h"

namespace holdfast::eventual::testing {
namespace {

class History {
 public:
  explicit History(std::uint64_t seed) : random_(seed) {
    const std::size_t n = 2 + (chance(60) ? below(2) : below(4));
    std::vector<OriginId> origins;
    for (std::size_t i = 0; i < n; ++i) origins.push_back(OriginId{10 + i});
    // Few things, so that nearly everything is in conflict.
    keys_ = chance(60) ? 1 : 1 + below(3);
    elements_ = chance(60) ? 1 : 1 + below(3);
    ids_ = chance(25) ? 0 : 1 + below(12);
    writes_ = 4 + below(8);
    deliveries_ = 2 + below(10);
    acknowledgements_weight_ = below(8);
    tidies_ = 1 + below(4);
    checkpoints_ = below(3);
    // To be asked makes of what is light at a key what is not: then nothing would stay so.
    explained_percent_ = chance(30) ? 100 : below(10);
    for (std::size_t i = 0; i < n; ++i) {
      replicas_.push_back(std::make_unique<TestReplica>(origins[i].value, origins));
      replicas_.back()->wall += Millis(below(50));
    }
  }

  // Empty: all was as the model has it.
  std::string run(std::size_t steps) {
    for (std::size_t i = 0; i < steps && failure_.empty(); ++i) step();
    if (failure_.empty()) settle();
    if (failure_.empty()) remove_all();
    return failure_;
  }

 private:
  std::size_t below(std::size_t n) { return random_() % n; }
  bool chance(std::size_t percent) { return below(100) < percent; }
  TestReplica& any() { return *replicas_[below(replicas_.size())]; }
  TestReplica* by_origin(OriginId origin) { return replicas_[origin.value - 10].get(); }
  static Instant now_of(TestReplica& r) { return std::max(r.wall, r.replica().clock().wall()); }

  void step() {
    TestReplica& replica = any();
    replica.wall += Millis(chance(10) ? below(60) : below(3));
    std::size_t dice =
        below(writes_ + deliveries_ + acknowledgements_weight_ + tidies_ + checkpoints_);
    const auto falls_on = [&](std::size_t weight) {
      if (dice < weight) return true;
      dice -= weight;
      return false;
    };
    if (falls_on(writes_)) return execute(replica);
    if (falls_on(deliveries_)) return deliver(replica);
    if (falls_on(acknowledgements_weight_)) return acknowledge(replica);
    if (falls_on(tidies_)) {
      replica.replica().tidy(replica.wall);
      return compare(replica, "tidy");
    }
    if (chance(75)) return checkpoint(replica);
    if (chance(70)) restart(replica);
  }

  std::string key() { return "k" + std::to_string(below(keys_)); }
  std::string element() { return "e" + std::to_string(below(elements_)); }
  std::string text() {
    static const char* texts[] = {"5", "-3", "abc", "007", "", "9223372036854775807", "12"};
    return texts[below(std::size(texts))];
  }

  std::string score() {
    static const char* scores[] = {"5", "-3", "1.5", "inf", "9007199254740991", "1e+17", "12"};
    return scores[below(std::size(scores))];
  }

  void effect_args(Line& line, TestReplica& replica) {
    static constexpr int weights[] = {1, 1, 1, 2, 2, 2,  2,  3,  4,  4,  5, 5,
                                      6, 7, 7, 8, 9, 10, 11, 11, 12, 12, 13};
    const int kind = weights[below(std::size(weights))];
    std::int64_t number = static_cast<std::int64_t>(below(9)) - 4;
    if (kind == 9) number = to_ms(replica.wall) + static_cast<std::int64_t>(below(120)) - 10;
    line.insert(line.end(), {std::to_string(kind), key(), element(), kind == 11 ? score() : text(),
                             std::to_string(number), chance(30) ? "1" : "0"});
  }

  Line command(TestReplica& replica) {
    if (chance(15)) return {"TURN", key(), element()};
    if (chance(3)) return {"REFUSE"};
    Line line{"EFFECTS"};
    for (std::size_t n = 1 + (chance(25) ? below(4) : 0); n > 0; --n) effect_args(line, replica);
    return line;
  }

  void execute(TestReplica& replica) {
    std::vector<Line> lines;
    std::string id;
    bool transaction = false;
    if (ids_ != 0 && chance(60)) {
      id = "id" + std::to_string(below(ids_));
      if (chance(40) && !last_id_.empty()) id = last_id_;  // a retry right away, perhaps elsewhere
      last_id_ = id;
      // Mostly a retry of the same thing, now and then the caller's mistake.
      auto& [known, is_transaction] = commands_of_ids_[id];
      if (known.empty() || chance(10)) make(replica, known, is_transaction);
      lines = known;
      transaction = is_transaction;
    } else {
      make(replica, lines, transaction);
    }
    const VersionVector before = replica.replica().merged();
    const bool had_expiries = replica.state().had_expiries;
    emitted().clear();
    const auto answer = transaction ? replica.transact(lines, id) : replica.run(lines[0], id);
    std::string what = transaction ? "MULTI" : "";
    for (const Line& line : lines) {
      for (const auto& arg : line) what += " " + arg;
    }

    if (!id.empty()) {
      const auto known = latest_use(id, before);
      if (!known.empty()) {
        if (answer.executed.wrote) return fail("an id that was known ran again");
        if (known.front()->what != what) {
          if (!answer.reply.starts_with("-IDREUSED")) fail("IDREUSED expected: " + answer.reply);
          return;
        }
        if (answer.reply != known.front()->reply)
          fail("replayed " + answer.reply + " for " + known.front()->reply);
        if (answer.executed.replay == Replay::none) fail("a replay does not say so");
        return;
      }
    }
    if (answer.executed.wrote != (!id.empty() || !emitted().empty()))
      return fail("wrote is wrong: " + what);
    if (!answer.executed.wrote) return;

    ModelTry one;
    one.dot = {replica.self(), before.at(replica.self()) + 1};
    one.stamp = {replica.replica().clock(), replica.self()};
    one.seen = before;
    std::set<std::string> cleared = clear_unseen(lines, id, one, had_expiries);
    if (!(replica.replica().merged().at(replica.self()) == one.dot.sequence))
      return fail("sequence did not grow by one, or two where keys are cleared first");
    one.id = id;
    one.what = what;
    one.reply = answer.reply;
    for (ModelEffect effect : emitted()) {
      const ModelState seen_now = model_.evaluate(one.seen, to_ms(one.stamp.time.wall()), &one);
      if (!seen_now.contains(effect.key)) {
        if (effect.kind == EffectKind::put_string)
          effect.keep_expiry = false;
        else if (effect.kind != EffectKind::clear)
          effect.fresh = !cleared.contains(effect.key);
      }
      cleared.erase(effect.key);
      one.effects.push_back(effect);
    }
    model_.add(one);
    compare(replica, "operation " + what);
    if (chance(70)) take(replica);
  }

  // Where an operation with an id writes at keys of which nothing is seen, it stands behind one
  // that clears them. Which those are.
  std::set<std::string> clear_unseen(const std::vector<Line>& lines, const std::string& id,
                                     ModelTry& one, bool had_expiries) {
    std::set<std::string> cleared;
    if (id.empty() || emitted().empty() || !had_expiries) return cleared;
    ModelTry clear = one;
    clear.stamp.time.value -= 1;
    const ModelState seen = model_.evaluate(one.seen, to_ms(clear.stamp.time.wall()));
    for (const Line& line : lines) {
      const std::vector<std::string_view> args(line.begin(), line.end());
      const Row& row = *commands().find(line[0]);
      if (row.eventual == nullptr) continue;
      for (const std::string_view key : keys_of(row, args)) {
        if (!seen.contains(std::string(key))) cleared.emplace(key);
      }
    }
    if (cleared.empty()) return cleared;
    for (const std::string& key : cleared)
      clear.effects.push_back({.kind = EffectKind::clear, .key = key});
    model_.add(clear);
    one.seen.raise(one.dot.origin, one.dot.sequence);
    ++one.dot.sequence;
    return cleared;
  }

  void make(TestReplica& replica, std::vector<Line>& lines, bool& transaction) {
    lines.clear();
    transaction = chance(15);
    for (std::size_t n = transaction ? 1 + below(3) : 1; n > 0; --n)
      lines.push_back(transaction && chance(20) ? Line{"SEE", key()} : command(replica));
    bool writes = false;
    for (const Line& line : lines) writes = writes || line[0] != "SEE";
    if (!writes) lines.push_back({"TURN", key(), element()});
  }

  // The tries that are merged, of the use of the id that is the last.
  std::vector<const ModelTry*> latest_use(const std::string& id, const VersionVector& merged) {
    return model_.tries_of(id, merged);
  }

  void take(TestReplica& replica) {
    if (replica.replica().open_bytes() == 0) return;
    const std::uint64_t last = replica.replica().merged().at(replica.self());
    entries_[replica.self()].emplace_back(last, replica.take());
    compare(replica, "take");
  }

  // An entry that the replica may lack, of anyone's log, handed on by whoever has it.
  void deliver(TestReplica& replica) {
    if (replica.replica().open_bytes() != 0 && chance(70)) take(replica);
    if (entries_.empty()) return;
    auto it = entries_.begin();
    std::advance(it, static_cast<std::ptrdiff_t>(below(entries_.size())));
    auto& [origin, log] = *it;
    std::size_t at = below(log.size());
    if (chance(80)) {  // the next one it needs, not just any
      at = 0;
      while (at < log.size() && log[at].first <= replica.replica().merged().at(origin)) ++at;
      if (at == log.size()) return;
    }
    for (int times = chance(10) ? 2 : 1; times > 0; --times) {
      const Status status = replica.receive(origin, log[at].second);
      if (!status) return fail("receive: " + status.error().message);
    }
    compare(replica, "delivery");
  }

  // Each says what it has on its disk: what was taken into its log.
  void acknowledge(TestReplica& to) {
    for (auto& from : replicas_) {
      if (from->replica().open_bytes() == 0)
        acknowledgements_[from->self()].push_back(
            {from->replica().merged(), from->replica().clock()});
    }
    const bool from_all = chance(60);
    for (auto& [member, said] : acknowledgements_) {
      if (member == to.self() || (!from_all && chance(50))) continue;
      const auto& one = chance(80) ? said.back() : said[below(said.size())];
      to.replica().acknowledged(member, one.merged, one.clock);
    }
    if (chance(50)) {
      to.replica().tidy(to.wall);
      compare(to, "acknowledgements");
    }
  }

  void checkpoint(TestReplica& replica) {
    if (!replica.checkpointing()) {
      if (replica.replica().open_bytes() == 0) replica.begin_checkpoint();
    } else if (chance(50)) {
      replica.checkpoint_slice(1);
    } else {
      replica.end_checkpoint(chance(60));
    }
    compare(replica, "checkpoint");
  }

  void restart(TestReplica& replica) {
    if (replica.replica().open_bytes() != 0) take(replica);
    const VersionVector had = replica.replica().merged();
    replica.restart();
    // What only waited is gone; what was merged is not.
    if (!replica.replica().merged().includes(had)) return fail("a restart forgot something");
    compare(replica, "restart");
  }

  void settle() {
    for (auto& replica : replicas_) take(*replica);
    for (auto& replica : replicas_) {
      for (auto& [origin, log] : entries_) {
        for (auto& [last, entry] : log) {
          const Status status = replica->receive(origin, entry);
          if (!status) return fail("receive at the end: " + status.error().message);
          compare(*replica, "last deliveries");
        }
      }
    }
    Instant now{};
    for (auto& replica : replicas_) now = std::max(now, now_of(*replica));
    for (auto& replica : replicas_) {
      replica->wall = now;
      compare(*replica, "end");
      if (replica->replica().digest(likes, now) != replicas_[0]->replica().digest(likes, now))
        fail("digests differ");
    }
    // Everybody has everything: nothing may be left of the bookkeeping.
    for (auto& replica : replicas_) {
      for (auto& other : replicas_)
        replica->replica().acknowledged(other->self(), other->replica().merged(),
                                        HybridTime::at(now));
      while (replica->replica().tidy(now)) {
      }
      replica->replica().tidy(now);
      compare(*replica, "folding all");
      if (replica->replica().counters().unstable != 0) fail("operations stay unstable");
      if (replica->replica().counters().waiting_bytes != 0) fail("entries wait for ever");
      if (replica->replica().digest(likes, now) != replicas_[0]->replica().digest(likes, now))
        fail("digests differ after folding");
    }
  }

  // With every key removed, and all knowing it, no key is left open.
  void remove_all() {
    TestReplica& one = *replicas_[0];
    for (std::size_t k = 0; k < keys_; ++k)
      one.run({"EFFECTS", "3", "k" + std::to_string(k), "", "", "0", "0"});
    const std::string entry = one.take();
    for (auto& replica : replicas_) {
      if (!replica->receive(one.self(), entry)) return fail("receive of the last removals");
    }
    for (auto& replica : replicas_) {
      for (auto& other : replicas_)
        replica->replica().acknowledged(other->self(), other->replica().merged(),
                                        other->replica().clock());
      while (replica->replica().tidy(replica->wall)) {
      }
      replica->replica().tidy(replica->wall);
      if (replica->table().size() != 0) fail("a removed key is in the table");
      if (replica->replica().counters().open_keys != 0) fail("a removed key stays open");
    }
  }

  void compare(TestReplica& replica, const std::string& after) {
    if (!failure_.empty()) return;
    if (tracing) note(replica, after);
    const Instant now = now_of(replica);
    const ModelState expected = model_.evaluate(replica.replica().merged(), to_ms(now));
    const ModelState actual = state_of(replica.table(), now);
    if (const auto mistake = replica.replica().audit())
      fail("after " + after + " the books are wrong at " + std::to_string(replica.self().value) +
           ": " + *mistake);
    if (expected != actual) {
      fail("after " + after + " at " + std::to_string(replica.self().value) +
           "\n  model:   " + show(expected) + "\n  replica: " + show(actual));
    }
    if (chance(explained_percent_)) explain(replica, actual, to_ms(now), after);
  }

  // What is told of why a key has its value adds up to it.
  void explain(TestReplica& replica, const ModelState& read, std::int64_t now_ms,
               const std::string& after) {
    for (std::size_t k = 0; k < keys_ && failure_.empty(); ++k) {
      const std::string key = "k" + std::to_string(k);
      const auto at = read.find(key);
      const Explanation explanation = replica.replica().explain(likes, key, unbounded);
      std::string mistake =
          mistake_in(explanation, at == read.end() ? nullptr : &at->second, now_ms);
      if (mistake.empty())
        mistake = mistake_in_ids(explanation, model_, replica.replica().merged());
      if (!mistake.empty()) {
        fail(fmt::format("after {} at {} the explanation of {}: {}\n  read: {}", after,
                         replica.self().value, key, mistake, show(read)));
      }
    }
  }
  static constexpr Explanation::Bounds unbounded{
      .effects = SIZE_MAX, .elements = SIZE_MAX, .ids = SIZE_MAX, .text_bytes = SIZE_MAX};

  // For the eye, when one seed is run again.
  void note(TestReplica& replica, const std::string& after) {
    std::string merged;
    for (const auto& part : replica.replica().merged().parts())
      merged += " " + std::to_string(part.origin.value) + ":" + std::to_string(part.sequence);
    std::fprintf(stderr, "%llu after %s | clock %lld | merged%s | unstable %llu | %s\n",
                 static_cast<unsigned long long>(replica.self().value), after.c_str(),
                 static_cast<long long>(replica.replica().clock().value), merged.c_str(),
                 static_cast<unsigned long long>(replica.replica().counters().unstable),
                 show(state_of(replica.table(), now_of(replica))).c_str());
    if (!after.starts_with("operation")) return;
    const ModelTry& one = model_.tries().back();
    std::fprintf(stderr, "    id '%s' effects", one.id.c_str());
    for (const ModelEffect& e : one.effects)
      std::fprintf(stderr, " (%d%s %s %s '%s' %lld%s)", static_cast<int>(e.kind),
                   e.fresh ? " fresh" : "", e.key.c_str(), e.element.c_str(), e.text.c_str(),
                   static_cast<long long>(e.number), e.keep_expiry ? " keep" : "");
    std::fprintf(stderr, "\n");
  }

  void fail(const std::string& why) {
    if (failure_.empty()) failure_ = why;
  }

  std::mt19937_64 random_;
  std::size_t keys_, elements_, ids_;
  std::vector<std::unique_ptr<TestReplica>> replicas_;
  std::map<OriginId, std::vector<std::pair<std::uint64_t, std::string>>> entries_;
  std::map<std::string, std::pair<std::vector<Line>, bool>> commands_of_ids_;
  std::size_t writes_, deliveries_, acknowledgements_weight_, tidies_, checkpoints_,
      explained_percent_;
  struct Acknowledgement {
    VersionVector merged;
    HybridTime clock;
  };
  std::map<OriginId, std::vector<Acknowledgement>> acknowledgements_;
  BruteForceModel model_;
  std::string last_id_;
  std::string failure_;
};

TEST(Histories, EveryReplicaShowsWhatTheBruteForceModelSays) {
  const auto [first, last] = seeds(250);
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    const std::size_t steps = 10 + seed % 170;
    ASSERT_EQ(History(seed).run(steps), "") << "HOLDFAST_SEED=" << seed;
  }
}

}  // namespace
}  // namespace holdfast::eventual::testing
