// SPDX-License-Identifier: Apache-2.0
#include "trial/usage.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace holdfast::trial {
namespace {

std::vector<Usage> series(std::size_t samples, std::uint64_t first, std::uint64_t step) {
  std::vector<Usage> all;
  for (std::size_t i = 0; i < samples; ++i) all.push_back({.memory_bytes = first + i * step});
  return all;
}

TEST(Usage, AStepAtTheBeginningIsNoGrowth) {
  auto samples = series(12, 400 << 20, 0);
  samples[0].memory_bytes = 100 << 20;
  for (const Growth& growth : growth_of(samples, 3, 3)) EXPECT_TRUE(growth.bounded) << growth.what;
}

TEST(Usage, WhatGrowsAllAlongIsFound) {
  const auto growths = growth_of(series(12, 400 << 20, 20 << 20), 3, 3);
  ASSERT_FALSE(growths.empty());
  EXPECT_FALSE(growths.front().bounded);
  EXPECT_GT(growths.front().percent(), growth_percent_max);
}

TEST(Usage, FewSamplesSayNothing) {
  EXPECT_TRUE(growth_of(series(growth_samples_min - 1, 1, 1 << 30), 3, 3).empty());
}

TEST(Usage, AProcessIsMeasured) {
  EXPECT_GT(resident_bytes(::getpid()), 1u << 20);
  EXPECT_GE(open_files(::getpid()), 3u);
  EXPECT_EQ(folder_bytes("/nosuch"), 0u);
}

}  // namespace
}  // namespace holdfast::trial
