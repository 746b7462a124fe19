// SPDX-License-Identifier: Apache-2.0
// Protects: what was kept comes back whole and at the same address, whatever was done since.
#include "function/stage.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/limits.h"

namespace holdfast::function {
namespace {

constexpr std::size_t no_limit = SIZE_MAX;

TEST(Stage, ShowsWhatWasKept) {
  Stage& stage = Stage::of_process();
  Arena& arena = stage.clear();
  void* const text = arena.resize(nullptr, 0, 6, no_limit);
  std::memcpy(text, "first", 6);
  const Stage::Image image = stage.keep();

  std::memcpy(text, "later", 6);
  ASSERT_NE(stage.arena().resize(nullptr, 0, 3_MiB, no_limit), nullptr);
  stage.clear();
  Arena& again = stage.show(image);
  EXPECT_STREQ(static_cast<const char*>(text), "first");
  EXPECT_EQ(again.live_bytes(), 6U);
  EXPECT_EQ(again.extent(), image.size());
}

TEST(Stage, IsOneAndLiesAtOneAddress) {
  Stage& stage = Stage::of_process();
  EXPECT_EQ(&stage, &Stage::of_process());
  Arena* const place = &stage.clear();
  EXPECT_EQ(&stage.clear(), place);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(place) % 1_GiB, 0U);
}

TEST(Stage, UsesItsWholeRegion) {
  Arena& arena = Stage::of_process().clear();
  std::size_t bytes = 0;
  while (void* const block = arena.resize(nullptr, 0, 1_MiB, no_limit)) {
    std::memset(block, 1, 1_MiB);
    bytes += 1_MiB;
  }
  EXPECT_GE(bytes, limits::function_region_bytes - 2_MiB);
}

}  // namespace
}  // namespace holdfast::function
