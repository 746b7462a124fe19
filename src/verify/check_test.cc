// SPDX-License-Identifier: Apache-2.0
#include "verify/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "verify/merge.h"
#include "verify/testing.h"
#include "verify/totals.h"

namespace holdfast::verify {
namespace {

using namespace testing;  // NOLINT: a test of one file
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Operation refused(Time start, Time end, const std::string& command) {
  Operation one = unknown(start, command);
  one.end = end;
  one.outcome = Outcome::refused;
  one.error = "UNAVAILABLE no engine";
  return one;
}

TEST(MergeRetries, TriesWithOneIdAreOneOperationFromTheFirstSentToTheFirstReply) {
  const auto merged =
      merge_retries({with_id("i", refused(1, 2, "INCR c")), with_id("i", unknown(3, "INCR c")),
                     with_id("i", op(5, 9, "INCR c", Answer::of(4))),
                     with_id("i", op(4, 7, "INCR c", Answer::of(4)))});
  ASSERT_TRUE(merged);
  ASSERT_EQ(merged->operations.size(), 1);
  EXPECT_EQ(merged->operations[0].start, 3) << "the refused try was certainly not it";
  EXPECT_EQ(merged->operations[0].end, 7);
  EXPECT_EQ(merged->operations[0].outcome, Outcome::applied);
  EXPECT_THAT(merged->differing, IsEmpty());
}

TEST(MergeRetries, WithoutAReplyItStaysUnknownAndRefusedOnlyItIsGone) {
  const auto merged =
      merge_retries({with_id("a", unknown(3, "INCR c")), with_id("a", refused(5, 6, "INCR c")),
                     with_id("b", refused(1, 2, "INCR c"))});
  ASSERT_TRUE(merged);
  ASSERT_EQ(merged->operations.size(), 1);
  EXPECT_EQ(merged->operations[0].outcome, Outcome::unknown);
  EXPECT_EQ(merged->operations[0].start, 3);
}

TEST(MergeRetries, DifferentRepliesToOneIdAreAViolation) {
  const auto merged = merge_retries({with_id("i", op(1, 2, "INCR c", Answer::of(1))),
                                     with_id("i", op(3, 4, "INCR c", Answer::of(2)))});
  ASSERT_TRUE(merged);
  EXPECT_THAT(merged->differing, ElementsAre(HasSubstr("id i was answered 1")));
}

TEST(MergeRetries, OneIdForTwoCommandsIsAnInvalidHistory) {
  EXPECT_FALSE(merge_retries({with_id("i", op(1, 2, "INCR c", Answer::of(1))),
                              with_id("i", op(3, 4, "DECR c", Answer::of(0)))}));
}

TEST(MergeRetries, IdsOfTwoKeyspacesAreTwo) {
  const auto merged = merge_retries({with_id("i", op(1, 2, "INCR a:c", Answer::of(1))),
                                     with_id("i", op(3, 4, "INCR b:c", Answer::of(1)))});
  ASSERT_TRUE(merged);
  EXPECT_EQ(merged->operations.size(), 2);
}

std::vector<std::string> totals_of(std::vector<Operation> operations, Answer final,
                                   std::map<std::string, Answer> initial = {}) {
  const History history{.initial = std::move(initial), .finals = {{"n1", {{"c", final}}, 9}}};
  return check_totals(history, operations).violations;
}

TEST(Totals, ACounterEndsBetweenWhatIsAcknowledgedAndThatPlusTheUnknown) {
  const std::vector<Operation> operations{op(1, 2, "INCRBY c 5", Answer::of(5)),
                                          op(3, 4, "DECRBY c 2", Answer::of(3)),
                                          unknown(5, "INCRBY c 10"), unknown(6, "DECR c")};
  for (const std::int64_t end : {2, 3, 13}) {
    EXPECT_THAT(totals_of(operations, Answer::of(end)), IsEmpty()) << end;
  }
  EXPECT_THAT(totals_of(operations, Answer::of(1)), ElementsAre(HasSubstr("lost")));
  EXPECT_THAT(totals_of(operations, Answer::of(14)), ElementsAre(HasSubstr("twice")));
  EXPECT_THAT(totals_of(operations, Answer::of("103"), {{"c", Answer::of("100")}}), IsEmpty());
  EXPECT_THAT(totals_of(operations, Answer{}), ElementsAre(HasSubstr("lost")));
}

TEST(Totals, AKeyThatIsAlsoSetIsNoCounter) {
  EXPECT_THAT(
      totals_of({op(1, 2, "INCRBY c 5", Answer::of(5)), unknown(3, "SET c 1")}, Answer::of(77)),
      IsEmpty());
}

TEST(Totals, NodesMustAgreeInTheEnd) {
  const History history{.finals = {{"n1", {{"c", Answer::of("5")}}, 1},
                                   {"n2", {{"c", Answer::of(5)}}, 2},
                                   {"n3", {{"c", Answer::of("6")}}, 3}}};
  EXPECT_THAT(check_agreement(history), ElementsAre("c is \"5\" at n1 and \"6\" at n3"));
}

TEST(Summary, TriesCountAsOutsideOrDuringFaults) {
  History history;
  history.faults = {{"first", 10, 20}, {"again", 15, 30}, {"last", 50, std::nullopt}};
  for (const auto& [start, end] :
       {std::pair<Time, Time>{1, 9}, {1, 10}, {30, 31}, {31, 49}, {49, 50}, {60, 61}}) {
    history.operations.push_back(op(start, end, "GET x", {}));
  }
  const Summary summary = summarize(history);
  EXPECT_EQ(summary.outside.all, 2);
  EXPECT_EQ(summary.during.all, 4);
  EXPECT_EQ(summary.during.replied, 4);
  EXPECT_THAT(summary.complaints, IsEmpty());
}

TEST(Summary, AHistoryInWhichLittleWorkedDoesNotCount) {
  History history;
  EXPECT_THAT(summarize(history).complaints, ElementsAre(HasSubstr("nothing was answered")));
  for (int i = 0; i < 4; ++i) history.operations.push_back(op(i, i, "GET x", {}));
  history.operations.push_back(refused(5, 6, "GET x"));
  EXPECT_THAT(summarize(history).complaints, IsEmpty()) << "80% is enough";
  history.operations.push_back(unknown(7, "GET x"));
  EXPECT_THAT(summarize(history).complaints, ElementsAre(HasSubstr("outside faults")));
  EXPECT_EQ(summarize(history).errors.at("UNAVAILABLE"), 1);
  EXPECT_EQ(summarize(history).errors.at("no answer"), 1);
}

TEST(Summary, AFaultInWhichNothingWasTriedDoesNotCount) {
  History history;
  history.operations = {op(1, 4, "GET x", {}), op(20, 21, "GET x", {})};
  history.faults = {{"hit", 3, 10}, {"missed", 5, 19}};
  EXPECT_THAT(summarize(history).complaints, ElementsAre(HasSubstr("missed")));
}

TEST(Check, TellsEverythingInOneReport) {
  History history;
  history.operations = {with_id("i", op(1, 2, "INCRBY c 5", Answer::of(5))),
                        with_id("i", op(3, 4, "INCRBY c 5", Answer::of(10)))};
  history.finals = {{"n1", {{"c", Answer::of(10)}}, 3}};
  const auto report = check(history);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->verdict(), Verdict::violation);
  std::vector<std::string> checks;
  for (const auto& violation : report->violations) checks.push_back(violation.check);
  EXPECT_THAT(checks, ElementsAre("retries", "exactly once", "linearizable"));
  EXPECT_THAT(report->violations.back().explanation, HasSubstr("more was added"));
}

TEST(Check, FinalReadsComeAfterEverythingButWhatIsUnknown) {
  History history;
  history.operations = {op(1, 2, "SET x a", Answer::of("OK")), unknown(3, "SET x b")};
  for (const auto& [value, verdict] :
       {std::pair{"a", Verdict::ok}, {"b", Verdict::ok}, {"c", Verdict::violation}}) {
    history.finals = {{"n1", {{"x", Answer::of(value)}}, 3}};
    EXPECT_EQ(check(history)->verdict(), verdict) << value;
  }
}

TEST(Check, AModelRefusesWhatItDoesNotHold) {
  const auto allowed = [](Model model, Operation one) {
    History history;
    history.operations.push_back(std::move(one));
    return check(std::move(history), {.model = model}).has_value();
  };
  const Operation put = op(1, 2, "SET x a", Answer::of("OK"));
  const Operation counted = op(1, 2, "INCRBY x 1", Answer::of(1));
  const Operation moved =
      multi(1, 2, {"DECRBY b:a 1", "INCRBY b:b 1"}, {Answer::of(-1), Answer::of(1)});
  EXPECT_TRUE(allowed(Model::registers, put));
  EXPECT_FALSE(allowed(Model::registers, counted));
  EXPECT_TRUE(allowed(Model::counters, counted));
  EXPECT_FALSE(allowed(Model::counters, put));
  EXPECT_FALSE(allowed(Model::counters, moved));
  EXPECT_TRUE(allowed(Model::transfers, moved));
  EXPECT_FALSE(allowed(Model::transfers, put));
  for (const Operation& one : {put, counted, moved}) EXPECT_TRUE(allowed(Model::any, one));
}

TEST(Check, WhatIsNotKnownMakesTheHistoryInvalid) {
  for (const Operation& one :
       {op(1, 2, "LPUSH l a", Answer::of(1)), op(1, 2, "SET x a EX 5", Answer::of("OK")),
        op(1, 2, "GET x", Answer::of(5)), op(1, 2, "DEL a b", Answer::of(1)),
        op(1, 2, "INCRBY c x", Answer::of(1)), op(1, 2, "INCR", Answer::of(1)),
        op(1, 2, "MGET a b", array_of({{}})), op(1, 2, "MSET a", Answer::of("OK")),
        multi(1, 2, {"GET x", "GET y"}, {{}}), unknown(1, "LPUSH l a")}) {
    History history;
    history.operations.push_back(one);
    const auto report = check(history);
    EXPECT_FALSE(report) << to_text(one);
  }
}

}  // namespace
}  // namespace holdfast::verify
