// SPDX-License-Identifier: Apache-2.0
#include "base/scattered_memory.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

namespace holdfast {
namespace {

// Blocks of many sizes at once, of which some are freed and asked for again: each
// is whole, aligned, and nobody else's.
TEST(ScatteredMemory, BlocksAreAlignedAndTheirOwners) {
  constexpr std::size_t alignment = 64;
  std::vector<std::pair<unsigned char*, std::size_t>> blocks;
  const auto take = [&](std::size_t bytes) {
    auto* memory = static_cast<unsigned char*>(allocate_scattered(bytes, alignment));
    ASSERT_EQ(reinterpret_cast<std::uintptr_t>(memory) % alignment, 0U);
    std::memset(memory, static_cast<int>(bytes % 251), bytes);
    blocks.emplace_back(memory, bytes);
  };
  for (std::size_t bytes = 64; bytes <= 16'384; bytes += 64) take(bytes);
  take(std::size_t{5} << 20);
  for (std::size_t i = 0; i < blocks.size(); i += 2) {
    free_scattered(blocks[i].first, blocks[i].second, alignment);
    std::swap(blocks[i], blocks.back());
    blocks.pop_back();
  }
  for (std::size_t bytes = 128; bytes <= 16'384; bytes += 128) take(bytes);
  for (const auto& [memory, bytes] : blocks) {
    for (std::size_t i = 0; i < bytes; i += 61) ASSERT_EQ(memory[i], bytes % 251);
    free_scattered(memory, bytes, alignment);
  }
}

}  // namespace
}  // namespace holdfast
