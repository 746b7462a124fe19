// SPDX-License-Identifier: Apache-2.0
#include "command/dump.h"

#include <gtest/gtest.h>

#include <string>

#include "value/hash.h"

namespace holdfast::command {
namespace {

using namespace std::string_literals;

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    text += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
    text += "0123456789abcdef"[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

// docs/formats/dump.md shows these bytes.
TEST(Dump, HasItsGoldenBytes) {
  EXPECT_EQ(hex(dump_of(Value::string("hello"))),
            "484644010105"
            "68656c6c6f"
            "bca608810cfcf607");
  EXPECT_EQ(hex(dump_of(Value::integer(-7))),
            "48464401040d"
            "4a0412b36de9c5b0");
}

TEST(Dump, IsTakenBack) {
  auto fields = std::make_unique<Hash>();
  fields->put("a", "1");
  fields->put("b", "");
  const std::string payload = dump_of(Value::hash(std::move(fields)));
  const auto value = value_of_dump(payload);
  ASSERT_TRUE(value);
  EXPECT_EQ(value->as_hash().find("b"), "");
  EXPECT_EQ(dump_of(*value), payload);
}

// Every byte is under the checksum, and nothing shorter is a payload.
TEST(Dump, NoticesDamage) {
  const std::string payload = dump_of(Value::string("some text of a length"));
  for (std::size_t i = 0; i < payload.size(); ++i) {
    std::string damaged = payload;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    EXPECT_FALSE(value_of_dump(damaged)) << i;
    EXPECT_FALSE(value_of_dump(payload.substr(0, i))) << i;
  }
  EXPECT_FALSE(value_of_dump(payload + "x"));
  EXPECT_FALSE(value_of_dump("\x00\x05hello\x0a\x00\x01\x02\x03\x04\x05\x06\x07\x08"s));  // Redis'
}

}  // namespace
}  // namespace holdfast::command
