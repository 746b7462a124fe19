// SPDX-License-Identifier: Apache-2.0
#include "node/audit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "catalog/keyspace_rows.h"
#include "catalog/member_rows.h"
#include "catalog/service_rows.h"

namespace holdfast::node {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const Instant noon = instant_from_ms(1'700'000'000'000);

struct World {
  std::vector<std::string> lines;
  Audit audit{[this](std::string_view line) { lines.emplace_back(line); }};
};

const Row& row_named(std::string_view name) {
  for (const auto rows : {keyspace_rows(), member_rows(), service_rows()}) {
    for (const Row& row : rows) {
      if (row.name == name) return row;
    }
  }
  ADD_FAILURE() << name;
  return keyspace_rows()[0];
}

TEST(Audit, SaysWhoChangedWhatAndHowThatWent) {
  World world;
  const std::vector<std::string_view> args{"KEYSPACE", "DROP", "mo\"ney"};
  world.audit.applied(noon, {7}, "root", row_named("KEYSPACE DROP"), args, "+OK\r\n");
  world.audit.applied(noon, {8}, "shop", row_named("KEYSPACE DROP"), args, "-NOPERM not you\r\n");
  ASSERT_EQ(world.lines.size(), 2u);
  const auto first = nlohmann::json::parse(world.lines[0]);
  EXPECT_EQ(first["service"], "root");
  EXPECT_EQ(first["position"], 7);
  EXPECT_EQ(first["time-ms"], 1'700'000'000'000);
  EXPECT_EQ(first["command"], (std::vector<std::string>{"KEYSPACE", "DROP", "mo\"ney"}));
  EXPECT_EQ(first["outcome"], "OK");
  EXPECT_EQ(nlohmann::json::parse(world.lines[1])["outcome"], "NOPERM not you");
}

TEST(Audit, HoldsNothingOfAToken) {
  World world;
  const TokenHash hash = hash_of_token("secret");
  for (const CatalogOperation& operation :
       {add_service("feed", true, hash), renew_service("feed", hash, Millis(5))}) {
    world.audit.applied(noon, {1}, "root", *operation.row, operation.args(), "+OK\r\n");
  }
  ASSERT_EQ(world.lines.size(), 2u);
  for (const std::string& line : world.lines) {
    EXPECT_THAT(line, Not(HasSubstr(to_text(hash))));
    EXPECT_THAT(line, HasSubstr("feed"));
  }
}

TEST(Audit, WhatNodesTellEachOtherIsNoChange) {
  World world;
  const CatalogOperation report = report_operation("n1", {});
  world.audit.applied(noon, {1}, "", *report.row, report.args(), "+OK\r\n");
  EXPECT_TRUE(world.lines.empty());
}

TEST(Audit, AStormOfRefusalsIsCounted) {
  World world;
  for (int i = 0; i < 1'000; ++i)
    world.audit.refused(noon, "shop", "10.0.0.1:5", "GET", "NOPERM not you");
  EXPECT_EQ(world.lines.size(), Audit::refusals_per_second_max);
  world.audit.refused(noon + Millis(1'000), "shop", "10.0.0.1:5", "GET", "NOPERM not you");
  ASSERT_EQ(world.lines.size(), Audit::refusals_per_second_max + 2);
  EXPECT_THAT(world.lines[Audit::refusals_per_second_max], HasSubstr("900"));
}

}  // namespace
}  // namespace holdfast::node
