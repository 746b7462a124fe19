// SPDX-License-Identifier: Apache-2.0
// What replicas that merge in any causal order show is never called wrong; what
// no such replicas can show is.
#include "verify/eventual.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <set>

#include "verify/check.h"
#include "verify/shrink.h"
#include "verify/testing.h"

namespace holdfast::verify {
namespace {

using testing::array_of;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::op;
using testing::with_id;

/// Replicas as docs/eventual.md describes them, slow and plain: each knows tries
/// of operations; of an operation's tries that it knows the first counts.
class Replicas {
 public:
  explicit Replicas(std::size_t nodes) : known_(nodes) { history_.eventual.insert("e"); }

  void write(std::size_t node, const std::string& id, const Command& command, bool answered) {
    const Time start = ++now_;
    const std::size_t number = tries_.size();
    tries_.push_back({id.empty() ? fmt::format("#{}", number) : id, command, known_[node]});
    known_[node].insert(number);
    Operation one = line(node, command, start);
    one.id = id;
    if (answered) {
      one.end = ++now_;
      one.outcome = Outcome::applied;
      one.answer = Answer::of(1);
    }
    history_.operations.push_back(std::move(one));
  }
  void merge(std::size_t from, std::size_t to) {
    ++now_;
    known_[to].insert(known_[from].begin(), known_[from].end());
  }
  void read(std::size_t node, const std::string& key, std::optional<After> after = {}) {
    Operation one = line(node, {key[2] == 's' ? "SMEMBERS" : "GET", key}, ++now_);
    one.outcome = Outcome::applied;
    one.answer = shown(node, key);
    one.end = ++now_;
    one.after = std::move(after);
    history_.operations.push_back(std::move(one));
  }
  After token(std::size_t node) {
    After after{name(node), now_ + 1};
    now_ += 2;
    return after;
  }
  void end(const std::vector<std::string>& keys) {
    for (std::size_t i = 1; i < known_.size(); ++i) merge(i, 0);
    for (std::size_t i = 1; i < known_.size(); ++i) merge(0, i);
    for (std::size_t i = 0; i < known_.size(); ++i) {
      Final final{.node = name(i)};
      for (const std::string& key : keys) final.values[key] = shown(i, key);
      history_.finals.push_back(std::move(final));
    }
  }
  History& history() { return history_; }

 private:
  struct Try {
    std::string operation;
    Command command;
    std::set<std::size_t> saw;  // tries
  };

  static std::string name(std::size_t node) { return fmt::format("n{}", node); }
  static Operation line(std::size_t node, Command command, Time start) {
    return {.client = "c", .node = name(node), .commands = {std::move(command)}, .start = start};
  }

  /// The operations known at a node, each by the first of its tries there.
  std::map<std::string, std::size_t> operations(std::size_t node) const {
    std::map<std::string, std::size_t> first;
    for (const std::size_t number : known_[node])
      first.try_emplace(tries_[number].operation, number);
    return first;
  }
  bool saw(std::size_t of, const std::string& operation) const {
    return std::ranges::any_of(
        tries_[of].saw, [&](std::size_t number) { return tries_[number].operation == operation; });
  }

  Answer shown(std::size_t node, const std::string& key) const {
    std::int64_t sum = 0;
    std::optional<std::size_t> last;
    std::set<std::string> members;
    const auto all = operations(node);
    const auto covered = [&](const std::string& operation, std::size_t number) {
      return std::ranges::any_of(all, [&](const auto& other) {
        const Command& command = tries_[other.second].command;
        if (command[1] != key || command[0] == "INCRBY" || command[0] == "SADD") return false;
        if (command[0] == "SREM" && command[2] != tries_[number].command[2]) return false;
        return other.first != operation && saw(other.second, operation);
      });
    };
    for (const auto& [operation, number] : all) {
      const Command& command = tries_[number].command;
      if (command[1] != key || covered(operation, number)) continue;
      if (command[0] == "INCRBY") sum += std::stoll(command[2]);
      if (command[0] == "SADD") members.insert(command[2]);
      if (command[0] == "SET") last = std::max(last.value_or(0), number);
    }
    if (key[2] == 'c') return sum == 0 ? Answer{} : Answer::of(std::to_string(sum));
    if (key[2] == 's') {
      std::vector<Answer> items;
      items.reserve(members.size());
      for (const std::string& member : members) items.push_back(Answer::of(member));
      return array_of(std::move(items));
    }
    return last ? Answer::of(tries_[*last].command[2]) : Answer{};
  }

