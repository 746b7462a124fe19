// SPDX-License-Identifier: Apache-2.0
// Protects: what a function's reply is to a workflow: a result as JSON, a refusal for good, or
// something to try again.
#include "workflow/results.h"

#include <gtest/gtest.h>

namespace holdfast::workflow {
namespace {

std::string json_of(std::string_view reply) {
  return write_json(json_of_reply(reply));
}

TEST(Results, ARepliesJson) {
  EXPECT_EQ(json_of(":42\r\n"), "42");
  EXPECT_EQ(json_of("$5\r\nhello\r\n"), "\"hello\"");
  EXPECT_EQ(json_of("+OK\r\n"), "\"OK\"");
  EXPECT_EQ(json_of("$-1\r\n"), "null");
  EXPECT_EQ(json_of("#t\r\n"), "true");
  EXPECT_EQ(json_of(",2.5\r\n"), "2.5");
  EXPECT_EQ(json_of(",inf\r\n"), "\"inf\"");
  EXPECT_EQ(json_of("*2\r\n:1\r\n*1\r\n$1\r\nx\r\n"), R"([1,["x"]])");
  EXPECT_EQ(json_of("~1\r\n$1\r\nx\r\n"), R"(["x"])");
  EXPECT_EQ(json_of("%2\r\n$1\r\na\r\n:1\r\n:7\r\n$-1\r\n"), R"({"7":null,"a":1})");
  EXPECT_EQ(json_of("$2\r\n\xFF\xFE\r\n"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"")
      << "what is no UTF-8 is replaced";
}

TEST(Results, AnErrorIsForGoodUnlessItMayPass) {
  for (const char* code : {"ERR", "TOOLITTLE", "NOPERM", "WRONGTYPE", "IDREUSED", "IDEXPIRED",
                           "VOIDED", "CROSSKEYSPACE"})
    EXPECT_EQ(outcome_of_reply(std::string("-") + code + " why\r\n").ending, Ending::refused)
        << code;
  EXPECT_EQ(outcome_of_reply("-UNAVAILABLE not now\r\n").ending, Ending::unavailable);
  EXPECT_EQ(outcome_of_reply("-BUSY full\r\n").ending, Ending::unavailable);
  EXPECT_EQ(outcome_of_reply("-UNKNOWN perhaps\r\n").ending, Ending::unknown);
  EXPECT_EQ(outcome_of_reply("-TOOLITTLE 5 left\r\n").error, "TOOLITTLE 5 left");
  EXPECT_EQ(outcome_of_reply(":1\r\n").ending, Ending::succeeded);
  EXPECT_EQ(outcome_of_reply(":1\r\n").result, "1");
}

}  // namespace
}  // namespace holdfast::workflow
