// SPDX-License-Identifier: Apache-2.0
// Protects: what the log says of a function's call is decided where it is applied: whether it is
// there, whose it is to call, and what of it an id remembers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "strong/test_host.h"

namespace holdfast::strong {
namespace {

using namespace strong::testing;  // NOLINT: this folder's own
using ::testing::StartsWith;

constexpr ServiceId owner{7};
constexpr ServiceId shop{8};
constexpr ServiceId feed{9};

class MachineFunctions : public ::testing::Test {
 protected:
  MachineFunctions() {
    host_.services = {{7, "bank"}, {8, "shop"}, {9, "feed"}};
    state().owner = owner;
    state().functions = &functions_;
  }
  State& state() { return *host_.strong_state(accounts); }

  void load(const std::string& body, bool replace = false) {
    auto library = function::Library::load("#!lua name=bank keyspace=accounts\n" + body);
    ASSERT_TRUE(library) << library.error().message;
    ASSERT_TRUE(functions_.add(*std::move(library), replace));
  }
  void load_bank() {
    load(R"(redis.register_function('debit', function(keys, args)
              local left = tonumber(redis.call('GET', keys[1]) or '0') - tonumber(args[1])
              redis.call('SET', keys[1], left)
              if left < 0 then return redis.error_reply('FUNDS none') end
              return left
            end)
            redis.register_function{function_name='who', callback=function() return holdfast.caller() end, allow={'feed'}})");
  }
  std::string run(const Line& line, ServiceId caller, const std::string& id = {}) {
    return apply({line}, caller, id, false);
  }
  std::string transact(const std::vector<Line>& lines, ServiceId caller,
                       const std::string& id = {}) {
    return apply(lines, caller, id, true);
  }
  std::string apply(const std::vector<Line>& lines, ServiceId caller, const std::string& id,
                    bool transaction) {
    EntryBuilder builder;
    add(builder, {accounts, caller, id, lines, transaction, {}});
    Answers answers;
    ++position_;
    const auto applied = machine_.apply({position_}, builder.take({1, position_}, now_), &answers);
    EXPECT_TRUE(applied && *applied) << (applied ? "a copy" : applied.error().message);
    return answers.replies[0];
  }
  std::string get(std::string_view key) {
    const Value* const value = state().table.find(key, now_);
    IntegerText room;
    return value == nullptr ? "(none)" : std::string(value->text(room));
  }

