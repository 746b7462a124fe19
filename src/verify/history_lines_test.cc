// SPDX-License-Identifier: Apache-2.0
#include "verify/history_lines.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace holdfast::verify {
namespace {

// Quotes, controls and what is more than a byte are where writers go wrong.
std::string any_text() {
  return *rc::gen::element<std::string>("", "x", "v1", "a \"b\"\\", "line\nbreak", "tab\t", "\x01",
                                        "ü€𝄞", "12", "-0", "bank:a");
}

std::string any_word() {
  const std::string text = any_text();
  return text.empty() ? "w" : text;
}

Time any_time() {
  return *rc::gen::inRange<Time>(-history_time_max, history_time_max);
}

Answer any_answer(int depth) {
  switch (*rc::gen::inRange(0, depth > 0 ? 5 : 4)) {
    case 0:
      return {};
    case 1:
      return Answer::of(
          *rc::gen::element<std::int64_t>(0, 1, -7, INT64_MIN, INT64_MAX, std::int64_t{1} << 53));
    case 2:
      return Answer::of(any_text());
    case 3:
      return {Answer::Kind::error, 0, any_text(), {}};
    default:
      break;
  }
  Answer array{Answer::Kind::array, 0, {}, {}};
  for (int i = *rc::gen::inRange(0, 4); i > 0; --i) array.items.push_back(any_answer(depth - 1));
  return array;
}

std::map<std::string, Answer> any_values() {
  std::map<std::string, Answer> values;
  for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
    values[any_text()] =
        *rc::gen::element(Answer{}, Answer::of(7), Answer::of("7"), Answer::of(any_text()));
  }
  return values;
}

Command any_command() {
  Command command;
  for (int i = *rc::gen::inRange(1, 4); i > 0; --i) command.push_back(any_text());
  return command;
}

Operation any_operation() {
  Operation one{.client = any_text(), .node = any_text(), .id = any_text()};
  one.multi = *rc::gen::arbitrary<bool>();
  for (int i = one.multi ? *rc::gen::inRange(1, 4) : 1; i > 0; --i) {
    one.commands.push_back(any_command());
  }
  one.start = any_time();
  const Time end = *rc::gen::inRange<Time>(one.start, history_time_max);
  one.outcome = *rc::gen::element(Outcome::applied, Outcome::refused, Outcome::unknown);
  if (one.outcome == Outcome::applied || *rc::gen::arbitrary<bool>()) one.end = end;
  switch (one.outcome) {
    case Outcome::applied:
      one.answer = any_answer(2);
      // For a transaction this would say that a WATCH refused it.
      if (one.multi && one.answer.kind == Answer::Kind::nil) one.answer = Answer::of("OK");
      break;
    case Outcome::refused:
      if (one.multi && one.end && *rc::gen::arbitrary<bool>()) break;  // a refused WATCH
      one.error = "UNAVAILABLE " + any_text();
      break;
    case Outcome::unknown:
      if (*rc::gen::arbitrary<bool>()) one.error = "UNKNOWN " + any_text();
      break;
  }
  return one;
}

History any_history() {
  History history{.initial = any_values()};
  for (int i = *rc::gen::inRange(0, 20); i > 0; --i) history.operations.push_back(any_operation());
  for (int i = *rc::gen::inRange(0, 3); i > 0; --i) {
    history.finals.push_back({.node = any_text(), .values = any_values()});
  }
  for (int i = *rc::gen::inRange(0, 3); i > 0; --i) {
    Fault fault{.what = any_word(), .start = any_time()};
    if (*rc::gen::arbitrary<bool>()) {
      fault.end = *rc::gen::inRange<Time>(fault.start, history_time_max);
    }
    history.faults.push_back(std::move(fault));
  }
  return history;
}

RC_GTEST_PROP(HistoryLines, AreReadBackAsTheSameHistory, ()) {
  const History history = any_history();
  const std::string lines = to_lines(history);
  History back;
  const Status read = read_history(lines, back);
  if (!read) RC_FAIL(read.error().message + "\n" + lines);
  RC_ASSERT(back.initial == history.initial);
  RC_ASSERT(back.operations.size() == history.operations.size());
  for (std::size_t i = 0; i < history.operations.size(); ++i) {
    const Operation& a = history.operations[i];
    const Operation& b = back.operations[i];
    RC_ASSERT(
        std::tie(a.client, a.node, a.id, a.commands, a.multi, a.start, a.end, a.outcome, a.error) ==
        std::tie(b.client, b.node, b.id, b.commands, b.multi, b.start, b.end, b.outcome, b.error));
    RC_ASSERT(a.answer == b.answer);
  }
  RC_ASSERT(back.finals.size() == history.finals.size());
  for (std::size_t i = 0; i < history.finals.size(); ++i) {
    RC_ASSERT(back.finals[i].node == history.finals[i].node);
    RC_ASSERT(back.finals[i].values == history.finals[i].values);
  }
  RC_ASSERT(back.faults.size() == history.faults.size());
  for (std::size_t i = 0; i < history.faults.size(); ++i) {
    RC_ASSERT(back.faults[i].what == history.faults[i].what);
    RC_ASSERT(back.faults[i].start == history.faults[i].start);
    RC_ASSERT(back.faults[i].end == history.faults[i].end);
  }
}

TEST(HistoryLines, LookAsDocumented) {
  Operation one{.client = "3", .commands = {{"INCRBY", "c", "2"}}, .start = 10, .end = 25};
  one.outcome = Outcome::applied;
  one.answer = Answer::of(12);
  EXPECT_EQ(to_lines({.operations = {one}, .initial = {{"c", Answer::of("10")}}}),
            "{\"initial\":{\"c\":\"10\"}}\n"
            "{\"client\":\"3\",\"start\":10,\"end\":25,\"command\":[\"INCRBY\",\"c\",\"2\"],"
            "\"reply\":12}\n");
}

}  // namespace
}  // namespace holdfast::verify
