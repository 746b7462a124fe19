// SPDX-License-Identifier: Apache-2.0
#include "strong/machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/request_id.h"
#include "strong/test_host.h"

namespace holdfast::strong {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;
using namespace strong::testing;  // NOLINT: this folder's own

constexpr Millis hour{3'600'000};
const Instant noon = instant_from_ms(1'700'000'000'000);

// A machine over two keyspaces; entries come one operation each, unless said.
struct World {
  std::unique_ptr<Store> store = make_memory_store();
  TestHost host{*store};
  Machine machine{commands(), host};
  Instant now = noon;
  std::uint64_t position = 0;
  std::uint64_t counter = 0;
  Replay replay = Replay::none;  // of the last operation

  std::string entry(const std::vector<Request>& requests, AppendName name) {
    EntryBuilder builder;
    for (const Request& request : requests) add(builder, request);
    return builder.take(name, now);
  }
  std::vector<std::string> apply(const std::vector<Request>& requests) {
    Answers answers;
    const auto applied = machine.apply({++position}, entry(requests, {1, ++counter}), &answers);
    EXPECT_TRUE(applied && *applied);
    if (!answers.replays.empty()) replay = answers.replays.back();
    return answers.replies;
  }
  std::string run(const Line& line, std::string id = {}, KeyspaceId keyspace = accounts,
                  ServiceId caller = {}) {
    return apply({{keyspace, caller, std::move(id), {line}, false, {}}})[0];
  }
  std::string transact(std::vector<Line> lines, std::string id = {},
                       std::vector<std::pair<std::string, std::uint64_t>> watched = {}) {
    return apply({{accounts, {}, std::move(id), std::move(lines), true, std::move(watched)}})[0];
  }
  std::uint64_t version(std::string_view key) {
    return host.strong_state(accounts)->table.read(key, machine.time()).version;
  }
  std::string get(std::string_view key) {
    const Value* value = host.strong_state(accounts)->table.find(key, machine.time());
    IntegerText room;
    return value == nullptr ? "(none)" : std::string(value->text(room));
  }
};

// It was admitted by a node that had yet to hear of it.
TEST(Machine, WhatAnotherServiceAskedForDoesNotLandOnceAKeyspaceIsSomebodys) {
  World world;
  const ServiceId owner{7}, other{8};
  EXPECT_EQ(world.run({"SET", "k", "1"}, "a", accounts, other), "+OK\r\n");
  world.host.strong_state(accounts)->owner = owner;
  EXPECT_THAT(world.run({"SET", "k", "2"}, "b", accounts, other), StartsWith("-NOPERM"));
  EXPECT_THAT(world.run({"SET", "k", "1"}, "a", accounts, other), StartsWith("-NOPERM"))
      << "a retry";
  EXPECT_THAT(world.run({"VOID", "b", "accounts"}, {}, accounts, other), StartsWith("-NOPERM"));
  EXPECT_THAT(world.run({"SET", "k", "2"}, {}, accounts), StartsWith("-NOPERM")) << "nobody";
  EXPECT_EQ(world.get("k"), "1");
  EXPECT_EQ(world.run({"SET", "k", "3"}, "b", accounts, owner), "+OK\r\n");
  // Refused is not recorded: given back to all, the other's retry really tries.
  world.host.strong_state(accounts)->owner = {};
  EXPECT_EQ(world.run({"SET", "k", "4"}, "b", accounts, other), "+OK\r\n");
}

TEST(Machine, AppliesTheOperationsOfAnEntryInOrder) {
  World world;
  EXPECT_THAT(world.apply({{.lines = {{"SET", "k", "5"}}},
                           {.lines = {{"INCRBY", "k", "2"}}},
                           {.lines = {{"APPEND", "k", "0"}}}}),
              ElementsAre("+OK\r\n", ":7\r\n", ":2\r\n"));
  EXPECT_EQ(world.get("k"), "70");
  EXPECT_EQ(world.machine.applied(), Position{1});
  EXPECT_EQ(world.machine.time(), noon);
}

TEST(Machine, ARetryGetsTheFirstReplyAndChangesNothing) {
  World world;
  EXPECT_EQ(world.run({"INCRBY", "k", "2"}, "id"), ":2\r\n");
  EXPECT_EQ(world.replay, Replay::none);
  EXPECT_EQ(world.run({"INCRBY", "k", "10"}, "other"), ":12\r\n");
  EXPECT_EQ(world.run({"incrby", "k", "2"}, "id"), ":2\r\n");
  EXPECT_EQ(world.replay, Replay::reply);
  EXPECT_EQ(world.get("k"), "12");
}

TEST(Machine, TwoTriesInOneEntryCountOnce) {
  World world;
  const Request request{.id = "id", .lines = {{"INCR", "k"}}};
  EXPECT_THAT(world.apply({request, request}), ElementsAre(":1\r\n", ":1\r\n"));
  EXPECT_EQ(world.get("k"), "1");
}

TEST(Machine, AnIdUsedForAnotherOperationIsRefused) {
  World world;
  world.run({"INCRBY", "k", "2"}, "id");
  EXPECT_THAT(world.run({"INCRBY", "k", "3"}, "id"), StartsWith("-IDREUSED "));
  EXPECT_THAT(world.transact({{"INCRBY", "k", "2"}}, "id"), StartsWith("-IDREUSED "));
  EXPECT_EQ(world.get("k"), "2");
  EXPECT_EQ(world.run({"INCRBY", "k", "2"}, "id"), ":2\r\n");
}

// Its node had yet to hear of a keyspace that was made before it in the log: what it would
// write to the default one nobody would ever see.
TEST(Machine, AnOperationIsRefusedWhoseKeysBecameAnotherKeyspaces) {
  World world;
  world.host.moved = {"shop:1"};
  EXPECT_THAT(world.run({"SET", "shop:1", "v"}, "id"), StartsWith("-UNAVAILABLE"));
  EXPECT_THAT(world.run({"MSET", "a", "1", "shop:1", "2"}), StartsWith("-UNAVAILABLE"));
  EXPECT_THAT(world.transact({{"SET", "a", "1"}, {"SET", "shop:1", "v"}}),
              StartsWith("-UNAVAILABLE"));
  EXPECT_EQ(world.get("shop:1"), "(none)");
  EXPECT_EQ(world.get("a"), "(none)");
  world.host.moved.clear();
  EXPECT_EQ(world.run({"SET", "shop:1", "v"}, "id"), "+OK\r\n") << "it never ran";
}

TEST(Machine, IdsAreOfOneKeyspaceAndOneCaller) {
  World world;
  EXPECT_EQ(world.run({"INCR", "k"}, "id"), ":1\r\n");
  EXPECT_EQ(world.run({"INCR", "k"}, "id", stock), ":1\r\n");
  EXPECT_EQ(world.run({"INCR", "k"}, "id", accounts, {7}), ":2\r\n");
  EXPECT_EQ(world.run({"INCR", "k"}, "id", accounts, {7}), ":2\r\n");
  EXPECT_EQ(world.get("k"), "2");
}

TEST(Machine, ARefusalTheStateDecidedIsRecorded) {
  World world;
  world.run({"SET", "k", "text"});
  const std::string refusal = world.run({"INCR", "k"}, "id");
  EXPECT_THAT(refusal, StartsWith("-ERR "));
  world.run({"SET", "k", "5"});
  EXPECT_EQ(world.run({"INCR", "k"}, "id"), refusal);
  EXPECT_EQ(world.get("k"), "5");
}

TEST(Machine, AnIdIsRememberedForTheWindowByTheLogsTime) {
  World world;
  world.run({"INCR", "k"}, "id");
  world.now += 72 * hour - Millis(1);
  EXPECT_EQ(world.run({"INCR", "k"}, "id"), ":1\r\n");
  world.now += 2 * hour;
  EXPECT_EQ(world.run({"INCR", "k"}, "id"), ":2\r\n");
}

TEST(Machine, IdsPastTheirWindowAreLetGoOfWhileTimeGoesOn) {
  World world;
  for (int i = 0; i < 1'000; ++i) world.run({"INCR", "k"}, "id-" + std::to_string(i));
  IdTable& ids = world.host.strong_state(accounts)->ids;
  EXPECT_EQ(ids.size(), 1'000);
  world.now += 80 * hour;
  world.run({"INCR", "k"}, {}, stock);
  EXPECT_EQ(ids.size(), 0);
}

TEST(Machine, AnIdPastItsWindowStaysForgottenWhenTheWindowIsMadeLonger) {
  for (const bool swept : {false, true}) {
    World world;
    world.run({"SPACE", "RETAIN", "10000"}, {}, {0});
    world.run({"INCR", "k"}, "id");
    world.now += 2 * hour;
    // Whether a node has swept its ids must not decide what its machine does.
    if (swept) world.host.strong_state(accounts)->ids.expire(world.now);
    world.run({"SPACE", "RETAIN", "259200000"}, {}, {0});
    EXPECT_EQ(world.run({"INCR", "k"}, "id"), ":2\r\n");
  }
}

TEST(Machine, AUuidOlderThanTheWindowOrAnHourAheadNeverRuns) {
  World world;
  const auto at = [](Instant time) { return make_uuid7(time, 1, 2); };
  EXPECT_THAT(world.run({"INCR", "k"}, at(noon - 72 * hour - Millis(1))),
              StartsWith("-IDEXPIRED "));
  EXPECT_THAT(world.run({"INCR", "k"}, at(noon + hour + Millis(1))), StartsWith("-IDEXPIRED "));
  EXPECT_EQ(world.get("k"), "(none)");
  EXPECT_EQ(world.run({"INCR", "k"}, at(noon - 72 * hour)), ":1\r\n");
  EXPECT_EQ(world.run({"INCR", "k"}, at(noon + hour)), ":2\r\n");
  // Refused, not recorded: what was an hour ahead runs when its time has come.
  world.now += Millis(1);
  EXPECT_EQ(world.run({"INCR", "k"}, at(noon + hour + Millis(1))), ":3\r\n");
}

TEST(Machine, AUuidFromTheFutureDoesNotRunTwiceWhenItsRecordIsAWindowOld) {
  World world;
  const std::string id = make_uuid7(noon + hour, 1, 2);
  EXPECT_EQ(world.run({"INCR", "k"}, id), ":1\r\n");
  for (int minutes = 0; minutes < 90; ++minutes) {
    world.now = noon + 72 * hour + Millis(minutes * 60'000);
    world.run({"INCR", "k"}, id);
    ASSERT_EQ(world.get("k"), "1") << minutes;
  }
}

TEST(Machine, AVoidedIdNeverRuns) {
  World world;
  EXPECT_EQ(world.run({"VOID", "id", "accounts"}), "+OK\r\n");
  EXPECT_THAT(world.run({"INCR", "k"}, "id"), StartsWith("-VOIDED "));
  EXPECT_EQ(world.run({"VOID", "id", "accounts"}), "+OK\r\n");
  EXPECT_EQ(world.get("k"), "(none)");
}

TEST(Machine, VoidAnswersAnOutcomeThatIsThere) {
  World world;
  world.run({"INCRBY", "k", "3"}, "id");
  EXPECT_EQ(world.run({"VOID", "id", "accounts"}), "*1\r\n:3\r\n");
  EXPECT_EQ(world.run({"INCRBY", "k", "3"}, "id"), ":3\r\n");
}

TEST(Machine, VoidRefusesWhatItCannotSettleForGood) {
  World world;
  const std::string forgotten = make_uuid7(noon - 80 * hour, 1, 2);
  const std::string ahead = make_uuid7(noon + 80 * hour, 1, 2);
  EXPECT_THAT(world.run({"VOID", forgotten, "accounts"}), StartsWith("-IDEXPIRED "));
  EXPECT_THAT(world.run({"VOID", ahead, "accounts"}), StartsWith("-IDEXPIRED "));
}

TEST(Machine, NewIdsAreBusyAtTheLimitAndOldOnesStillAnswered) {
  World world;
  world.host.strong_state(accounts)->ids_bytes_max = 100;
  EXPECT_EQ(world.run({"INCR", "k"}, "a"), ":1\r\n");
  EXPECT_EQ(world.run({"INCR", "k"}, "b"), ":2\r\n");
  EXPECT_THAT(world.run({"INCR", "k"}, "c"), StartsWith("-BUSY "));
  EXPECT_THAT(world.run({"VOID", "d", "accounts"}), StartsWith("-BUSY "));
  EXPECT_EQ(world.run({"INCR", "k"}, "a"), ":1\r\n");
  EXPECT_EQ(world.run({"VOID", "a", "accounts"}), "*1\r\n:1\r\n");
  EXPECT_EQ(world.run({"INCR", "k"}), ":3\r\n");  // without an id: no limit
  world.now += 80 * hour;                         // past the window there is room again
  EXPECT_EQ(world.run({"INCR", "k"}, "c"), ":4\r\n");
}

// What a command that waits comes to, attempt by attempt.
TEST(Machine, AnAttemptThatFindsNothingIsNoOutcomeUnlessItIsTheLast) {
  World world;
  const auto attempt = [&](Attempt which, std::string id) {
    Request request{accounts, {}, std::move(id), {{"BLPOP", "q", "5"}}, false, {}};
    request.attempt = which;
    return world.apply({request})[0];
  };
  EXPECT_EQ(attempt(Attempt::first, "a"), "*-1\r\n");
  EXPECT_EQ(attempt(Attempt::again, "a"), "*-1\r\n");
  EXPECT_TRUE(world.host.recorded.empty());
  world.run({"RPUSH", "q", "item"});
  const std::string taken = attempt(Attempt::again, "a");
  EXPECT_EQ(taken, "*2\r\n$1\r\nq\r\n$4\r\nitem\r\n");
  EXPECT_EQ(world.host.recorded.size(), 1u);
  world.run({"RPUSH", "q", "another"});
  for (const Attempt late : {Attempt::first, Attempt::last, Attempt::only}) {
    EXPECT_EQ(attempt(late, "a"), taken);
    EXPECT_EQ(world.replay, Replay::reply);
  }
  world.run({"DEL", "q"});
  EXPECT_EQ(attempt(Attempt::last, "b"), "*-1\r\n");
  EXPECT_EQ(attempt(Attempt::unblocked, "c"), "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
  world.run({"RPUSH", "q", "late"});
  EXPECT_EQ(attempt(Attempt::first, "b"), "*-1\r\n") << "it was told that there was nothing";
  EXPECT_EQ(world.replay, Replay::reply);
  EXPECT_THAT(attempt(Attempt::again, "c"), StartsWith("-UNBLOCKED"));
  EXPECT_EQ(world.run({"LLEN", "q"}), ":1\r\n");
}

TEST(Machine, ALaterAttemptPassesOverKeysOfOtherTypes) {
  World world;
  world.run({"SET", "s", "text"});
  const auto attempt = [&](Attempt which, Line line) {
    Request request{accounts, {}, {}, {std::move(line)}, false, {}};
    request.attempt = which;
    return world.apply({request})[0];
  };
  EXPECT_THAT(attempt(Attempt::first, {"BLPOP", "s", "q", "0"}), StartsWith("-WRONGTYPE"));
  EXPECT_EQ(attempt(Attempt::again, {"BLPOP", "s", "q", "0"}), "*-1\r\n");
  EXPECT_EQ(attempt(Attempt::again, {"BLMOVE", "s", "q", "LEFT", "LEFT", "0"}), "$-1\r\n");
  world.run({"RPUSH", "q", "item"});
  EXPECT_THAT(attempt(Attempt::again, {"BLMOVE", "q", "s", "LEFT", "LEFT", "0"}),
              StartsWith("-WRONGTYPE"));
  EXPECT_EQ(attempt(Attempt::again, {"BLPOP", "s", "q", "0"}), "*2\r\n$1\r\nq\r\n$4\r\nitem\r\n");
}

TEST(Machine, ATransactionIsOneOperationUnderOneId) {
  World world;
  const std::vector<Line> move{{"DECRBY", "a", "5"}, {"INCRBY", "b", "5"}, {"GET", "a"}};
  EXPECT_EQ(world.transact(move, "id"), "*3\r\n:-5\r\n:5\r\n$2\r\n-5\r\n");
  EXPECT_EQ(world.transact(move, "id"), "*3\r\n:-5\r\n:5\r\n$2\r\n-5\r\n");
  EXPECT_EQ(world.replay, Replay::reply);
  EXPECT_EQ(world.get("a"), "-5");
  EXPECT_EQ(world.transact({}), "*0\r\n");
}

TEST(Machine, AnErrorInATransactionIsAnElementAndTheRestRuns) {
  World world;
  EXPECT_THAT(world.transact({{"SET", "k", "x"}, {"INCR", "k"}, {"SET", "l", "y"}}),
              ::testing::MatchesRegex("\\*3\r\n\\+OK\r\n-ERR [^\r]*\r\n\\+OK\r\n"));
  EXPECT_EQ(world.get("l"), "y");
}

TEST(Machine, ATransactionRunsOnlyIfWatchedKeysAreAsTheyWere) {
  World world;
  world.run({"SET", "k", "1"});
  const std::uint64_t seen = world.version("k");
  EXPECT_EQ(world.transact({{"SET", "k", "2"}}, {}, {{"k", seen}, {"none", 0}}), "*1\r\n+OK\r\n");
  EXPECT_EQ(world.transact({{"SET", "k", "3"}}, "id", {{"k", seen}}), "*-1\r\n");
  EXPECT_EQ(world.get("k"), "2");
  // That it did not run is its outcome: a retry does not run either.
  EXPECT_EQ(world.transact({{"SET", "k", "3"}}, "id", {{"k", world.version("k")}}), "*-1\r\n");
  EXPECT_EQ(world.transact({{"SET", "n", "1"}}, {}, {{"n", 0}}), "*1\r\n+OK\r\n");
  EXPECT_EQ(world.transact({{"SET", "n", "2"}}, {}, {{"n", 0}}), "*-1\r\n");
}

TEST(Machine, EveryOperationHasAVersionOfItsOwn) {
  World world;
  world.apply({{.lines = {{"SET", "a", "1"}}}, {.lines = {{"SET", "b", "1"}}}});
  EXPECT_EQ(world.version("a"), 1 << 16);
  EXPECT_EQ(world.version("b"), (1 << 16) + 1);
  world.run({"SET", "a", "1"});
  EXPECT_EQ(world.version("a"), 2 << 16);
}

TEST(Machine, RandomnessDependsOnThePositionAlone) {
  const auto popped = [] {
    World world;
    world.run({"SADD", "s", "a", "b", "c", "d", "e", "f", "g", "h"});
    return world.run({"SPOP", "s", "3"}) + world.transact({{"SPOP", "s"}, {"SPOP", "s"}});
  };
  EXPECT_EQ(popped(), popped());
}

TEST(Machine, TimeNeverGoesBack) {
  World world;
  world.run({"SET", "k", "1", "PX", "10000"});
  world.now = noon - hour;
  world.run({"SET", "l", "1"});
  EXPECT_EQ(world.machine.time(), noon);
  world.now = noon + Millis(10'000);
  EXPECT_EQ(world.run({"INCR", "k"}), ":1\r\n");
}

TEST(Machine, ACopyOfAnEntryIsSkipped) {
  World world;
  Answers answers;
  const std::string entry = world.entry({{.lines = {{"INCR", "k"}}}}, {9, 1});
  EXPECT_TRUE(*world.machine.apply({1}, entry, &answers));
  EXPECT_FALSE(*world.machine.apply({2}, entry, &answers));
  EXPECT_EQ(answers.replies.size(), 1);
  EXPECT_EQ(world.machine.applied(), Position{2});
  EXPECT_EQ(world.get("k"), "1");
  // Another's entry with the same counter is another entry.
  EXPECT_TRUE(
      *world.machine.apply({3}, world.entry({{.lines = {{"INCR", "k"}}}}, {8, 1}), nullptr));
  EXPECT_EQ(world.get("k"), "2");
}

TEST(Machine, AnEntryOvertakenByALaterOneOfItsAppenderIsSkipped) {
  World world;
  EXPECT_TRUE(
      *world.machine.apply({1}, world.entry({{.lines = {{"INCR", "k"}}}}, {9, 2}), nullptr));
  EXPECT_FALSE(
      *world.machine.apply({2}, world.entry({{.lines = {{"INCR", "k"}}}}, {9, 1}), nullptr));
  EXPECT_EQ(world.get("k"), "1");
}

TEST(Machine, ACopyIsKnownAfterARestart) {
  World world;
  const std::string entry = world.entry({{.lines = {{"INCR", "k"}}}}, {9, 1});
  EXPECT_TRUE(*world.machine.apply({1}, entry, nullptr));
  Machine restarted(commands(), world.host);
  ASSERT_TRUE(restarted.decode(world.machine.encode()));
  EXPECT_EQ(restarted.applied(), Position{1});
  EXPECT_EQ(restarted.time(), noon);
  EXPECT_FALSE(*restarted.apply({2}, entry, nullptr));
}

TEST(Machine, NothingOfACorruptEntryIsApplied) {
  World world;
  world.run({"SET", "k", "1"});
  const std::string before = world.machine.encode();
  std::string entry =
      world.entry({{.lines = {{"INCR", "k"}}}, {.lines = {{"INCR", "k"}}}}, {1, ++world.counter});
  entry.pop_back();
  Answers answers;
  const auto applied = world.machine.apply({++world.position}, entry, &answers);
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().code, Code::corrupt);
  EXPECT_TRUE(answers.replies.empty());
  EXPECT_EQ(world.get("k"), "1");
  EXPECT_EQ(world.machine.encode(), before);
}

TEST(Machine, ADroppedKeyspaceIsUnavailableFromItsDropOn) {
  World world;
  EXPECT_THAT(world.apply({{.keyspace = stock, .lines = {{"SET", "k", "1"}}},
                           {.keyspace = {0}, .id = "drop", .lines = {{"SPACE", "DROP", "2"}}},
                           {.keyspace = stock, .id = "id", .lines = {{"SET", "k", "1"}}}}),
              ElementsAre("+OK\r\n", "+OK\r\n", StartsWith("-UNAVAILABLE ")));
}

TEST(Machine, CatalogChangesHaveIdsOfTheirOwn) {
  World world;
  world.run({"INCR", "k"}, "id");
  EXPECT_EQ(world.run({"SPACE", "DROP", "1"}, "id", {0}), "+OK\r\n");
  EXPECT_EQ(world.run({"space", "drop", "1"}, "id", {0}), "+OK\r\n");
  EXPECT_EQ(world.replay, Replay::reply);
  EXPECT_THAT(world.run({"SPACE", "DROP", "2"}, "id", {0}), StartsWith("-IDREUSED "));
  EXPECT_EQ(world.host.catalog_changes, 1);
}

TEST(Machine, NodesThatAppliedTheSameHaveTheSameMilestones) {
  World one;
  World other;
  for (World* world : {&one, &other}) world->run({"INCR", "k"});
  EXPECT_EQ(one.machine.milestone().position, Position{1});  // the first is one
  one.now = other.now = noon + Millis(9'999);
  for (World* world : {&one, &other}) world->run({"INCR", "k"});
  EXPECT_EQ(one.machine.milestone().position, Position{1});
  // Through a checkpoint nothing of it is lost.
  const std::string bytes = one.machine.encode();
  ASSERT_TRUE(one.machine.decode(bytes));
  EXPECT_EQ(one.machine.encode(), bytes);
  one.now = other.now = noon + Millis(10'000);
  for (World* world : {&one, &other}) world->run({"INCR", "k"});
  EXPECT_EQ(one.machine.milestone().position, Position{3});
  EXPECT_EQ(other.machine.milestone().digest, one.machine.milestone().digest);
  EXPECT_EQ(other.machine.log_bytes(), one.machine.log_bytes());
  // An operation that one of them missed shows at the next.
  one.run({"INCR", "k"});
  ++other.position;
  one.now = other.now = noon + Millis(20'000);
  for (World* world : {&one, &other}) world->run({"INCR", "k"});
  EXPECT_EQ(other.machine.milestone().position, one.machine.milestone().position);
  EXPECT_NE(other.machine.milestone().digest, one.machine.milestone().digest);
}

TEST(Machine, WithoutOperationsOnKeysThereIsNoMilestone) {
  World world;
  world.run({"INCR", "k"});
  world.now = noon + Millis(3'600'000);
  world.run({"SPACE", "DROP", "2"}, {}, {0});
  EXPECT_EQ(world.machine.milestone().position, Position{1});
}

TEST(Machine, ItsCheckpointIsRefusedWhenCutOrLengthened) {
  World world;
  world.run({"INCR", "k"}, "id");
  const std::string whole = world.machine.encode();
  Machine other(commands(), world.host);
  for (std::size_t size = 0; size < whole.size(); ++size)
    ASSERT_FALSE(other.decode(std::string_view(whole).substr(0, size))) << size;
  EXPECT_FALSE(other.decode(whole + "x"));
  EXPECT_EQ(other.applied(), Position{0});
  EXPECT_TRUE(other.decode(whole));
  EXPECT_EQ(other.encode(), whole);
}

}  // namespace
}  // namespace holdfast::strong
