// SPDX-License-Identifier: Apache-2.0
#include "base/checksum.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace holdfast {
namespace {

TEST(Checksum, IsXxh3AsPublished) {
  // XXH3_64bits("") and of "a" with seed 0: they are in files, so they stay.
  EXPECT_EQ(checksum(""), 0x2D06800538D394C2U);
  EXPECT_EQ(checksum("a"), 0xE6C632B61E964E1FU);
  EXPECT_EQ(hash128(""), (Hash128{0x99AA06D3014798D8, 0x6001C324468D497F}));
}

TEST(Checksum, EveryBitAndTheLengthMatter) {
  std::string bytes(100, '\0');
  std::set<std::uint64_t> seen{checksum(bytes), checksum(bytes + '\0'), checksum(bytes, 1)};
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(1 << bit % 8);
    seen.insert(checksum(flipped));
  }
  EXPECT_EQ(seen.size(), 3 + bytes.size() * 8);
}

TEST(Hash128, TheSeedSeparatesUses) {
  EXPECT_EQ(hash128("id", 1), hash128("id", 1));
  EXPECT_NE(hash128("id", 1), hash128("id", 2));
  EXPECT_NE(hash128("id", 1).low, hash128("id", 2).low);
  EXPECT_NE(hash128("id", 1).high, hash128("id", 2).high);
}

}  // namespace
}  // namespace holdfast
