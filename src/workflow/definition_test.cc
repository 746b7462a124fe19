// SPDX-License-Identifier: Apache-2.0
// Definitions: what is taken, and that what is wrong is told with its place.
#include "workflow/definition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::workflow {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view order = R"({
  "name": "order", "description": "Money and goods", "deadline": "1h", "retain": "2d",
  "steps": [
    {"name": "debit", "call": "accounts.debit",
     "keys": [{"text": ["accounts:", {"from": "/input/account"}]}], "args": [{"from": "/input/amount"}],
     "retry": {"attempts": 5, "first": "50ms", "factor": 3, "longest": "2s", "jitter": 0},
     "timeout": "4s",
     "undo": {"call": "accounts.credit", "keys": [{"text": ["accounts:", {"from": "/input/account"}]}],
              "args": [{"from": "/input/amount"}]}},
    {"together": [
      {"name": "ship", "if": {"less": [0, {"from": "/steps/debit"}]},
       "http": {"url": "http://127.0.0.1:1/ship", "method": "PUT", "headers": {"x-order": {"from": "/run/id"}},
                "body": {"order": {"from": "/run/id"}}, "token": "ship"}},
      {"name": "paid", "wait": {"signal": "paid", "for": "1d"}}]},
    {"name": "rest", "wait": {"for": "10s"}}]})";

