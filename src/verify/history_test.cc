// SPDX-License-Identifier: Apache-2.0
#include "verify/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::verify {
namespace {

using ::testing::HasSubstr;

History read(std::string_view text) {
  History history;
  const Status status = read_history(text, history);
  EXPECT_TRUE(status) << status.error().message;
  return history;
}

std::string problem(std::string_view text) {
  History history;
  const Status status = read_history(text, history);
  return status ? "none" : status.error().message;
}

TEST(History, ATryIsReadWhole) {
  const History history = read(
      R"({"client":3,"node":"n2","id":"i7","start":10,"end":25,"command":["INCRBY","c",2],"reply":12})"
      "\n");
  ASSERT_EQ(history.operations.size(), 1);
  const Operation& one = history.operations[0];
  EXPECT_EQ(one.client, "3");
  EXPECT_EQ(one.node, "n2");
  EXPECT_EQ(one.id, "i7");
  EXPECT_EQ(one.commands, (std::vector<Command>{{"INCRBY", "c", "2"}}));
  EXPECT_EQ(one.start, 10);
  EXPECT_EQ(one.end, 25);
  EXPECT_EQ(one.outcome, Outcome::applied);
  EXPECT_EQ(one.answer, Answer::of(12));
  EXPECT_EQ(one.line, 1);
}

TEST(History, ErrorsSayWhetherItWasApplied) {
  const auto outcome = [](const std::string& rest) {
    return read(R"({"start":1,"command":["GET","x"])" + rest + "}").operations.at(0).outcome;
  };
  EXPECT_EQ(outcome(R"(,"end":2,"reply":null)"), Outcome::applied);
  EXPECT_EQ(outcome(R"(,"end":2,"error":"UNKNOWN no answer in time")"), Outcome::unknown);
  EXPECT_EQ(outcome(""), Outcome::unknown) << "no answer at all";
  EXPECT_EQ(outcome(R"(,"end":2)"), Outcome::unknown);
  EXPECT_EQ(outcome(R"(,"end":2,"error":"UNAVAILABLE no engine")"), Outcome::refused);
  EXPECT_EQ(outcome(R"(,"error":"UNKNOWNISH")"), Outcome::refused) << "the code is the whole word";
}

TEST(History, AMultiIsAnsweredByAnArrayOrByNothing) {
  const auto done = read(
      R"({"start":1,"end":2,"multi":[["GET","x"],["INCR","y"]],"reply":[null,{"error":"ERR no"}]})");
  EXPECT_EQ(done.operations[0].answer.items[1].kind, Answer::Kind::error);
  const auto watched = read(R"({"start":1,"end":2,"multi":[["GET","x"]],"reply":null})");
  EXPECT_EQ(watched.operations[0].outcome, Outcome::refused);
}

TEST(History, OtherLinesTellWhatWasBeforeAndAfterAndWhatBroke) {
  const History history = read(
      "{\"initial\":{\"a\":\"1\",\"b\":2}}\r\n\n"
      "{\"final\":{\"a\":\"5\",\"gone\":null},\"node\":\"n1\"}\n"
      "{\"fault\":\"kill -9 n2\",\"start\":5,\"end\":9}\n{\"fault\":\"forever\",\"start\":7}");
  EXPECT_EQ(history.initial.at("b"), Answer::of(2));
  EXPECT_EQ(history.finals.at(0).node, "n1");
  EXPECT_EQ(history.finals[0].values.at("gone"), Answer{});
  EXPECT_EQ(history.finals[0].line, 3);
  EXPECT_EQ(history.faults.at(0).end, 9);
  EXPECT_EQ(history.faults.at(1).end, std::nullopt);
}

TEST(History, ABadLineIsNamed) {
  const std::string good = R"({"start":1,"command":["GET","x"]})";
  EXPECT_EQ(problem(good), "none");
  const auto second = [&good](const std::string& line) { return problem(good + "\n" + line); };
  for (const char* line :
       {"",
        "{",
        "[]",
        "7",
        "{}",
        R"({"start":1})",
        R"({"command":["GET","x"]})",
        R"({"start":1.5,"command":["GET","x"]})",
        R"({"start":1,"command":[]})",
        R"({"start":1,"command":"GET x"})",
        R"({"start":1,"multi":[]})",
        R"({"start":1,"multi":[["GET","x"],[]]})",
        R"({"start":1,"command":["GET","x"],"multi":[["GET","x"]]})",
        R"({"start":2,"end":1,"command":["GET","x"]})",
        R"({"start":1,"command":["GET","x"],"reply":null})",
        R"({"start":1,"end":2,"command":["GET","x"],"reply":1.5})",
        R"({"start":1,"end":2,"command":["GET","x"],"reply":true})",
        R"({"start":1,"end":2,"command":["GET","x"],"reply":[[[[[[1]]]]]]})",
        R"({"start":1,"end":2,"command":["GET","x"],"reply":null,"error":"ERR"})",
        R"({"start":18446744073709551615,"command":["GET","x"]})",
        R"({"start":-9223372036854775808,"command":["GET","x"]})",
        R"({"start":1,"end":2,"command":["GET","x"],"reply":18446744073709551615})",
        R"({"fault":1,"start":1})",
        R"({"fault":"f"})",
        R"({"initial":[]})",
        R"({"initial":{"x":[1]}})",
        R"({"final":{"x":{"error":"e"}}})"}) {
    if (*line == '\0') continue;
    EXPECT_THAT(second(line), HasSubstr("line 2: ")) << line;
  }
  EXPECT_THAT(second("{\"start\":1,\"command\":[\"GET\",\"\xff\"]}"), HasSubstr("line 2: "));
  EXPECT_THAT(problem("{\"initial\":{\"x\":1}}\n{\"initial\":{\"x\":1}}"), HasSubstr("line 2: "));
}

TEST(History, AKeysKeyspaceStandsBeforeItsColon) {
  EXPECT_EQ(keyspace_of("bank:a:b"), "bank");
  EXPECT_EQ(keyspace_of("x"), "default");
  EXPECT_EQ(keyspace_of(":x"), "");
}

}  // namespace
}  // namespace holdfast::verify
