// SPDX-License-Identifier: Apache-2.0
#include "verify/report_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "verify/testing.h"

namespace holdfast::verify {
namespace {

using namespace testing;  // NOLINT: a test of one file
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Report report_of(const History& history) {
  const auto report = check(history);
  EXPECT_TRUE(report) << report.error().message;
  return report ? *report : Report{};
}

std::string page_of(const History& history, const Report& report, std::size_t tries_max = 1000) {
  return report_page({.title = "a history",
                      .facts = {{"seed", "7"}},
                      .history = history,
                      .report = report,
                      .tries_max = tries_max});
}

/// What the page's script reads: all up to the first end of a script element,
/// as a browser finds it.
json data_of(const std::string& page) {
  const std::string_view opening = R"(<script id="data" type="application/json">)";
  const std::size_t at = page.find(opening);
  EXPECT_NE(at, page.npos);
  const std::size_t begin = at + opening.size();
  return json::parse(page.substr(begin, page.find("</script", begin) - begin), nullptr, false);
}

std::vector<std::string> texts_of(const json& tries, const char* column) {
  std::vector<std::string> texts;
  for (const json& number : tries[column]) {
    texts.push_back(tries["texts"][number.get<std::size_t>()].get<std::string>());
  }
  return texts;
}

History small_history() {
  Operation refused = unknown(1400, "SET reg:1 b");
  refused.end = 1500;
  refused.outcome = Outcome::refused;
  refused.error = "UNAVAILABLE no engine";
  return {.operations = {op(1300, 1310, "GET reg:1", Answer::of("a")),
                         op(1000, 1200, "SET reg:1 a", Answer::of("OK")),
                         with_id("t-9", unknown(1250, "INCR likes:1")), refused,
                         multi(1600, 1700, {"INCR bank:1", "DECR bank:2"},
                               {Answer::of(1), Answer::of(-1)})},
          .finals = {{"n1", {{"reg:1", Answer::of("a")}}}},
          .faults = {{"kill -9 n2", 1100, 1350}, {"disk full", 1500, std::nullopt}}};
}

TEST(ReportPage, HoldsEveryTryWithTimesFromTheFirstStartOn) {
  const History history = small_history();
  const json data = data_of(page_of(history, report_of(history)));
  ASSERT_TRUE(data.is_object());
  EXPECT_EQ(data["base"], "1000");
  const json& tries = data["history"];
  EXPECT_EQ(tries["start"], json({300, 0, 250, 400, 600}));
  EXPECT_EQ(tries["length"], json({10, 200, -1, 100, 100}));
  EXPECT_EQ(tries["look"], json({0, 1, 3, 2, 1})) << "read, write, unknown, refused, write";
  EXPECT_THAT(texts_of(tries, "command"),
              ElementsAre("GET reg:1", "SET reg:1 a", "INCR likes:1", "SET reg:1 b",
                          "MULTI INCR bank:1; DECR bank:2"));
  EXPECT_THAT(texts_of(tries, "answer"),
              ElementsAre("\"a\"", "\"OK\"", "", "UNAVAILABLE no engine", "[1, -1]"));
  EXPECT_EQ(data["faults"], json::parse(R"([["kill -9 n2", 100, 350], ["disk full", 500, null]])"));
}

TEST(ReportPage, AKeyHasItsTriesByTheirStartAndATransactionIsOfEachOfItsKeys) {
  const History history = small_history();
  const json data = data_of(page_of(history, report_of(history)));
  std::map<std::string, json> keys;
  for (const json& key : data["history"]["keys"]) keys[key["name"]] = key;
  EXPECT_EQ(keys["reg:1"]["tries"], json({1, 0, 3}));
  EXPECT_EQ(keys["bank:1"]["tries"], json({4}));
  EXPECT_EQ(keys["bank:2"]["tries"], json({4}));
  EXPECT_EQ(keys["reg:1"]["finals"], json::parse(R"([["n1", "\"a\""]])"));
}

TEST(ReportPage, TellsTheVerdictTheChecksAndWhichKeysAViolationIsAbout) {
  History history;
  history.operations = {op(1, 2, "SET reg:1 a", Answer::of("OK")),
                        op(3, 4, "GET reg:1", Answer::of("b")),
                        op(5, 6, "SET reg:2 a", Answer::of("OK"))};
  const json data = data_of(page_of(history, report_of(history)));
  EXPECT_EQ(data["verdict"], "violation");
  EXPECT_EQ(data["checks"][0]["name"], "linearizable");
  EXPECT_EQ(data["checks"][0]["found"], 1);
  EXPECT_EQ(data["history"]["keys"][0]["name"], "reg:1");
  EXPECT_EQ(data["history"]["keys"][0]["named"], true);
  EXPECT_EQ(data["history"]["keys"][1]["named"], false);
  EXPECT_EQ(data["violations"][0]["keys"], json::array({data["history"]["keys"][0]["number"]}));
}

TEST(ReportPage, AViolationThatNamesAnIdIsAboutTheKeysOfThatOperation) {
  History history;
  history.operations = {with_id("t-1", op(1, 2, "INCR likes:1", Answer::of(1))),
                        with_id("t-1", op(3, 4, "INCR likes:1", Answer::of(2)))};
  const Report report = report_of(history);
  ASSERT_EQ(report.violations.front().check, "retries");
  const json data = data_of(page_of(history, report));
  EXPECT_EQ(data["violations"][0]["keys"], json::array({0}));
}

TEST(ReportPage, ACheckThatItDoesNotKnowIsShownAllTheSame) {
  const History history = small_history();
  Report report = report_of(history);
  report.violations.push_back({"replicas", "digests differ"});
  const json data = data_of(page_of(history, report));
  EXPECT_EQ(data["checks"].back()["name"], "replicas");
  EXPECT_EQ(data["checks"].back()["found"], 1);
}

TEST(ReportPage, TheSmallestHistoryHasTheSameClockAndItsKeysAreNamed) {
  const History history = small_history();
  Report report = report_of(history);
  report.violations.push_back({"linearizable", "said without a key"});
  History smallest;
  smallest.operations = {history.operations[0]};
  const json data = data_of(
      report_page({.title = "t", .history = history, .report = report, .smallest = &smallest}));
  EXPECT_EQ(data["smallest"]["start"], json({300}));
  EXPECT_EQ(data["history"]["keys"][0]["name"], "reg:1");
  EXPECT_EQ(data["history"]["keys"][0]["named"], true);
}

TEST(ReportPage, WhateverBytesTextsAreOfTheyEndNoElementAndAreReplacedWhereNotUtf8) {
  const std::string hostile = "</script><script>alert(1)</script><!-- \"'`${x}\\ @DATA@ @TIMELINE@";
  const std::string broken = "\xff\xfe\xc3(\x80";
  Operation one = op(1, 2, "SET k v", Answer::of("OK"));
  one.client = one.node = hostile;
  one.commands = {{"SET", hostile, broken + std::string(1, '\0')}};
  Operation other = one;
  other.outcome = Outcome::refused;
  other.error = hostile + broken;
  History history{.operations = {one, other},
                  .finals = {{hostile, {{broken, Answer::of(hostile)}}}},
                  .faults = {{hostile, 1, std::nullopt}}};
  Report report;
  report.summary = summarize(history);
  report.violations = {{hostile, hostile + broken}};
  const std::string page = report_page({.title = hostile,
                                        .facts = {{hostile, broken}},
                                        .history = history,
                                        .report = report,
                                        .smallest = &history});
  const json data = data_of(page);
  ASSERT_TRUE(data.is_object()) << "the block ends where it should";
  EXPECT_EQ(data["title"], hostile);
  EXPECT_EQ(data["history"]["clients"], json({hostile}));
  EXPECT_THAT(data["facts"][0][1].get<std::string>(), HasSubstr("\xef\xbf\xbd"));
  EXPECT_THAT(page, Not(HasSubstr("<script>alert")));
  EXPECT_EQ(json(page).dump(-1, ' ', false, json::error_handler_t::ignore), json(page).dump())
      << "the page is UTF-8";
}

TEST(ReportPage, LongTextsAreCutBetweenCharactersAndSaySo) {
  std::string value;
  while (value.size() < 5000) value += "ä";
  const History history{.operations = {op(1, 2, "SET k " + value, Answer::of("OK"))}};
  const json data = data_of(page_of(history, report_of(history)));
  const std::string text = texts_of(data["history"], "command")[0];
  EXPECT_LT(text.size(), page_text_bytes_max + 50);
  EXPECT_THAT(text, HasSubstr("… (")) << "it says how long it was";
  EXPECT_THAT(text, Not(HasSubstr("\xef\xbf\xbd"))) << "no character was cut";
}

History many_keys(int keys, int tries_each) {
  History history;
  for (int i = 0; i < keys * tries_each; ++i) {
    history.operations.push_back(
        op(2 * i, 2 * i + 1, "INCR likes:" + std::to_string(i % keys), Answer::of(i / keys + 1)));
  }
  return history;
}

TEST(ReportPage, AboveTheLimitItKeepsTheKeysOfViolationsWholeAndSamplesTheOthersByKey) {
  History history = many_keys(50, 20);
  history.operations.back().answer = Answer::of(7);  // of likes:49
  const json data = data_of(page_of(history, report_of(history), 200));
  const json& tries = data["history"];
  EXPECT_EQ(tries["all"], 1000) << "from which the page says how much it leaves out";
  EXPECT_EQ(tries["allKeys"], 50);
  EXPECT_EQ(tries["start"].size(), 200);
  ASSERT_EQ(tries["keys"].size(), 10);
  EXPECT_EQ(tries["keys"][0]["name"], "likes:49");
  for (const json& key : tries["keys"]) EXPECT_EQ(key["tries"].size(), 20) << key["name"];
  std::uint64_t counted = 0;
  for (const json& replied : data["series"]["replied"]) counted += replied.get<std::uint64_t>();
  EXPECT_EQ(counted, 1000) << "charts are of all";
}

TEST(ReportPage, AKeyOfAViolationIsWholeEvenAboveTheLimit) {
  History history = many_keys(2, 300);
  history.operations.back().answer = Answer::of(7);
  const json data = data_of(page_of(history, report_of(history), 200));
  ASSERT_EQ(data["history"]["keys"].size(), 1);
  EXPECT_EQ(data["history"]["keys"][0]["tries"].size(), 300);
}

TEST(ReportPage, WhereNoKeyFitsItShowsTheBeginningOfOne) {
  const History history = many_keys(2, 300);
  const json data = data_of(page_of(history, report_of(history), 200));
  ASSERT_EQ(data["history"]["keys"].size(), 1);
  EXPECT_EQ(data["history"]["keys"][0]["all"], 300);
  EXPECT_EQ(data["history"]["keys"][0]["tries"].size(), 200);
}

TEST(ReportPage, TimesAsFarApartAsTheyMayBeOverflowNothing) {
  const History history{
      .operations = {op(-history_time_max, -history_time_max, "INCR c", Answer::of(1)),
                     op(history_time_max, history_time_max, "INCR c", Answer::of(2))},
      .faults = {{"all along", -history_time_max, history_time_max}}};
  EXPECT_TRUE(data_of(page_of(history, report_of(history))).is_object());
}

TEST(ReportPage, AnEmptyHistoryHasAPageToo) {
  const History history;
  EXPECT_EQ(data_of(page_of(history, report_of(history)))["verdict"], "invalid");
}

TEST(ReportPage, FetchesNothing) {
  const History history;
  const std::string page = page_of(history, report_of(history));
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
  EXPECT_THAT(page, Not(HasSubstr("src=")));
  EXPECT_THAT(page, Not(HasSubstr("<link")));
  EXPECT_THAT(page, Not(HasSubstr("url(")));
}

}  // namespace
}  // namespace holdfast::verify
