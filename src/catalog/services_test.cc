// SPDX-License-Identifier: Apache-2.0
#include "catalog/services.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/limits.h"

namespace holdfast {
namespace {

using ::testing::HasSubstr;

const Instant noon = instant_from_ms(1'700'000'000'000);
constexpr Millis hour{3'600'000};

TokenHash hash_of(std::uint64_t number) {
  return hash_of_token(make_token({number, 0, 0, 0}));
}

Services two() {
  Services services;
  EXPECT_TRUE(services.create("root", true, hash_of(1), noon));
  EXPECT_TRUE(services.create("feed", false, hash_of(2), noon));
  return services;
}

TEST(Tokens, AreLongAndAllOthers) {
  std::set<std::string> all;
  for (std::uint64_t i = 0; i < 100; ++i) all.insert(make_token({i, i << 8, 0, 0}));
  EXPECT_EQ(all.size(), 100u);
  for (const std::string& token : all) {
    EXPECT_EQ(token.size(), 46u);
    EXPECT_TRUE(token.starts_with("hf_"));
    EXPECT_EQ(token.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                      "0123456789-_"),
              std::string::npos);
  }
}

// From RFC 6234, section 8.5: the digest must be what other programs make of the token.
TEST(Tokens, AreKeptAsTheirSha256) {
  const std::string text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  EXPECT_EQ(to_text(hash_of_token("abc")), text);
  EXPECT_EQ(token_hash_from(text), hash_of_token("abc"));
  EXPECT_FALSE(token_hash_from(text.substr(1)));
  EXPECT_FALSE(token_hash_from("x" + text.substr(1)));
  EXPECT_FALSE(token_hash_from("A" + text.substr(1)));
}

// Else nobody could ever declare another.
TEST(Services, TheFirstAdministersAndTheLastThatDoesStays) {
  Services services;
  const auto refused = services.create("feed", false, hash_of(1), noon);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("ADMIN"));
  ASSERT_TRUE(services.create("root", true, hash_of(1), noon));
  EXPECT_FALSE(services.drop("root"));
  ASSERT_TRUE(services.create("other", true, hash_of(2), noon));
  EXPECT_TRUE(services.drop("root"));
  EXPECT_FALSE(services.drop("other"));
}

TEST(Services, AreFoundByNameIdAndToken) {
  const Services services = two();
  const Service* feed = services.find("feed");
  ASSERT_NE(feed, nullptr);
  EXPECT_EQ(services.find(feed->id), feed);
  EXPECT_EQ(services.by_token(hash_of(2), noon), feed);
  EXPECT_EQ(services.by_token(hash_of(3), noon), nullptr);
  EXPECT_EQ(services.find("nobody"), nullptr);
  EXPECT_EQ(services.all().size(), 2u);
}

TEST(Services, AfterARotationBothTokensCountForAWhile) {
  Services services = two();
  ASSERT_TRUE(services.rotate("feed", hash_of(3), hour, noon));
  EXPECT_NE(services.by_token(hash_of(3), noon), nullptr);
  EXPECT_NE(services.by_token(hash_of(2), noon + hour - Millis(1)), nullptr);
  EXPECT_EQ(services.by_token(hash_of(2), noon + hour), nullptr);
  // Rotated again it is out at once, and so is the one before where no overlap is wished.
  ASSERT_TRUE(services.rotate("feed", hash_of(4), Millis(0), noon));
  EXPECT_EQ(services.by_token(hash_of(2), noon), nullptr);
  EXPECT_EQ(services.by_token(hash_of(3), noon), nullptr);
  EXPECT_NE(services.by_token(hash_of(4), noon), nullptr);
}

TEST(Services, IdsAreNeverGivenAgain) {
  Services services = two();
  const ServiceId before = services.find("feed")->id;
  ASSERT_TRUE(services.drop("feed"));
  EXPECT_EQ(services.find(before), nullptr);
  ASSERT_TRUE(services.create("feed", false, hash_of(2), noon));
  EXPECT_NE(services.find("feed")->id, before);
}

TEST(Services, WhatCannotBeIsRefusedAndChangesNothing) {
  Services services = two();
  const std::string before = services.encode();
  EXPECT_FALSE(services.create("feed", false, hash_of(9), noon));
  EXPECT_FALSE(services.create("", false, hash_of(9), noon));
  EXPECT_FALSE(services.create("a:b", false, hash_of(9), noon));
  EXPECT_FALSE(services.create(std::string(65, 'a'), false, hash_of(9), noon));
  EXPECT_FALSE(services.rotate("nobody", hash_of(9), hour, noon));
  EXPECT_FALSE(services.drop("nobody"));
  EXPECT_EQ(services.encode(), before);
}

// docs/formats/services.md
TEST(Services, GoldenBytes) {
  Services services;
  ASSERT_TRUE(services.create("root", true, TokenHash{}, instant_from_ms(1)));
  ASSERT_TRUE(services.create("a", false, TokenHash{}, instant_from_ms(2)));
  TokenHash ones;
  ones.bytes.fill(0x11);
  ASSERT_TRUE(services.rotate("a", ones, Millis(1), instant_from_ms(2)));
  const std::string zeros(32, '\0'), rotated(32, '\x11');
  EXPECT_EQ(services.encode(), std::string("\x01\x03\x03\x02", 4) +  //
                                   std::string("\x01\x01\x04root\x02", 8) + zeros +
                                   std::string("\x02\x02\x01"
                                               "a\x04",
                                               5) +
                                   rotated + zeros + "\x06");
}

TEST(Services, AreReadAsTheyWereWrittenAndNothingElseIs) {
  Services services = two();
  ASSERT_TRUE(services.rotate("feed", hash_of(3), hour, noon));
  ASSERT_TRUE(services.create("gone", false, hash_of(4), noon));
  ASSERT_TRUE(services.drop("gone"));
  const std::string bytes = services.encode();
  Services again;
  ASSERT_TRUE(again.decode(bytes));
  EXPECT_EQ(again.encode(), bytes);
  EXPECT_EQ(again.version(), services.version());
  EXPECT_NE(again.by_token(hash_of(2), noon), nullptr);
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(again.decode(std::string_view(bytes).substr(0, size))) << size;
  EXPECT_FALSE(again.decode(bytes + "x"));
  std::string nobody_administers = bytes;
  nobody_administers[5] = 0;
  EXPECT_FALSE(again.decode(nobody_administers));
  EXPECT_EQ(again.encode(), bytes) << "what was refused changed something";
}

}  // namespace
}  // namespace holdfast