TEST(Definition, SaysAllThatItMay) {
  const auto definition = Definition::parse(order);
  ASSERT_TRUE(definition) << definition.error().message;
  EXPECT_EQ(definition->name, "order");
  EXPECT_EQ(definition->deadline, Millis(3'600'000));
  EXPECT_EQ(definition->retain, Millis(2LL * 24 * 3'600'000));
  ASSERT_EQ(definition->steps.size(), 4);
  ASSERT_EQ(definition->stages.size(), 3);
  EXPECT_EQ(definition->stages[1].first, 1);
  EXPECT_EQ(definition->stages[1].count, 2);
  const Call& debit = *definition->steps[0].call();
  EXPECT_EQ(debit.retry.attempts, 5);
  EXPECT_EQ(debit.retry.first, Millis(50));
  EXPECT_EQ(debit.retry.longest, Millis(2'000));
  EXPECT_EQ(debit.timeout, Millis(4'000));
  EXPECT_TRUE(definition->steps[0].undo);
  EXPECT_EQ(std::get<HttpRequest>(definition->steps[1].call()->what).secret, "ship");
  EXPECT_EQ(std::get<Signal>(definition->steps[2].does).longest, Millis(24LL * 3'600'000));
  EXPECT_EQ(std::get<Delay>(definition->steps[3].does).duration, Millis(10'000));
}

TEST(Definition, WhatIsWrongIsToldWithItsPlace) {
  const auto step = [](const std::string& more) {
    return R"({"name": "w", "steps": [{"name": "s", )" + more + "}]}";
  };
  const std::pair<std::string, std::string> wrong[] = {
      {"", "/: it is no JSON at byte"},
      {"[]", "/: an object"},
      {"{}", "/: it says no name"},
      {R"({"name": "w"})", "/: it says no steps"},
      {R"({"name": "w", "name": "v", "steps": []})", "/: an object says \"name\" twice"},
      {R"({"name": "w", "steps": []})", "/steps: "},
      {R"({"name": "a b", "steps": [{"name": "s", "call": "a.b"}]})", "/name: "},
      {R"({"name": "w", "more": 1, "steps": []})", "/more: nothing is called so"},
      {R"({"name": "w", "deadline": 5, "steps": []})", "/deadline: a duration"},
      {R"({"name": "w", "steps": [1]})", "/steps/0: an object"},
      {R"({"name": "w", "steps": [{"call": "a.b"}]})", "/steps/0: the step has no name"},
      {R"({"name": "w", "steps": [{"together": []}]})", "/steps/0/together: "},
      {R"({"name": "w", "steps": [{"together": [{"name": "s"}]}]})",
       "/steps/0/together/0: it says none"},
      {R"({"name": "w", "steps": [{"name": "s", "call": "a.b"}, {"name": "s", "call": "a.b"}]})",
       "/steps: two steps are called s"},
      {step(R"("call": "debit")"), "/steps/0/call: a function"},
      {step(R"("call": "a.b", "args": 1)"), "/steps/0/args: a list"},
      {step(R"("call": "a.b", "args": [{"from": "input"}])"),
       "/steps/0/args/0/from: a JSON Pointer"},
      {step(R"("call": "a.b", "args": [[{"from": "/inptu/x"}]])"),
       "/steps/0/args/0/0/from: it leads into none"},
      {step(R"("call": "a.b", "keys": [{"text": "x"}])"), "/steps/0/keys/0/text: a list"},
      {step(R"("call": "a.b", "if": {"equals": [1, 1]})"), "/steps/0/if/equals: no condition"},
      {step(R"("call": "a.b", "if": {"equal": [1]})"), "/steps/0/if/equal: two values"},
      {step(R"("call": "a.b", "if": {"all": [{"not": 1}]})"), "/steps/0/if/all/0/not: a condition"},
      {step(R"("call": "a.b", "retry": {"attempts": 0})"), "/steps/0/retry/attempts: a number"},
      {step(R"("call": "a.b", "retry": {"attempts": 1.5})"), "/steps/0/retry/attempts: a whole"},
      {step(R"("call": "a.b", "retry": {"first": "1m", "longest": "1s"})"),
       "/steps/0/retry/longest: "},
      {step(R"("call": "a.b", "undo": {})"), "/steps/0/undo: it says neither"},
      {step(R"("call": "a.b", "undo": {"call": "a.c", "undo": {}})"),
       "/steps/0/undo/undo: nothing"},
      {step(R"("call": "a.b", "http": {"url": "x"})"), "/steps/0/call: it is an HTTP request"},
      {step(R"("http": {})"), "/steps/0/http: it says no url"},
      {step(R"("http": {"url": "x", "method": "TRACE"})"), "/steps/0/http/method: "},
      {step(R"("http": {"url": "x", "headers": {"Idempotency-Key": "1"}})"),
       "/steps/0/http/headers/Idempotency-Key: this header"},
      {step(R"("wait": {})"), "/steps/0/wait: it says neither"},
      {step(R"("wait": {"for": "1s"}, "undo": {})"), "/steps/0/undo: it waits"},
      {step(R"("wait": {"for": "2y"})"), "/steps/0/wait/for: a duration"},
  };
  for (const auto& [text, error] : wrong) {
    const auto definition = Definition::parse(text);
    ASSERT_FALSE(definition) << text;
    EXPECT_THAT(definition.error().message, StartsWith(error)) << text;
  }
}

TEST(Definition, HasNoMoreStepsThanItMay) {
  std::string steps = "[";
  for (std::size_t i = 0; i <= limits::workflow_steps_max; ++i)
    steps += (i == 0 ? "" : ",") + (R"({"name": "s)" + std::to_string(i)) + R"(", "call": "a.b"})";
  const auto definition = Definition::parse(R"({"name": "w", "steps": )" + steps + "]}");
  ASSERT_FALSE(definition);
  EXPECT_THAT(definition.error().message, HasSubstr("more than 64 steps"));
}

TEST(Definition, WhatIsDeepIsRefused) {
  const std::string deep = std::string(100'000, '[');
  EXPECT_FALSE(Definition::parse(deep.substr(0, 60'000)));
  EXPECT_FALSE(parse_json(deep));
  EXPECT_FALSE(parse_json(deep + std::string(100'000, ']')));
  EXPECT_TRUE(parse_json("[[[[1]]]]"));
  EXPECT_FALSE(parse_json("1e999"));
}

// What follows it was once not looked at, and stored as it came.
TEST(Definition, JsonDoesNotEndAtANul) {
  EXPECT_FALSE(parse_json(std::string_view("{}\0 no JSON", 11)));
  EXPECT_FALSE(parse_json(std::string_view("\"a\0\"", 4)));
  EXPECT_TRUE(parse_json(R"("a\u0000")"));
}

}  // namespace
}  // namespace holdfast::workflow
