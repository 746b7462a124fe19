// SPDX-License-Identifier: Apache-2.0
// Protects: blocks never overlap and keep what is in them, whatever order they are made, grown and
// freed in; an arena is its bytes; equal requests lead to equal addresses; limits refuse.
#include "function/arena.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "base/units.h"

namespace holdfast::function {
namespace {

constexpr std::size_t region_bytes = 4_MiB;
constexpr std::size_t no_limit = SIZE_MAX;

class ArenaTest : public testing::Test {
 protected:
  std::unique_ptr<std::byte[]> memory_ = std::make_unique<std::byte[]>(region_bytes);
  Arena* arena_ = &Arena::make(memory_.get(), region_bytes);
};

struct Block {
  void* at;
  std::size_t bytes;
  unsigned char mark;

  bool holds() const {
    const auto* const first = static_cast<const unsigned char*>(at);
    for (std::size_t i = 0; i < bytes; ++i) {
      if (first[i] != mark) return false;
    }
    return true;
  }
};

// Sizes as programs have them: mostly small, now and then a large one.
std::size_t any_size(std::mt19937_64& random) {
  const std::size_t most = random() % 16 == 0 ? 40'000 : 300;
  return 1 + random() % most;
}

// Returns the addresses of everything it was given.
std::vector<std::uintptr_t> run(Arena& arena, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::uintptr_t> addresses;
  std::vector<Block> blocks;
  std::size_t live = arena.live_bytes();
  for (int step = 0; step < 5'000; ++step) {
    const auto mark = static_cast<unsigned char>(random());
    if (blocks.empty() || random() % 3 == 0) {
      const std::size_t bytes = any_size(random);
      void* const at = arena.resize(nullptr, 0, bytes, no_limit);
      if (at == nullptr) continue;
      std::memset(at, mark, bytes);
      blocks.push_back({at, bytes, mark});
      addresses.push_back(reinterpret_cast<std::uintptr_t>(at));
      live += bytes;
    } else {
      Block& block = blocks[random() % blocks.size()];
      EXPECT_TRUE(block.holds());
      const std::size_t bytes = random() % 2 == 0 ? 0 : any_size(random);
      void* const at = arena.resize(block.at, block.bytes, bytes, no_limit);
      if (bytes == 0) {
        live -= block.bytes;
        block = blocks.back();
        blocks.pop_back();
      } else if (at != nullptr) {
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(at) % 16, 0U);
        const Block kept{at, std::min(block.bytes, bytes), block.mark};
        EXPECT_TRUE(kept.holds());
        live = live - block.bytes + bytes;
        std::memset(at, block.mark, bytes);
        block = {at, bytes, block.mark};
        addresses.push_back(reinterpret_cast<std::uintptr_t>(at));
      }
    }
    EXPECT_EQ(arena.live_bytes(), live);
    EXPECT_LE(arena.extent(), region_bytes);
  }
  for (const Block& block : blocks) EXPECT_TRUE(block.holds());
  return addresses;
}

TEST_F(ArenaTest, BlocksKeepWhatIsInThem) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(seed);
    run(Arena::make(memory_.get(), region_bytes), seed);
  }
}

TEST_F(ArenaTest, TheSameRequestsGetTheSameAddresses) {
  const std::vector<std::uintptr_t> first = run(*arena_, 7);
  EXPECT_EQ(run(Arena::make(memory_.get(), region_bytes), 7), first);
}

TEST_F(ArenaTest, GoesOnFromACopyOfItsBytes) {
  run(*arena_, 1);
  const std::vector<std::byte> kept(memory_.get(), memory_.get() + arena_->extent());
  const std::vector<std::uintptr_t> first = run(*arena_, 2);
  std::memset(memory_.get(), 0xA5, region_bytes);
  std::memcpy(memory_.get(), kept.data(), kept.size());
  EXPECT_EQ(run(*reinterpret_cast<Arena*>(memory_.get()), 2), first);
}

TEST_F(ArenaTest, RefusesOverItsLimitsAndLeavesTheBlockAsItWas) {
  void* const block = arena_->resize(nullptr, 0, 1'000, 1'500);
  ASSERT_NE(block, nullptr);
  std::memset(block, 'x', 1'000);
  EXPECT_EQ(arena_->resize(block, 1'000, 1'501, 1'500), nullptr);
  EXPECT_EQ(arena_->resize(nullptr, 0, 501, 1'500), nullptr);
  EXPECT_TRUE((Block{block, 1'000, 'x'}.holds()));
  EXPECT_EQ(arena_->live_bytes(), 1'000U);
  EXPECT_EQ(arena_->resize(nullptr, 0, region_bytes, no_limit), nullptr);
  EXPECT_EQ(arena_->resize(nullptr, 0, SIZE_MAX, no_limit), nullptr);
  EXPECT_NE(arena_->resize(nullptr, 0, 500, 1'500), nullptr);
}

TEST_F(ArenaTest, FreedBlocksAreUsedAgain) {
  for (int i = 0; i < 100'000; ++i) {
    void* const small = arena_->resize(nullptr, 0, 24, no_limit);
    void* const large = arena_->resize(nullptr, 0, 100'000, no_limit);
    ASSERT_NE(small, nullptr);
    ASSERT_NE(large, nullptr);
    arena_->resize(small, 24, 0, no_limit);
    arena_->resize(large, 100'000, 0, no_limit);
  }
  EXPECT_EQ(arena_->live_bytes(), 0U);
  EXPECT_EQ(arena_->given_bytes(), 100'000ULL * 100'024ULL);
}

}  // namespace
}  // namespace holdfast::function
