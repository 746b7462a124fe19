// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>

namespace holdfast {
namespace {

TEST(ErrorTable, HasARowForEveryCodeInOrder) {
  for (std::size_t i = 0; i < error_table().size(); ++i) {
    const auto code = static_cast<Code>(i);
    EXPECT_EQ(error_table()[i].code, code);
    EXPECT_EQ(&row_of(code), &error_table()[i]);
  }
}

TEST(ErrorTable, WordsAreUpperCaseSoThatClientsKnowThemForCodes) {
  for (const CodeRow& row : error_table()) {
    EXPECT_FALSE(row.resp.empty());
    EXPECT_EQ(row.resp.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), row.resp.npos) << row.resp;
  }
}

// 3-contract, section 2: who gets `no` may try again, so nobody else may.
TEST(ErrorTable, OnlyUnknownLeavesOpenWhetherItWasApplied) {
  for (const CodeRow& row : error_table()) {
    EXPECT_EQ(row.applied == Applied::perhaps, row.code == Code::unknown) << row.resp;
  }
}

TEST(ErrorTable, AWordMeansOneThing) {
  std::map<std::string_view, const CodeRow*> first;
  for (const CodeRow& row : error_table()) {
    const auto [it, is_new] = first.emplace(row.resp, &row);
    EXPECT_EQ(it->second->http_status, row.http_status) << row.resp;
    EXPECT_EQ(it->second->applied, row.applied) << row.resp;
  }
}

TEST(ErrorTable, HttpStatusesAreThoseOfTheContract) {
  const std::map<std::string_view, int> contract{
      {"UNAVAILABLE", 503}, {"BUSY", 503},      {"UNKNOWN", 504},   {"IDREUSED", 422},
      {"IDEXPIRED", 422},   {"VOIDED", 409},    {"NOPERM", 403},    {"NOAUTH", 401},
      {"WRONGPASS", 401},   {"STALE", 503},     {"NOID", 400},      {"CROSSKEYSPACE", 400},
      {"UNSUPPORTED", 400}, {"WRONGTYPE", 400}, {"EXECABORT", 400}, {"ERR", 400}};
  for (const CodeRow& row : error_table()) {
    const auto it = contract.find(row.resp);
    if (it == contract.end()) continue;
    EXPECT_EQ(row.http_status, it->second) << row.resp;
  }
}

TEST(ErrorsPage, NamesEveryCodeThatUsersCanSee) {
  std::ifstream file(HOLDFAST_SOURCE "/docs/errors.md");
  ASSERT_TRUE(file) << "docs/errors.md is missing";
  std::stringstream page;
  page << file.rdbuf();
  const std::string text = page.str();
  std::set<std::string> in_table;
  for (const CodeRow& row : error_table()) {
    const std::string word = fmt::format("`{}`", row.resp);
    EXPECT_NE(text.find(word), text.npos) << word << " is not in docs/errors.md";
    const std::size_t line = text.find(fmt::format("| {} |", word));
    if (line == text.npos) continue;
    in_table.insert(word);
    const std::string rest = text.substr(line, text.find('\n', line) - line);
    const std::string applied = row.applied == Applied::no ? "no" : "perhaps";
    EXPECT_EQ(rest.find(fmt::format("| {} | {} | {}", word, row.http_status, applied)), 0U) << rest;
  }
  EXPECT_GE(in_table.size(), 13U) << "those that commands of this version send";
}

TEST(Result, CarriesAValueOrAnError) {
  const Result<int> good = 5;
  const Result<int> bad = fail(Code::busy, "full");
  EXPECT_EQ(*good, 5);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, Code::busy);
  EXPECT_EQ(bad.error().message, "full");
}

}  // namespace
}  // namespace holdfast
