// SPDX-License-Identifier: Apache-2.0
#include "cli/load_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "cli/load_client.h"
#include "cli/retry.h"

namespace holdfast::cli {
namespace {

using testing::HasSubstr;

LoadReport half_replayed() {
  LoadReport report;
  report.operations = 200'008;
  report.sent = 201'000;
  report.applied = 100'004;
  report.replayed = 100'004;
  report.lost_connections = 48;
  report.errors["UNAVAILABLE"] = 12;
  report.elapsed = std::chrono::seconds(2);
  report.latencies.record(std::chrono::microseconds(1500));
  report.complete = true;
  return report;
}

TEST(LoadReport, TheTableSaysAll) {
  EXPECT_EQ(half_replayed().table(),
            "operations       200,008\n"
            "sent             201,000\n"
            "applied          100,004\n"
            "replayed         100,004\n"
            "errors           12   UNAVAILABLE 12\n"
            "failed           0\n"
            "lost connections 48\n"
            "latency          p50 1.5 ms   p99 1.5 ms   p99.9 1.5 ms\n"
            "took             2.0 s, 100,004/s\n");
}

TEST(LoadReport, SoDoesTheJson) {
  const auto json = nlohmann::json::parse(half_replayed().json());
  EXPECT_EQ(json["replayed"], 100'004);
  EXPECT_EQ(json["errors"]["UNAVAILABLE"], 12);
  EXPECT_EQ(json["per_second"], 100'004.0);
  EXPECT_EQ(json["complete"], true);
  EXPECT_GE(json["latency_us"]["p99.9"], 1500);
}

TEST(LoadReport, AllIsWellOnlyWhenEveryRowEndedWell) {
  LoadReport report = half_replayed();
  EXPECT_TRUE(report.all_well()) << "errors that passed are no failure";
  report.complete = false;
  EXPECT_FALSE(report.all_well());
  EXPECT_THAT(report.table(), HasSubstr("not complete"));
  report = half_replayed();
  report.replayed -= 1;
  EXPECT_FALSE(report.all_well());
  report.failed = 1;
  EXPECT_FALSE(report.all_well());
}

TEST(LoadReport, ProgressShowsRateAndTimeLeft) {
  const LoadReport report = half_replayed();
  EXPECT_EQ(progress_line(report, 0.5, 81'234, 10),
            "[=====>    ]  50%  81,234/s  2 s left  12 errors  48 lost connections");
  EXPECT_EQ(progress_line({}, 0, 0, 0), "  0%  0/s");
  EXPECT_EQ(progress_line({}, 1, 5, 4), "[====] 100%  5/s");
  LoadReport slow;
  slow.elapsed = std::chrono::hours(1);
  EXPECT_THAT(progress_line(slow, 0.25, 1, 0), HasSubstr("3 h 0 min left"));
}

TEST(LoadReport, NumbersHaveThousands) {
  EXPECT_EQ(with_thousands(0), "0");
  EXPECT_EQ(with_thousands(999), "999");
  EXPECT_EQ(with_thousands(1000), "1,000");
  EXPECT_EQ(with_thousands(1'234'567'890), "1,234,567,890");
}

TEST(Retry, OnlyErrorsThatMayPassAreTriedAgain) {
  for (const CodeRow& row : error_table()) {
    const bool passes = row.code == Code::unavailable || row.code == Code::busy ||
                        row.code == Code::unknown || row.resp == "UNAVAILABLE";
    EXPECT_EQ(may_pass(row.resp), passes) << row.resp;
  }
  EXPECT_TRUE(may_pass("LOADING"));
  EXPECT_FALSE(may_pass("EXECABORT"));
  EXPECT_FALSE(may_pass(""));
}

TEST(Retry, WaitsTwiceAsLongEachTimeUpToASecond) {
  Backoff backoff(1);
  std::int64_t whole = 10;
  for (int i = 0; i < 100; ++i) {
    const std::int64_t wait = backoff.next().count();
    EXPECT_GE(wait, whole / 2);
    EXPECT_LE(wait, whole);
    whole = std::min<std::int64_t>(whole * 2, 1000);
  }
  backoff.reset();
  EXPECT_LE(backoff.next().count(), 10);
}

TEST(Retry, CallersDoNotComeBackInStep) {
  Backoff one(1), other(2);
  int same = 0;
  for (int i = 0; i < 50; ++i) same += one.next() == other.next();
  EXPECT_LT(same, 25);
}

TEST(Address, IsHostAndPort) {
  EXPECT_EQ(parse_address("localhost:7379")->host, "localhost");
  EXPECT_EQ(parse_address("[::1]:80")->host, "::1");
  EXPECT_EQ(parse_address("[::1]:80")->port, "80");
  for (const char* text : {"", "localhost", ":7379", "host:", "host:x", "::1:80", "host:123456"}) {
    EXPECT_FALSE(parse_address(text)) << text;
  }
}

}  // namespace
}  // namespace holdfast::cli
