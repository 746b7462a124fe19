// SPDX-License-Identifier: Apache-2.0
#include "base/spilling_memory.h"

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <random>
#include <string>
#include <vector>

#include "base/units.h"

#ifdef HOLDFAST_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif

namespace holdfast {
namespace {

#ifndef HOLDFAST_JEMALLOC
TEST(SpillingMemory, IsMemoryWithoutJemalloc) {
  ASSERT_TRUE(spill_into("/proc", 0));
  SpillingVector<int> numbers(1'000'000, 7);
  EXPECT_EQ(numbers.back(), 7);
  EXPECT_EQ(spilled_bytes(), 0U);
}
#else
constexpr std::uint64_t in_memory_max = 8_MiB;

// All of the process's, so in one test: what it is before there is a file, and after.
TEST(SpillingMemory, BeyondItsShareOfMemoryIsInTheFile) {
  const std::string folder = ::testing::TempDir();
  SpillingVector<std::string> early(1'000, "before");
  ASSERT_FALSE(spill_into("/proc", in_memory_max)) << "nothing can be kept there";
  if (const Status s = spill_into(folder, in_memory_max); !s) GTEST_SKIP() << s.error().message;
  ASSERT_TRUE(spill_into("/proc", 0)) << "there is a file already";
  EXPECT_EQ(spilled_bytes(), 0U);

  // Blocks of all sizes, freed in another order, some used again: none lies in another.
  struct Block {
    char* bytes;
    std::size_t size;
    char mark;
  };
  std::mt19937_64 random(7);
  std::deque<Block> blocks;
  std::uint64_t held = 0, most = 0;
  const auto release = [&](std::size_t at) {
    const Block block = blocks[at];
    for (std::size_t i = 0; i < block.size; ++i) ASSERT_EQ(block.bytes[i], block.mark);
    free_spilling(block.bytes, block.size, 16);
    held -= block.size;
    blocks[at] = blocks.back();
    blocks.pop_back();
  };
  for (int i = 0; i < 60'000; ++i) {
    const std::size_t size = i % 1'000 == 0 ? random() % 3'000'000 + 1 : random() % 2'000 + 1;
    auto* const bytes = static_cast<char*>(allocate_spilling(size, 16));
    const char mark = static_cast<char>(random());
    std::memset(bytes, mark, size);
    blocks.push_back({bytes, size, mark});
    held += size;
    most = std::max(most, spilled_bytes());
    if (random() % 3 == 0) release(random() % blocks.size());
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(held, 5 * in_memory_max);
  EXPECT_GT(spilled_bytes(), held - 2 * in_memory_max);
  EXPECT_LT(spilled_bytes(), held * 3 / 2);
  std::uint64_t epoch = 1;
  std::size_t epoch_bytes = sizeof(epoch);
  mallctl("epoch", &epoch, &epoch_bytes, &epoch, epoch_bytes);  // refreshes the statistics
  EXPECT_GT(spilled_active_bytes(), held - 2 * in_memory_max);
  EXPECT_LE(spilled_active_bytes(), spilled_bytes());

  while (!blocks.empty()) {
    release(blocks.size() - 1);
    if (HasFatalFailure()) return;
  }
  // What a thread keeps for itself is little; the rest is given back at once when that is asked.
  mallctl(("arena." + std::to_string(MALLCTL_ARENAS_ALL) + ".purge").c_str(), nullptr, nullptr,
          nullptr, 0);
  EXPECT_LT(spilled_bytes(), most / 10) << "the disk is given back";
  EXPECT_EQ(early.back(), "before");
}
#endif

}  // namespace
}  // namespace holdfast
