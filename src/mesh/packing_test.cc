// SPDX-License-Identifier: Apache-2.0
#include "mesh/packing.h"

#include <gtest/gtest.h>

#include <random>

#include "base/limits.h"

namespace holdfast::mesh {
namespace {

std::string increments(std::size_t bytes) {
  std::string body;
  for (int i = 0; body.size() < bytes; ++i)
    body += "likes:" + std::to_string(i * 7919 % 9066) + "+1";
  body.resize(bytes);
  return body;
}

TEST(Packing, WhatIsPackedIsUnpackedTheSame) {
  Packer packer;
  for (const std::size_t bytes : {300UL, 32'000UL, std::size_t{limits::mesh_frame_bytes_max}}) {
    const std::string body = increments(bytes);
    const auto packed = packer.pack(body);
    ASSERT_TRUE(packed) << bytes;
    EXPECT_LT(packed->size(), bytes * 7 / 8);
    EXPECT_EQ(unpack(*packed).value(), body);
  }
}

TEST(Packing, WhatDoesNotBecomeSmallerStaysAsItIs) {
  Packer packer;
  EXPECT_FALSE(packer.pack("short"));
  EXPECT_FALSE(packer.pack(""));
  std::mt19937_64 random(1);
  std::string noise;
  for (int i = 0; i < 10'000; ++i) noise += static_cast<char>(random());
  EXPECT_FALSE(packer.pack(noise));
  EXPECT_TRUE(packer.pack(increments(10'000))) << "and it goes on";
}

TEST(Packing, WhatIsNoneOfItIsRefusedBeforeThereIsRoomForIt) {
  Packer packer;
  const std::string packed(packer.pack(increments(10'000)).value());
  for (std::size_t cut = 0; cut < packed.size(); cut += 7)
    EXPECT_FALSE(unpack(packed.substr(0, cut))) << cut;
  EXPECT_FALSE(unpack("no frame of theirs"));
  EXPECT_FALSE(unpack(""));
  std::string large(limits::mesh_frame_bytes_max + 1, 'x');
  const auto too_large = packer.pack(large);
  ASSERT_TRUE(too_large);
  EXPECT_FALSE(unpack(*too_large));
}

}  // namespace
}  // namespace holdfast::mesh
