// SPDX-License-Identifier: Apache-2.0
// Protects: a function that ends well is one operation with its commands' effects, whatever else is
// unstable at the keys; one that does not leaves no trace here or anywhere.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <tuple>

#include "command/test_lines.h"
#include "eventual/test_replica.h"

namespace holdfast::eventual {
namespace {

using namespace eventual::testing;  // NOLINT: this folder's own

// Runs the commands that its arguments are, each behind the number of its words, and ends as told.
constexpr std::string_view source = R"(#!lua name=programs
redis.register_function('run', function(keys, args)
  local at = 2
  while at <= #args do
    local words = {}
    for i = 1, tonumber(args[at]) do words[i] = args[at + i] end
    at = at + #words + 1
    redis.pcall(unpack(words))
  end
  if args[1] == 'fail' then error('enough') end
  return 'well'
end)
)";

function::Functions functions() {
  function::Functions functions;
  auto library = function::Library::load(std::string(source));
  EXPECT_TRUE(library && functions.add(*std::move(library), false));
  return functions;
}

Line call_of(const std::vector<Line>& lines, const std::string& ending) {
  Line call{"FCALL", "run", "0", ending};
  for (const Line& line : lines) {
    call.push_back(std::to_string(line.size()));
    call.insert(call.end(), line.begin(), line.end());
  }
  return call;
}

/// Two replicas that hear of one another now and then, so that much is unstable.
struct Pair {
  TestReplica one{1, {OriginId{2}}};
  TestReplica two{2, {OriginId{1}}};
  std::vector<std::string> from_one;
  std::vector<std::string> from_two;

