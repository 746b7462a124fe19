// SPDX-License-Identifier: Apache-2.0
// Protects: workflows as the log has them. Steps that are functions of strong keyspaces are called
// where the log is applied, once; what drivers report counts once; another node, or this one after
// a restart, comes to the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "strong/test_host.h"
#include "workflow/rows.h"

namespace holdfast::strong {
namespace {

using namespace strong::testing;  // NOLINT: this folder's own
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr ServiceId shop{8};

constexpr const char* bank = R"(#!lua name=bank keyspace=accounts
redis.register_function('debit', function(keys, args)
  local left = tonumber(redis.call('GET', keys[1]) or '0') - tonumber(args[1])
  if left < 0 then return redis.error_reply('TOOLITTLE') end
  redis.call('SET', keys[1], left)
  return left
end)
redis.register_function('credit', function(keys, args) return redis.call('INCRBY', keys[1], args[1]) end)
redis.register_function{function_name='secret', callback=function() return 1 end, allow={'bank'}})";

constexpr const char* order = R"({"name": "order", "steps": [
  {"name": "debit", "call": "accounts.debit", "keys": [{"from": "/input/from"}], "args": [{"from": "/input/amount"}],
   "undo": {"call": "accounts.credit", "keys": [{"from": "/input/from"}], "args": [{"from": "/input/amount"}]}},
  {"name": "credit", "call": "accounts.credit", "keys": [{"from": "/input/to"}], "args": [{"from": "/input/amount"}],
   "undo": {"call": "accounts.debit", "keys": [{"from": "/input/to"}], "args": [{"from": "/input/amount"}]}}
  LAST]})";

std::string order_with(const std::string& last) {
  std::string definition = order;
  definition.replace(definition.find("LAST"), 4, last);
  return definition;
}

class MachineWorkflows : public ::testing::Test {
 protected:
  struct Node {
    explicit Node(Store& store) : host(store) {
      host.services = {{7, "bank"}, {8, "shop"}};
      State& state = *host.strong_state(accounts);
      state.owner = ServiceId{7};
      state.functions = &functions;
      HF_ASSERT(functions.add(*function::Library::load(bank), false));
    }
    TestHost host;
    Machine machine{commands(), host};
    function::Functions functions;
  };

  // At this node and at a second one, which must come to the same.
  std::string run(const Line& line, const std::string& id = {}, ServiceId caller = shop) {
    EntryBuilder builder;
    const bool workflows = line[0] == "WORKFLOW";
    add(builder,
        {workflows ? workflow::current_keyspace : accounts, caller, id, {line}, false, {}});
    ++position_;
    const std::string payload = builder.take({1, position_}, now_);
    std::string reply;
    for (Node* each : {&*node_, &other_}) {
      Answers answers;
      const auto applied = each->machine.apply({position_}, payload, &answers);
      EXPECT_TRUE(applied && *applied);
      if (each == &other_) {
        EXPECT_EQ(answers.replies[0], reply);
      }
      reply = answers.replies[0];
    }
    EXPECT_EQ(node_->host.digest(now_), other_.host.digest(now_));
    return reply;
  }
  void set(const std::string& key, const std::string& value) {
    run({"SET", key, value}, {}, ServiceId{7});
  }
  std::string get(std::string_view key) {
    const Value* const value = node_->host.strong_state(accounts)->table.find(key, now_);
    IntegerText room;
    return value == nullptr ? "(none)" : std::string(value->text(room));
  }
  std::string start(const std::string& run_id, const std::string& input,
                    const std::string& name = "order") {
    return run({"WORKFLOW", "START", run_id, name, input});
  }
  workflow::Run found(const std::string& id) {
    auto run = node_->host.workflows().find({shop, id}, now_);
    EXPECT_TRUE(run) << id;
    return run ? *run : workflow::Run{};
  }
  std::string state_of(const std::string& id) {
    return std::string(workflow::text_of(found(id).state));
  }
  void restart() {
    node_->host.checkpoint(node_->machine);
    node_ = std::make_unique<Node>(*store_);
    node_->host.restore(node_->machine);
  }
  std::string report(const std::string& id, std::size_t step, bool undo, workflow::Ending ending,
                     std::uint32_t number = 1) {
    return run(workflow::report_command(
                   {shop, id}, {.step = step, .undo = undo, .number = number},
                   {.ending = ending, .result = R"({"ok":true})", .error = "503 not now"}),
               {}, ServiceId{});
  }

