// SPDX-License-Identifier: Apache-2.0
#include "server/look_ahead.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <string>

namespace holdfast::server {
namespace {

using namespace std::string_view_literals;

TEST(LookAhead, NamesTheKeyAndTheIdOfEachRequestThatIsThereWhole) {
  std::array<Ahead, 8> ahead;
  const auto input =
      "*2\r\n$3\r\nGET\r\n$1\r\na\r\n"
      "*5\r\n$4\r\nonce\r\n$2\r\nid\r\n$6\r\nINCRBY\r\n$1\r\nb\r\n$1\r\n1\r\n"
      "*1\r\n$4\r\nPING\r\n"
      "*2\r\n$3\r\nGET\r\n$1\r\n"sv;
  ASSERT_EQ(look_ahead(input, ahead), 3U);
  EXPECT_EQ(ahead[0].name, "GET");
  EXPECT_EQ(ahead[0].key, "a");
  EXPECT_EQ(ahead[0].request_id, "");
  EXPECT_EQ(ahead[0].item, "");
  EXPECT_EQ(ahead[1].name, "INCRBY");
  EXPECT_EQ(ahead[1].key, "b");
  EXPECT_EQ(ahead[1].item, "1");
  EXPECT_EQ(ahead[1].request_id, "id");
  EXPECT_EQ(ahead[2].name, "PING");
  EXPECT_EQ(ahead[2].key, "");
  EXPECT_EQ(ahead[2].item, "");
}

TEST(LookAhead, StopsWhereThereIsNoRoom) {
  std::array<Ahead, 1> ahead;
  EXPECT_EQ(look_ahead("*1\r\n$1\r\na\r\n*1\r\n$1\r\nb\r\n"sv, ahead), 1U);
}

TEST(LookAhead, LeavesWhatIsNotAnArrayOfBulkStringsToTheParser) {
  std::array<Ahead, 4> ahead;
  for (const std::string_view input :
       {"PING\r\n"sv, "*0\r\n"sv, "*-1\r\n"sv, "*1\r\n:5\r\n"sv, "*1\r\n$-1\r\n"sv,
        "*99999999999999999999\r\n$1\r\na\r\n"sv, "*1\r\n$99999999999999999999\r\na\r\n"sv,
        "*1\n$1\na\n"sv, ""sv, "*"sv, "*1"sv, "*1\r"sv, "*2\r\n$1\r\na\r\n"sv}) {
    EXPECT_EQ(look_ahead(input, ahead), 0U) << input;
  }
}

RC_GTEST_PROP(LookAhead, ReadsNothingBeyondItsInput, (const std::string& noise, std::uint8_t cut)) {
  const std::string whole =
      "*2\r\n$3\r\nGET\r\n$5\r\n" + noise + "\r\n*1\r\n$4\r\nPING\r\n" + noise;
  const std::string part = whole.substr(0, cut % (whole.size() + 1));
  std::array<Ahead, 4> ahead;
  const std::size_t met = look_ahead(part, ahead);
  for (std::size_t i = 0; i < met; ++i) {
    RC_ASSERT(ahead[i].key.data() == nullptr ||
              (ahead[i].key.data() >= part.data() &&
               ahead[i].key.data() + ahead[i].key.size() <= part.data() + part.size()));
  }
}

}  // namespace
}  // namespace holdfast::server
