// SPDX-License-Identifier: Apache-2.0
#include "base/request_id.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace holdfast {
namespace {

TEST(RequestId, IsOneToSixtyFourPrintableCharactersWithoutSpaces) {
  EXPECT_TRUE(is_request_id("a"));
  EXPECT_TRUE(is_request_id("12:31"));
  EXPECT_TRUE(is_request_id(std::string(limits::request_id_bytes_max, '~')));
  EXPECT_FALSE(is_request_id(""));
  EXPECT_FALSE(is_request_id(std::string(limits::request_id_bytes_max + 1, 'x')));
  EXPECT_FALSE(is_request_id("a b"));
  EXPECT_FALSE(is_request_id(std::string_view("a\0b", 3)));
  EXPECT_FALSE(is_request_id("a\r\nb"));
  EXPECT_FALSE(is_request_id("\x7f"));
  EXPECT_FALSE(is_request_id("\xc3\xa9"));
}

TEST(RequestId, TimeOfAUuid7IsItsFirst48Bits) {
  // RFC 9562, appendix A.6.
  EXPECT_EQ(time_of_uuid7("017F22E2-79B0-7CC3-98C4-DC0C0C07398F"), instant_from_ms(1645557742000));
}

TEST(RequestId, OtherTextsCarryNoTime) {
  EXPECT_FALSE(time_of_uuid7("017F22E2-79B0-4CC3-98C4-DC0C0C07398F"));  // version 4
  EXPECT_FALSE(time_of_uuid7("017F22E2-79B0-7CC3-18C4-DC0C0C07398F"));  // another variant
  EXPECT_FALSE(time_of_uuid7("017F22E279B0-7CC3-98C4-DC0C0C07398F0-"));
  EXPECT_FALSE(time_of_uuid7("017F22E2-79B0-7CC3-98C4-DC0C0C07398G"));
  EXPECT_FALSE(time_of_uuid7("7"));
}

TEST(RequestId, MadeUuid7sCarryTheTimeGiven) {
  const Instant now = instant_from_ms(1'800'000'000'123);
  const std::string id = make_uuid7(now, ~0ULL, ~0ULL);
  EXPECT_TRUE(is_request_id(id));
  EXPECT_EQ(time_of_uuid7(id), now);
  EXPECT_NE(id, make_uuid7(now, 1, 2));
}

TEST(RequestId, AnIdThatCarriesItsTimeRunsOnlyWithinTheWindow) {
  const Instant now = instant_from_ms(1'800'000'000'000);
  const Instant oldest = now - Millis(5'000);
  const auto refused = [&](Instant made) {
    const auto error = refuse_by_time(make_uuid7(made, 1, 2), now, oldest);
    return error && error->code == Code::id_expired;
  };
  EXPECT_FALSE(refused(oldest));
  EXPECT_TRUE(refused(oldest - Millis(1)));
  EXPECT_FALSE(refused(now + Millis(limits::request_id_ahead_ms_max)));
  EXPECT_TRUE(refused(now + Millis(limits::request_id_ahead_ms_max + 1)));
  EXPECT_FALSE(refuse_by_time("order-17", now, oldest)) << "an id without a time";
}

}  // namespace
}  // namespace holdfast
