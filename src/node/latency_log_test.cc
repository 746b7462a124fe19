// SPDX-License-Identifier: Apache-2.0
#include "node/latency_log.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace holdfast::node {
namespace {

using std::chrono::microseconds;

Instant second(std::int64_t number) {
  return instant_from_ms(number * 1'000);
}

TEST(LatencyLog, KeepsTheWorstOfASecond) {
  LatencyLog log;
  log.set_threshold(Millis(10));
  log.add("turn", second(5), microseconds(9'999));  // short enough
  EXPECT_TRUE(log.events().empty());
  log.add("turn", second(5), microseconds(12'000));
  log.add("turn", second(5) + Millis(900), microseconds(40'000));
  log.add("turn", second(6), microseconds(11'000));
  const auto& event = log.events().at("turn");
  ASSERT_EQ(event.samples.size(), 2u);
  EXPECT_EQ(event.samples[0].took_ms, 40);
  EXPECT_EQ(event.samples[1].at_seconds, 6);
  EXPECT_EQ(event.worst_ms, 40);
}

TEST(LatencyLog, KeepsSoManyAndNothingWhileOff) {
  LatencyLog log;
  log.add("turn", second(1), microseconds(1'000'000));
  EXPECT_TRUE(log.events().empty());
  log.set_threshold(Millis(1));
  for (std::int64_t i = 0; i < 1'000; ++i) log.add("turn", second(i), microseconds(2'000));
  const auto& samples = log.events().at("turn").samples;
  EXPECT_EQ(samples.size(), limits::latency_samples_max);
  EXPECT_EQ(samples.back().at_seconds, 999);
}

TEST(LatencyLog, ForgetsOneEventOrAll) {
  LatencyLog log;
  log.set_threshold(Millis(1));
  for (const char* event : {"a", "b", "c"}) log.add(event, second(1), microseconds(2'000));
  EXPECT_EQ(log.reset("none"), 0u);
  EXPECT_EQ(log.reset("a"), 1u);
  EXPECT_EQ(log.reset(""), 2u);
}

}  // namespace
}  // namespace holdfast::node
