// SPDX-License-Identifier: Apache-2.0
#include "mesh/secret.h"

#include <gtest/gtest.h>

#include <set>

#include "mesh/frame.h"

namespace holdfast::mesh {
namespace {

// RFC 4231, test case 2, whose data are split into place and frame here: the key
// is "Jefe", the text "what do ya want for nothing?".
TEST(FrameKey, IsHmacSha256) {
  std::uint64_t place = 0;
  for (int i = 7; i >= 0; --i) place = place << 8 | static_cast<unsigned char>("what do "[i]);
  EXPECT_EQ(FrameKey("Jefe").tag("ya want for nothing?", place), 0x4e7560bf46c1dc5bU);
}

TEST(Secret, KeysDifferByEndGreetingChallengeAndSecret) {
  const Secret secret("secret"), other("other");
  std::set<std::uint64_t> tags;
  for (const Secret& one : {secret, other}) {
    for (const End end : {End::dialer, End::accepter}) {
      for (const char* hello : {"ab", "a"}) {
        for (const char* challenge : {"c", "bc"})
          tags.insert(one.key(end, hello, challenge).tag("frame", 0));
      }
    }
  }
  EXPECT_EQ(tags.size(), 16U);
}

TEST(Secret, ASignedFrameIsReadWithItsKeyOnlyAndAtItsPlaceOnly) {
  const Secret secret("secret");
  const FrameKey key = secret.key(End::dialer, "hello", "challenge");
  FrameWriter writer;
  writer.sign(key);
  std::string bytes;
  writer.put(bytes, FrameType::report, "body");
  const auto read = [&](const FrameKey* with, std::string_view text) {
    FrameReader reader;
    if (with != nullptr) reader.sign(*with);
    std::copy(text.begin(), text.end(), reader.room().data());
    reader.received(text.size());
    return reader.next();
  };
  const auto whole = read(&key, bytes);
  ASSERT_TRUE(whole && *whole);
  EXPECT_FALSE(read(nullptr, bytes));
  const FrameKey back = secret.key(End::accepter, "hello", "challenge");
  EXPECT_FALSE(read(&back, bytes));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    const auto refused = read(&key, changed);
    EXPECT_TRUE(!refused || !*refused) << i;  // a greater length waits for more
  }
  std::string again;
  writer.put(again, FrameType::report, "body");
  EXPECT_NE(again, bytes);
  EXPECT_FALSE(read(&key, again));
}

TEST(Secret, NoncesAreNeverTheSame) {
  EXPECT_EQ(make_nonce().size(), nonce_bytes);
  EXPECT_NE(make_nonce(), make_nonce());
}

}  // namespace
}  // namespace holdfast::mesh