  std::unique_ptr<Store> store_ = make_memory_store();
  TestHost host_{*store_};
  Machine machine_{commands(), host_};
  function::Functions functions_;
  Instant now_ = instant_from_ms(1'700'000'000'000);
  std::uint64_t position_ = 0;
};

TEST_F(MachineFunctions, OthersCallWhatIsPublishedToThem) {
  load_bank();
  run({"SET", "k", "10"}, owner);
  EXPECT_EQ(run({"FCALL", "accounts.debit", "1", "k", "3"}, shop), ":7\r\n");
  EXPECT_EQ(run({"FCALL", "accounts.who", "0"}, feed), "$4\r\nfeed\r\n");
  EXPECT_EQ(run({"FCALL", "accounts.who", "0"}, owner), "$4\r\nbank\r\n");
  EXPECT_THAT(run({"FCALL", "accounts.who", "0"}, shop), StartsWith("-NOPERM"));
  EXPECT_THAT(run({"FCALL", "accounts.debit", "1", "k", "3"}, {}), StartsWith("-NOPERM"));
  EXPECT_THAT(run({"GET", "k"}, owner), StartsWith("$1\r\n7"));
}

// Both may have changed since a node admitted the call.
TEST_F(MachineFunctions, WhatIsNoLongerTheCallersToCallIsNoOutcome) {
  const Line call{"FCALL", "accounts.debit", "1", "k", "3"};
  EXPECT_EQ(run(call, shop, "a"), "-ERR Function not found\r\n");
  load(
      "redis.register_function{function_name='debit', callback=function() return 1 end, "
      "allow={'feed'}}");
  EXPECT_THAT(run(call, shop, "a"), StartsWith("-NOPERM"));
  load("redis.register_function('debit', function() return 2 end)", true);
  EXPECT_EQ(run(call, shop, "a"), ":2\r\n") << "neither was remembered";
  functions_.clear();
  EXPECT_EQ(run(call, shop, "a"), ":2\r\n") << "but this is, function or not";
  EXPECT_EQ(run(call, owner, "a"), "-ERR Function not found\r\n") << "ids are each service's own";
}

TEST_F(MachineFunctions, ARefusalIsAnOutcomeAndChangesNothing) {
  load_bank();
  const Line call{"FCALL", "accounts.debit", "1", "k", "3"};
  EXPECT_EQ(run(call, shop, "a"), "-FUNDS none\r\n");
  EXPECT_EQ(get("k"), "(none)");
  run({"SET", "k", "10"}, owner);
  EXPECT_EQ(run(call, shop, "a"), "-FUNDS none\r\n");
  EXPECT_EQ(run(call, shop, "b"), ":7\r\n");
  EXPECT_EQ(run(call, shop, "b"), ":7\r\n");
  EXPECT_EQ(get("k"), "7");
}

TEST_F(MachineFunctions, ScriptsAreTheOwnersAlone) {
  const Line script{"EVAL", "return redis.call('INCR', KEYS[1])", "1", "k"};
  EXPECT_EQ(run(script, owner, "a"), ":1\r\n");
  EXPECT_EQ(run(script, owner, "a"), ":1\r\n");
  EXPECT_THAT(run(script, shop), StartsWith("-NOPERM"));
  EXPECT_EQ(get("k"), "1");
}

// One that fails is an element, and takes back its own writes alone.
TEST_F(MachineFunctions, InATransactionEachIsOneOfItsCommands) {
  load_bank();
  const std::vector<Line> lines{{"SET", "k", "5"},
                                {"EVAL", "return redis.call('INCR', KEYS[1])", "1", "k"},
                                {"FCALL", "accounts.debit", "1", "k", "10"},
                                {"EVAL_RO", "return redis.call('GET', KEYS[1])", "1", "k"},
                                {"EVAL_RO", "return redis.call('SET', KEYS[1], 'x')", "1", "k"},
                                {"FCALL", "accounts.none", "0"},
                                {"INCR", "k"}};
  const auto as_said = ::testing::MatchesRegex(
      "\\*7\r\n\\+OK\r\n:6\r\n-FUNDS none\r\n\\$1\r\n6\r\n-ERR [^\r]*\r\n"
      "-ERR Function not found\r\n:7\r\n");
  EXPECT_THAT(transact(lines, owner, "a"), as_said);
  EXPECT_THAT(transact(lines, owner, "a"), as_said) << "a retry gets the first reply";
  EXPECT_EQ(get("k"), "7");
  EXPECT_THAT(transact(lines, shop), StartsWith("-NOPERM")) << "its other commands are not theirs";
}

// Nothing else runs between them: who waits waits for one call's work at most.
TEST_F(MachineFunctions, InATransactionTheyShareTheWorkOfOneCall) {
  load_bank();
  const std::string half =
      "for i = 1, 600000 / 4 do end return 'done'";  // some four instructions each
  std::vector<Line> lines(8, Line{"EVAL", half, "0"});
  const std::string all = transact(lines, owner);
  EXPECT_THAT(all, StartsWith("*8\r\n$4\r\ndone\r\n"));
  EXPECT_THAT(all, ::testing::HasSubstr("-ERR the function ran more than"));
  lines.resize(1);
  EXPECT_EQ(transact(lines, owner), "*1\r\n$4\r\ndone\r\n") << "the next one begins anew";
}

TEST_F(MachineFunctions, ChanceComesFromThePlaceInTheLog) {
  load("redis.register_function('chance', function() return math.random(1000000) end)");
  std::set<std::string> drawn;
  for (int i = 0; i < 50; ++i) drawn.insert(run({"FCALL", "accounts.chance", "0"}, owner));
  EXPECT_GT(drawn.size(), 45U);
}

}  // namespace
}  // namespace holdfast::strong
