// SPDX-License-Identifier: Apache-2.0
// Protects: where workflows' requests may go, and what an answer is taken for. That requests go out
// and come back is tests/workflows_test.py's.
#include "node/http_calls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::node {
namespace {

using testing::HasSubstr;
using workflow::Ending;

TEST(HttpCalls, GoToWhomTheNodeWasToldAndNowhereElse) {
  const std::vector<std::string> hosts = {"api.example", "127.0.0.1:8080", "[::1]"};
  for (const char* url : {"http://api.example/x", "https://api.example:9/",
                          "http://127.0.0.1:8080/a?b", "http://[::1]:7/"})
    EXPECT_TRUE(check_url(url, hosts)) << url;
  for (const char* url :
       {"http://127.0.0.1/", "http://127.0.0.1:80801/", "http://api.example.evil/",
        "http://evil/?api.example", "http://api.example@evil/", "http://u:p@api.example/",
        "file:///etc/passwd", "gopher://api.example/", "ftp://api.example/", "//api.example/",
        "api.example", "", "http://", "http://api.example\r\nX: y/"})
    EXPECT_FALSE(check_url(url, hosts)) << url;
  EXPECT_FALSE(check_url("http://api.example/", {}));
}

TEST(HttpCalls, AStatusSaysWhetherToTryAgain) {
  for (const long status : {408, 425, 429, 500, 502, 503, 504, 599})
    EXPECT_EQ(outcome_of_http(status, "", false).ending, Ending::unknown) << status;
  for (const long status : {100, 301, 302, 307, 308, 400, 401, 403, 404, 409, 410, 418, 422})
    EXPECT_EQ(outcome_of_http(status, "", false).ending, Ending::refused) << status;
  for (const long status : {200, 201, 202, 204})
    EXPECT_EQ(outcome_of_http(status, "", false).ending, Ending::succeeded) << status;
  EXPECT_THAT(outcome_of_http(422, "no such address", false).error,
              HasSubstr("HTTP 422 no such address"));
}

TEST(HttpCalls, AnAnswersBodyIsJsonOrText) {
  EXPECT_EQ(outcome_of_http(200, R"({"n": 1})", false).result, R"({"body":{"n":1},"status":200})");
  EXPECT_EQ(outcome_of_http(200, "fine", false).result, R"({"body":"fine","status":200})");
  EXPECT_EQ(outcome_of_http(204, "", false).result, R"({"body":"","status":204})");
  EXPECT_EQ(outcome_of_http(200, "{\"n\"", true).result, R"({"body":null,"status":200})");
}

}  // namespace
}  // namespace holdfast::node
