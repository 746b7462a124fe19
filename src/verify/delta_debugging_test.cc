// SPDX-License-Identifier: Apache-2.0
#include "verify/delta_debugging.h"

#include <gtest/gtest.h>

#include <numeric>
#include <set>

namespace holdfast::verify {
namespace {

/// Minimizes 0 … count-1 where those needed, and nothing else, must stay.
std::vector<int> minimized(int count, const std::set<int>& needed, int& attempts) {
  std::vector<int> now(static_cast<std::size_t>(count));
  std::iota(now.begin(), now.end(), 0);
  minimize(now.size(), [&](const std::vector<bool>& unwanted) -> std::optional<std::size_t> {
    ++attempts;
    EXPECT_EQ(unwanted.size(), now.size());
    std::vector<int> kept;
    for (std::size_t i = 0; i < now.size(); ++i) {
      if (!unwanted[i]) kept.push_back(now[i]);
    }
    EXPECT_LT(kept.size(), now.size());
    const std::set<int> set(kept.begin(), kept.end());
    if (!std::includes(set.begin(), set.end(), needed.begin(), needed.end())) return std::nullopt;
    now = kept;
    return now.size();
  });
  return now;
}

TEST(DeltaDebugging, LeavesWhatIsNeeded) {
  for (const std::set<int>& needed :
       {std::set<int>{0}, {999}, {500}, {0, 999}, {3, 500, 501, 998}}) {
    int attempts = 0;
    const std::vector<int> rest = minimized(1000, needed, attempts);
    EXPECT_EQ(rest, std::vector<int>(needed.begin(), needed.end()));
    EXPECT_LT(attempts, 200);
  }
}

TEST(DeltaDebugging, EndsWhereAllAreNeededOrNone) {
  int attempts = 0;
  EXPECT_EQ(minimized(4, {0, 1, 2, 3}, attempts).size(), 4);
  EXPECT_EQ(minimized(1, {}, attempts).size(), 1) << "one thing is not halved";
  EXPECT_EQ(minimized(0, {}, attempts).size(), 0);
}

// What is asked for may not all be possible: the rest stays and is asked about again.
TEST(DeltaDebugging, GoesOnWithWhatCouldNotGo) {
  std::size_t left = 64;
  minimize(left, [&](const std::vector<bool>& unwanted) -> std::optional<std::size_t> {
    EXPECT_EQ(unwanted.size(), left);
    if (left <= 40) return std::nullopt;
    return --left;
  });
  EXPECT_EQ(left, 40);
}

}  // namespace
}  // namespace holdfast::verify