  std::unique_ptr<Store> store_ = make_memory_store();
  std::unique_ptr<Store> other_store_ = make_memory_store();
  std::unique_ptr<Node> node_ = std::make_unique<Node>(*store_);
  Node other_{*other_store_};
  Instant now_ = instant_from_ms(1'700'000'000'000);
  std::uint64_t position_ = 0;
};

TEST_F(MachineWorkflows, FunctionsOfStrongKeyspacesAreCalledAsTheRunBegins) {
  EXPECT_EQ(run({"WORKFLOW", "DEFINE", order_with("")}), ":1\r\n");
  set("a", "100");
  const std::string first = start("r1", R"({"from": "a", "to": "b", "amount": 30})");
  EXPECT_THAT(first, HasSubstr("done"));
  EXPECT_EQ(get("a"), "70");
  EXPECT_EQ(get("b"), "30");
  EXPECT_EQ(start("r1", R"({"from": "a", "to": "b", "amount": 30})"), first)
      << "a retry tells of the same run";
  EXPECT_THAT(start("r1", R"({"from": "a", "to": "b", "amount": 31})"), StartsWith("-IDREUSED"));
  EXPECT_EQ(get("a"), "70");
  EXPECT_EQ(found("r1").steps[0].result, "70");
}

TEST_F(MachineWorkflows, WhatIsRefusedForGoodIsUndoneFromTheLastStepOn) {
  run({"WORKFLOW", "DEFINE", order_with(R"(, {"name": "secret", "call": "accounts.secret"})")});
  set("a", "100");
  start("r1", R"({"from": "a", "to": "b", "amount": 30})");
  // Two calls, a refusal, an undo: as many as one operation makes.
  EXPECT_EQ(state_of("r1"), "undoing");
  EXPECT_EQ(run(workflow::go_on_command({shop, "r1"}), {}, ServiceId{}), ":1\r\n");
  EXPECT_EQ(state_of("r1"), "undone");
  EXPECT_THAT(found("r1").why, HasSubstr("NOPERM"));
  EXPECT_EQ(get("a"), "100");
  EXPECT_EQ(get("b"), "0");
  start("r2", R"({"from": "a", "to": "b", "amount": 300})");
  EXPECT_EQ(state_of("r2"), "undone");
  EXPECT_THAT(found("r2").why, HasSubstr("TOOLITTLE"));
}

