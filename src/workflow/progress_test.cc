// SPDX-License-Identifier: Apache-2.0
// Protects: all attempts of a step send the same. What they send goes under one request id, so an
// attempt that sent something else would be refused though the step took effect.
#include "workflow/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::workflow {
namespace {

using testing::ElementsAre;

TEST(Progress, AStepIsGivenNoResultOfWhatGoesOnBesideIt) {
  const auto definition = Definition::parse(R"({"name": "w", "steps": [
    {"name": "before", "call": "k.f"},
    {"together": [
      {"name": "beside", "call": "k.f"},
      {"name": "step", "call": "k.f",
       "args": [{"from": "/steps/before"}, {"from": "/steps/beside", "else": "none"}],
       "undo": {"call": "k.g", "args": [{"from": "/steps/beside", "else": "none"}]}}]}]})");
  ASSERT_TRUE(definition);
  workflow::Run run{.id = "r", .input = "{}"};
  Progress progress(*definition, run, instant_from_ms(1'000), 1);
  progress.begin();
  const auto args = [&](const AttemptName& attempt) {
    return std::get<FunctionRequest>(progress.request_of(attempt)).args;
  };
  progress.settle({.step = 0}, {.ending = Ending::succeeded, .result = "1", .error = {}});
  EXPECT_THAT(args({.step = 2}), ElementsAre("1", "none"));
  progress.settle({.step = 2}, {.ending = Ending::unknown, .result = {}, .error = "UNKNOWN"});
  progress.settle({.step = 1}, {.ending = Ending::succeeded, .result = "2", .error = {}});
  EXPECT_THAT(args({.step = 2, .number = 2}), ElementsAre("1", "none"));
  EXPECT_THAT(args({.step = 2, .undo = true}), ElementsAre("2"));
}

// A node that lacks a secret takes over from one that had it, and died before it could report.
TEST(Progress, WhatANodeCannotSendAnotherMayHaveSentSoItIsUndone) {
  const auto definition = Definition::parse(R"({"name": "w", "steps": [
    {"name": "tell", "http": {"url": "https://a/", "token": "t"},
     "undo": {"http": {"url": "https://a/undo", "token": "t"}}}]})");
  ASSERT_TRUE(definition);
  workflow::Run run{.id = "r", .input = "{}"};
  Progress progress(*definition, run, instant_from_ms(1'000), 1);
  progress.begin();
  const Outcome unsendable{.ending = Ending::unsendable, .result = {}, .error = "ERR no secret"};
  const AttemptName undo{.step = 0, .undo = true};
  ASSERT_TRUE(progress.settle({.step = 0}, unsendable));
  EXPECT_THAT(progress.due(), ElementsAre(undo)) << "at once, without further attempts";
  ASSERT_TRUE(progress.settle(undo, unsendable));
  EXPECT_EQ(run.state, RunState::stuck);
  ASSERT_TRUE(progress.retry());
  EXPECT_THAT(progress.due(), ElementsAre(undo)) << "under the request id that it may have had";
}

}  // namespace
}  // namespace holdfast::workflow