  void take() {
    if (one.replica().open_bytes() != 0) from_one.push_back(one.take());
    if (two.replica().open_bytes() != 0) from_two.push_back(two.take());
  }
  void exchange() {
    take();
    for (const std::string& entry : from_one) ASSERT_TRUE(two.receive(OriginId{1}, entry));
    for (const std::string& entry : from_two) ASSERT_TRUE(one.receive(OriginId{2}, entry));
    from_one.clear();
    from_two.clear();
    one.replica().acknowledged(OriginId{2}, two.replica().merged());
    two.replica().acknowledged(OriginId{1}, one.replica().merged());
  }
};

std::vector<const Row*> drawn_rows() {
  std::vector<const Row*> rows;
  for (const Row* row : command::all_commands().rows()) {
    if (row->access == Access::read || (row->access == Access::write && row->eventual != nullptr))
      rows.push_back(row);
  }
  return rows;
}

std::vector<Line> any_lines(std::mt19937_64& random) {
  static const std::vector<const Row*> rows = drawn_rows();
  std::vector<Line> lines;
  for (auto n = 1 + random() % 4; n > 0; --n) {
    Line line = command::LineMaker(random(), true).make(*rows[random() % rows.size()]);
    const std::vector<std::string_view> args(line.begin(), line.end());
    const Row* const row = commands().find(line[0]);
    if (row != nullptr && check_arity(*row, args)) lines.push_back(std::move(line));
  }
  return lines;
}

bool writes(const std::vector<Line>& lines) {
  return std::ranges::any_of(
      lines, [](const Line& line) { return commands().find(line[0])->access == Access::write; });
}

TEST(FunctionsInReplicas, AreTheirCommandsAsOneOperation) {
  const function::Functions published = functions();
  std::mt19937_64 random(5);
  for (int history = 0; history < 400; ++history) {
    SCOPED_TRACE(history);
    Pair by_calls;
    Pair by_transactions;
    for (Pair* pair : {&by_calls, &by_transactions}) {
      pair->one.state().functions = &published;
      pair->two.state().functions = &published;
    }
    std::vector<std::pair<std::string, std::vector<Line>>> tried;
    for (int step = 0; step < 120; ++step) {
      const bool at_one = random() % 2 == 0;
      std::vector<Line> lines = any_lines(random);
      std::string id;
      if (!tried.empty() && random() % 6 == 0) {
        std::tie(id, lines) = tried[random() % tried.size()];  // again, wherever it was before
      } else if (writes(lines) && random() % 3 == 0) {
        id = "id" + std::to_string(step);
        tried.emplace_back(id, lines);
      }
      const bool fails = id.empty() && random() % 3 == 0;
      TestReplica& here = at_one ? by_calls.one : by_calls.two;
      const ModelState before = state_of(here.table(), here.wall);
      const auto answer = here.run(call_of(lines, fails ? "fail" : "end"), id);
      if (fails) {
        ASSERT_TRUE(answer.reply.starts_with("-ERR function 'run'")) << answer.reply;
        ASSERT_EQ(show(state_of(here.table(), here.wall)), show(before));
        ASSERT_FALSE(answer.executed.wrote);
      } else {
        TestReplica& there = at_one ? by_transactions.one : by_transactions.two;
        there.transact(lines, id);
      }
      if (random() % 8 == 0) {
        by_calls.exchange();
        by_transactions.exchange();
      }
      // Time goes on: a call that failed has moved the clock on one side only, and of two tries at
      // one time another would be the first there.
      const Instant wall = here.wall + Millis(1 + random() % 3);
      for (Pair* pair : {&by_calls, &by_transactions}) pair->one.wall = pair->two.wall = wall;
      if (random() % 16 == 0) {
        for (Pair* pair : {&by_calls, &by_transactions}) {
          pair->one.replica().tidy(wall);
          pair->two.replica().tidy(wall);
        }
      }
      ASSERT_EQ(by_calls.one.replica().audit(), std::nullopt);
    }
    by_calls.exchange();
    by_transactions.exchange();
    by_calls.exchange();
    by_transactions.exchange();
    const Instant now = by_calls.one.wall;
    EXPECT_EQ(show(state_of(by_calls.one.table(), now)), show(state_of(by_calls.two.table(), now)));
    EXPECT_EQ(show(state_of(by_calls.one.table(), now)),
              show(state_of(by_transactions.one.table(), now)));
  }
}

TEST(FunctionsInReplicas, WhatASecondTryMeantIsNotRun) {
  const function::Functions published = functions();
  TestReplica replica(1);
  replica.state().functions = &published;
  const Line call = call_of({{"INCRBY", "k", "5"}}, "end");
  EXPECT_EQ(replica.reply(call, "id"), "$4\r\nwell\r\n");
  EXPECT_EQ(replica.reply(call, "id"), "$4\r\nwell\r\n");
  EXPECT_EQ(replica.table().find("k", replica.wall)->as_integer(), 5);
  EXPECT_TRUE(replica.reply(call_of({}, "end"), "id").starts_with("-IDREUSED"));
}

// Found by the simulator (seed 300439): a node that had yet to hear of the library remembered that
// it does not have the function, and that try, the first by clock, took the increment away from
// another.
TEST(FunctionsInReplicas, AMissingFunctionIsNoOutcome) {
  const function::Functions published = functions();
  TestReplica one(1, {OriginId{2}});
  TestReplica two(2, {OriginId{1}});
  two.state().functions = &published;
  const Line call = call_of({{"INCRBY", "k", "5"}}, "end");
  EXPECT_TRUE(one.reply(call, "id").starts_with("-ERR Function not found"));
  EXPECT_EQ(one.replica().open_bytes(), 0U);
  two.wall += Millis(5);
  EXPECT_EQ(two.reply(call, "id"), "$4\r\nwell\r\n");
  ASSERT_TRUE(one.receive(OriginId{2}, two.take()));
  EXPECT_EQ(one.table().find("k", one.wall)->as_integer(), 5);
  one.state().functions = &published;
  EXPECT_EQ(one.reply(call, "id"), "$4\r\nwell\r\n");
  EXPECT_EQ(one.table().find("k", one.wall)->as_integer(), 5);
}

TEST(FunctionsInReplicas, CommandsWithoutAMeaningThereAreRefused) {
  const function::Functions published = functions();
  TestReplica replica(1);
  replica.state().functions = &published;
  EXPECT_EQ(replica.reply(call_of({{"SETNX", "k", "v"}, {"SPOP", "s"}}, "end")), "$4\r\nwell\r\n");
  EXPECT_EQ(replica.table().size(), 0U);
  EXPECT_TRUE(replica.reply({"FCALL", "other", "0"}).starts_with("-ERR Function not found"));
}

}  // namespace
}  // namespace holdfast::eventual