TEST_F(MachineWorkflows, OfTwoDriversThatReportTheFirstCounts) {
  run({"WORKFLOW", "DEFINE",
       order_with(
           R"(, {"name": "tell", "http": {"url": "http://x/"}, "undo": {"http": {"url": "http://x/"}}},
                       {"name": "more", "call": "accounts.credit", "keys": ["c"], "args": [1]})")});
  set("a", "100");
  EXPECT_THAT(start("r1", R"({"from": "a", "to": "b", "amount": 30})"), HasSubstr("running"));
  EXPECT_EQ(report("r1", 2, false, workflow::Ending::unknown), ":1\r\n");
  EXPECT_EQ(report("r1", 2, false, workflow::Ending::unknown), ":0\r\n")
      << "of an attempt that has ended";
  EXPECT_EQ(report("r1", 2, false, workflow::Ending::succeeded, 2), ":1\r\n");
  EXPECT_EQ(state_of("r1"), "done");
  EXPECT_EQ(get("c"), "1");
  EXPECT_EQ(report("r1", 2, false, workflow::Ending::refused), ":0\r\n");
  EXPECT_EQ(report("none", 2, false, workflow::Ending::refused), ":0\r\n");
  EXPECT_EQ(report("r1", 200, false, workflow::Ending::refused), ":0\r\n");
  EXPECT_EQ(get("c"), "1");
}

TEST_F(MachineWorkflows, ARunOutlivesARestartAndItsOwnEndForAsLongAsItIsKept) {
  run({"WORKFLOW", "DEFINE",
       order_with(
           R"(, {"name": "rest", "wait": {"for": "10s"}}, {"name": "tell", "call": "likes.tell"})")});
  set("a", "100");
  start("r1", R"({"from": "a", "to": "b", "amount": 30})");
  restart();
  const auto& current = node_->host.workflows().current();
  ASSERT_EQ(current.size(), 1);
  EXPECT_EQ(current.begin()->second.next, now_ + Millis(10'000));
  EXPECT_EQ(run(workflow::go_on_command({shop, "r1"}), {}, ServiceId{}), ":0\r\n")
      << "nothing is due";
  now_ += Millis(10'000);
  EXPECT_EQ(run(workflow::go_on_command({shop, "r1"}), {}, ServiceId{}), ":1\r\n");
  EXPECT_EQ(state_of("r1"), "running")
      << "a function of an eventual keyspace is a driver's to call";
  restart();
  EXPECT_EQ(report("r1", 3, false, workflow::Ending::succeeded), ":1\r\n");
  EXPECT_EQ(state_of("r1"), "done");
  EXPECT_TRUE(node_->host.workflows().current().empty());
  restart();
  EXPECT_EQ(state_of("r1"), "done");
  now_ += Millis(limits::workflow_retain_ms_default);
  EXPECT_FALSE(node_->host.workflows().find({shop, "r1"}, now_));
}

TEST_F(MachineWorkflows, ADefinitionThatIsReplacedGoesOnForWhoBeganWithIt) {
  run({"WORKFLOW", "DEFINE", order_with(R"(, {"name": "go", "wait": {"signal": "go"}},
                                            {"name": "one", "call": "accounts.credit", "keys": ["c"], "args": [1]})")});
  set("a", "100");
  const std::string input = R"({"from": "a", "to": "b", "amount": 1})";
  start("r1", input);
  const std::string next =
      order_with(R"(, {"name": "two", "call": "accounts.credit", "keys": ["c"], "args": [10]})");
  EXPECT_EQ(run({"WORKFLOW", "DEFINE", next}), ":2\r\n");
  EXPECT_EQ(run({"WORKFLOW", "DEFINE", next}), ":2\r\n") << "the same again is no new version";
  start("r2", input);
  EXPECT_EQ(get("c"), "10");
  EXPECT_THAT(run({"WORKFLOW", "SIGNAL", "r1", "stop"}),
              StartsWith("-ERR no step of the run waits"));
  EXPECT_THAT(run({"WORKFLOW", "SIGNAL", "r1", "go", "{\"by\": 1}"}), HasSubstr("done"));
  EXPECT_EQ(get("c"), "11");
  EXPECT_EQ(run({"WORKFLOW", "START", "r3", "order", input, "VERSION", "1"}).substr(0, 1), "%");
  EXPECT_EQ(found("r3").version, 1);
  EXPECT_THAT(run({"WORKFLOW", "CANCEL", "r3"}), HasSubstr("cancelled"));
  EXPECT_EQ(get("a"), "98");
  EXPECT_THAT(run({"WORKFLOW", "CANCEL", "r3"}), StartsWith("-ERR the run has ended"));
  EXPECT_THAT(run({"WORKFLOW", "RETRY", "r3"}), StartsWith("-ERR the run is not stuck"));
  EXPECT_THAT(start("r4", input, "none"), StartsWith("-ERR no such workflow"));
  EXPECT_THAT(start("r4", "{"), StartsWith("-ERR the input: it is no JSON"));
  EXPECT_THAT(run({"WORKFLOW", "DEFINE", "{}"}), StartsWith("-ERR /: it says no name"));
}

TEST_F(MachineWorkflows, OneServicesRunsAreNobodyElses) {
  run({"WORKFLOW", "DEFINE", order_with("")});
  set("a", "100");
  start("r1", R"({"from": "a", "to": "b", "amount": 30})");
  const ServiceId feed{9};
  EXPECT_THAT(run({"WORKFLOW", "CANCEL", "r1"}, {}, feed), StartsWith("-ERR no such run"));
  EXPECT_THAT(run({"WORKFLOW", "START", "r1", "order", "{}"}, {}, feed),
              StartsWith("-ERR no such workflow"));
  EXPECT_TRUE(node_->host.workflows().definitions(feed).empty());
}

TEST_F(MachineWorkflows, AStepsRequestIdIsTheKeyspacesToo) {
  const ServiceId bank_itself{7};
  run({"WORKFLOW", "DEFINE", order_with("")}, {}, bank_itself);
  set("a", "100");
  EXPECT_EQ(run({"VOID", "r1/debit", "accounts"}, {}, bank_itself), "+OK\r\n");
  const std::string input = R"({"from": "a", "to": "b", "amount": 30})";
  EXPECT_THAT(run({"WORKFLOW", "START", "r1", "order", input}, {}, bank_itself),
              HasSubstr("undone"));
  EXPECT_THAT(node_->host.workflows().find({bank_itself, "r1"}, now_)->why, HasSubstr("VOIDED"));
  EXPECT_EQ(get("a"), "100");
}

}  // namespace
}  // namespace holdfast::strong