  Time now_ = 0;
  std::vector<Try> tries_;
  std::vector<std::set<std::size_t>> known_;  // tries, by node
  History history_;
};

const std::vector<std::string> keys{"e:c1", "e:c2", "e:s1", "e:t1", "e:t2"};

Command random_write(int serial) {
  const std::string key = *rc::gen::elementOf(keys);
  if (key[2] == 'c') return {"INCRBY", key, std::to_string(*rc::gen::inRange(1, 5))};
  const std::string value = fmt::format("v{}", serial);
  if (key[2] == 't')
    return *rc::gen::inRange(0, 5) == 0 ? Command{"DEL", key} : Command{"SET", key, value};
  return *rc::gen::inRange(0, 3) == 0
             ? Command{"SREM", key, fmt::format("v{}", *rc::gen::inRange(0, serial + 1))}
             : Command{"SADD", key, value};
}

Replicas random_run(std::size_t nodes, int steps) {
  Replicas replicas(nodes);
  std::vector<std::pair<std::string, Command>> sent;
  const auto node = [&] { return *rc::gen::inRange<std::size_t>(0, nodes); };
  for (int i = 0; i < steps; ++i) {
    const int dice = *rc::gen::inRange(0, 10);
    if (dice < 4) {
      const std::string id = *rc::gen::arbitrary<bool>() ? fmt::format("i{}", i) : "";
      const Command command = random_write(i);
      if (!id.empty()) sent.emplace_back(id, command);
      replicas.write(node(), id, command, *rc::gen::inRange(0, 4) != 0);
    } else if (dice < 5 && !sent.empty()) {
      const auto& [id, command] = *rc::gen::elementOf(sent);
      replicas.write(node(), id, command, *rc::gen::inRange(0, 4) != 0);
    } else if (dice < 7) {
      replicas.merge(node(), node());
    } else if (dice < 9) {
      replicas.read(node(), *rc::gen::elementOf(keys));
    } else {
      // All that the node had when the token was given is merged first.
      const std::size_t from = node(), to = node();
      const After after = replicas.token(from);
      replicas.merge(from, to);
      replicas.read(to, *rc::gen::elementOf(keys), after);
    }
  }
  replicas.end(keys);
  return replicas;
}

std::vector<std::string> checks_of(const Result<Report>& report) {
  std::vector<std::string> names;
  for (const auto& violation : report->violations)
    names.push_back(violation.check + ": " + violation.explanation);
  return names;
}

// The checker must not call a right store wrong.
RC_GTEST_PROP(Eventual, WhatReplicasShowIsRight, ()) {
  Replicas replicas = random_run(*rc::gen::inRange<std::size_t>(1, 4), *rc::gen::inRange(1, 120));
  const auto report = check(std::move(replicas.history()));
  RC_ASSERT(report.has_value());
  RC_ASSERT(checks_of(report) == std::vector<std::string>());
}

// An acknowledged operation that no replica has in the end is missed, whatever it was.
RC_GTEST_PROP(Eventual, WhatIsLostIsFound, ()) {
  Replicas replicas = random_run(3, 60);
  replicas.write(*rc::gen::inRange<std::size_t>(0, 3), "last", {"SADD", "e:s1", "kept"}, true);
  const auto report = check(std::move(replicas.history()));  // the finals were before it
  RC_ASSERT(report.has_value());
  RC_ASSERT(!report->violations.empty());
  RC_ASSERT(report->violations.front().check == "lost");
}

RC_GTEST_PROP(Eventual, AnIncrementThatCountsTwiceIsFound, ()) {
  Replicas replicas = random_run(2, 60);
  History& history = replicas.history();
  for (Final& final : history.finals) {
    Answer& value = final.values["e:c1"];
    const std::int64_t sum = value.kind == Answer::Kind::nil ? 0 : std::stoll(value.text);
    value = Answer::of(std::to_string(sum + 1'000));
  }
  const auto report = check(std::move(history));
  RC_ASSERT(report.has_value());
  // With nothing ever added the key is no counter.
  if (report->violations.empty()) RC_DISCARD("no increments");
  RC_ASSERT(report->violations.front().check == "exactly once" ||
            report->violations.front().check == "unwritten");
}

// What is left still shows it, and by itself: it is wrong without what went.
RC_GTEST_PROP(Eventual, WhatIsWrongComesDownToOneRead, ()) {
  Replicas replicas = random_run(3, 100);
  History& history = replicas.history();
  Operation read = op(1'000, 1'001, "GET e:t1", Answer::of("nobody's"));
  read.node = "n1";
  history.operations.push_back(std::move(read));
  const History whole = history;
  const auto report = check(whole);
  RC_ASSERT(report.has_value());
  RC_ASSERT(!report->violations.empty());
  const History smallest = shrink(whole, report->violations.front().check);
  const auto again = check(smallest);
  RC_ASSERT(again.has_value());
  RC_ASSERT(again->violations.front().check == report->violations.front().check);
  RC_ASSERT(smallest.operations.size() == 1);
}

History history_of(std::vector<Operation> operations) {
  History history{.operations = std::move(operations)};
  history.eventual.insert("e");
  return history;
}
Operation at(std::string node, Operation one) {
  one.node = std::move(node);
  return one;
}
const Answer ok = Answer::of("OK");

TEST(Eventual, ANodeShowsWhatItHasAcknowledged) {
  const auto report = check(history_of({at("n1", op(1, 2, "INCRBY e:c 5", Answer::of(5))),
                                        at("n1", op(3, 4, "GET e:c", Answer{}))}));
  ASSERT_TRUE(report);
  EXPECT_THAT(checks_of(report), Contains(HasSubstr("causal: e:c: n1 shows nil")));
}

TEST(Eventual, AnotherNodeMayBeBehindButNotBehindAToken) {
  const auto write = at("n1", op(1, 2, "SET e:t new", ok));
  Operation read = at("n2", op(5, 6, "GET e:t", Answer{}));
  EXPECT_THAT(checks_of(check(history_of({write, read}))), IsEmpty());
  read.after = After{"n1", 3};
  EXPECT_THAT(checks_of(check(history_of({write, read}))), Contains(HasSubstr("causal")));
  read.after = After{"n1", 1};  // it was given before the write was acknowledged
  EXPECT_THAT(checks_of(check(history_of({write, read}))), IsEmpty());
}

TEST(Eventual, WhatWasOverwrittenAtANodeIsNotShownThereAgain) {
  const auto first = at("n1", op(1, 2, "SET e:t old", ok));
  const auto second = at("n1", op(3, 4, "SET e:t new", ok));
  const auto read = at("n1", op(5, 6, "GET e:t", Answer::of("old")));
  EXPECT_THAT(checks_of(check(history_of({first, second, read}))), Contains(HasSubstr("causal")));
  // Written elsewhere neither is known to have seen the other: any may count.
  EXPECT_THAT(checks_of(check(history_of({first, at("n2", second), read}))), IsEmpty());
}

TEST(Eventual, ARetriedRemovalMayBeItsFirstTryThatHadSeenNothing) {
  const auto add = at("n1", op(3, 4, "SADD e:s m", Answer::of(1)));
  const auto removal = with_id("r", at("n1", op(5, 6, "SREM e:s m", Answer::of(1))));
  const auto shows = at("n1", op(7, 8, "SMEMBERS e:s", array_of({Answer::of("m")})));
  EXPECT_THAT(checks_of(check(history_of({add, removal, shows}))), Contains(HasSubstr("causal")));
  const auto before = with_id("r", at("n2", testing::unknown(1, "SREM e:s m")));
  EXPECT_THAT(checks_of(check(history_of({before, add, removal, shows}))), IsEmpty());
}

TEST(Eventual, WhatNobodyWroteIsNotShown) {
  EXPECT_THAT(checks_of(check(history_of({at("n1", op(1, 2, "GET e:t", Answer::of("x")))}))),
              Contains(HasSubstr("unwritten")));
  EXPECT_THAT(checks_of(check(history_of({at("n1", op(1, 2, "INCRBY e:c 1", Answer::of(1))),
                                          at("n2", op(3, 4, "GET e:c", Answer::of("2")))}))),
              Contains(HasSubstr("unwritten")));
}

TEST(Eventual, TheSmallestHistoryHasTheReadAndWhatItHadToShow) {
  std::vector<Operation> all;
  Time now = 0;
  const auto add = [&](Operation one, const char* node) {
    one.start = ++now;
    one.end = ++now;
    all.push_back(at(node, std::move(one)));
  };
  for (int i = 0; i < 100; ++i) {
    const std::string number = std::to_string(i);
    add(op(1, 2, "SADD e:s m" + number, Answer::of(1)), i % 2 == 0 ? "n1" : "n2");
    add(op(1, 2, "SET e:t v" + number, ok), "n1");
    add(op(1, 2, "GET e:t", Answer::of("v" + number)), "n1");
  }
  History set = history_of(all);
  add(op(1, 2, "SMEMBERS e:s", array_of({Answer::of("m98")})), "n1");
  for (const auto& [history, check_name, left] :
       {std::tuple(history_of(all), "causal", std::size_t{2})}) {
    const History smallest = shrink(history, check_name);
    EXPECT_EQ(smallest.operations.size(), left);
    EXPECT_THAT(checks_of(check(smallest)), Contains(HasSubstr(check_name)));
  }
  set.operations.push_back(at("n1", op(now + 1, now + 2, "GET e:t", Answer::of("v5"))));
  const History overwritten = shrink(set, "causal");
  EXPECT_EQ(overwritten.operations.size(), 3u) << "the read, what it shows, and what came after";
  EXPECT_THAT(checks_of(check(overwritten)), Contains(HasSubstr("causal")));
}

TEST(Eventual, WhatTheCheckerDoesNotKnowIsInvalid) {
  EXPECT_FALSE(check(history_of({op(1, 2, "HSET e:h f v", Answer::of(1))})));
  EXPECT_FALSE(check(history_of(
      {op(1, 2, "INCRBY e:k 1", Answer::of(1)), op(3, 4, "SADD e:k m", Answer::of(1))})));
  EXPECT_FALSE(check(history_of(
      {testing::multi(1, 2, {"INCRBY e:k 1", "INCRBY s:k 1"}, {Answer::of(1), Answer::of(1)})})));
}

}  // namespace
}  // namespace holdfast::verify
