// SPDX-License-Identifier: Apache-2.0
// Commands over HTTP, on a backend that answers each by its arguments.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/browser.h"

namespace holdfast::server {
namespace {

using fake::Browser;
using fake::Heard;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(HttpApi, ACommandIsAnArray) {
  Browser browser;
  for (const char* path : {"/v1/command", "/"}) {
    const Heard heard = browser.post(path, R"(["INCRBY", "likes:42", 1])");
    EXPECT_EQ(heard.status, 200);
    EXPECT_EQ(heard.body, R"({"result":"INCRBY likes:42 1"})");
    EXPECT_THAT(heard.head, HasSubstr("Content-Type: application/json\r\n"));
  }
  EXPECT_THAT(browser.backend.seen[0].args, ElementsAre("INCRBY", "likes:42", "1"));
}

TEST(HttpApi, ACommandIsAPath) {
  Browser browser;
  EXPECT_EQ(browser.get("/get/likes%3A42").body, R"({"result":"get likes:42"})");
  EXPECT_EQ(browser.request("POST", "/v1/command/set/k/v?PX=100&NX", "", "").body,
            R"({"result":"set k v PX 100 NX"})");
  // The body is an argument behind those of the path, and before the query's.
  EXPECT_EQ(browser.request("POST", "/set/a%2Fb?EX=100", "two words", "").body,
            R"({"result":"set a/b two words EX 100"})");
  EXPECT_EQ(browser.get("/get/%zz").status, 400);
  EXPECT_EQ(browser.get("/nosuch/likes:42").status, 404);
  EXPECT_EQ(browser.request("PUT", "/set/k/v", "", "").status, 405);
  const Heard token = browser.get("/get/k?_token=x");
  EXPECT_EQ(token.status, 400);
  EXPECT_THAT(token.body, HasSubstr("Authorization: Bearer"));
}

TEST(HttpApi, APipelineAnswersEach) {
  Browser browser;
  const Heard heard =
      browser.post("/v1/pipeline", R"([["GET", "a"], ["GET"], ["NOSUCH"], ["GET", "b"]])");
  EXPECT_EQ(heard.status, 200);
  EXPECT_EQ(heard.body, R"([{"result":"GET a"},)"
                        R"({"error":"ERR wrong number of arguments for 'get' command"},)"
                        R"({"error":"ERR unknown command 'NOSUCH', with args beginning with: "},)"
                        R"({"result":"GET b"}])");
  const Heard with_id = browser.post("/pipeline", R"([["GET", "a"]])", "Idempotency-Key: a\r\n");
  EXPECT_EQ(with_id.status, 400);
  EXPECT_THAT(with_id.body, HasSubstr("/multi-exec"));
}

TEST(HttpApi, ATransactionIsOneRequestOfTheBackend) {
  Browser browser;
  browser.backend.reply = "*2\r\n:1\r\n-WRONGTYPE no\r\n";
  const Heard heard = browser.post("/v1/multi-exec", R"([["INCR", "a"], ["HGET", "b", "c"]])",
                                   "Idempotency-Key: \"order-17\"\r\n");
  EXPECT_EQ(heard.status, 200);
  EXPECT_EQ(heard.body, R"([{"result":1},{"error":"WRONGTYPE no"}])");
  ASSERT_EQ(browser.backend.seen.size(), 1U);
  EXPECT_EQ(browser.backend.seen[0].request_id, "order-17");
  EXPECT_EQ(browser.backend.seen[0].transaction.size(), 2U);
  const Heard refused = browser.post("/multi-exec", R"([["INCR", "a"], ["INCR"]])");
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(refused.body,
            R"({"error":"EXECABORT Transaction discarded because of previous errors. )"
            R"(ERR wrong number of arguments for 'incr' command"})");
  EXPECT_FALSE(browser.post("/multi-exec", R"([["DBSIZE"]])").status == 200);
  EXPECT_EQ(browser.post("/", R"(["PING"])").body, R"({"result":"PONG"})");
}

TEST(HttpApi, WhatIsNoCommandIsRefusedWithThePlace) {
  const struct {
    const char* body;
    const char* told;
  } cases[] = {
      {"", "at byte 0: the JSON is cut off"},
      {"{}", "at byte 0: a command is an array"},
      {"[]", "a command has no name"},
      {R"(["GET", null])", "at byte 8: an argument is a string, a number, true or false"},
      {R"(["GET", ["a"]])", "at byte 8: an argument is"},
      {R"(["GET" "a"])", "at byte 7: a comma, or an end, is missing"},
      {R"(["GET", "a"]x)", "at byte 12: something follows"},
      {"[\"GET\", \"\xff\"]", "at byte 9: the bytes here are no UTF-8"},
      {R"(["GET", "\ud800"])", "at byte 9: half of a surrogate pair"},
      {R"(["GET", 01])", "at byte 8: a number begins with 0"},
  };
  for (const auto& one : cases) {
    Browser browser;
    const Heard heard = browser.post("/v1/command", one.body);
    EXPECT_EQ(heard.status, 400) << one.body;
    EXPECT_THAT(heard.head, HasSubstr("application/problem+json")) << one.body;
    EXPECT_THAT(heard.body, HasSubstr(one.told)) << one.body;
    EXPECT_FALSE(browser.talk->finished());
    EXPECT_TRUE(browser.backend.seen.empty());
  }
}

TEST(HttpApi, WhatIsAboutAConnectionIsRefused) {
  Browser browser;
  for (const char* body :
       {R"(["MULTI"])", R"(["ONCE", "a", "EXEC"])", R"(["AUTH", "x"])", R"(["CLIENT", "ID"])",
        R"(["AFTER", "t", "WATCH", "k"])", R"(["LOCAL", "AFTER", "t", "WATCH", "k"])",
        R"(["HELLO", 3])", R"(["QUIT"])", R"(["RESET"])"}) {
    const Heard heard = browser.post("/v1/command", body);
    EXPECT_EQ(heard.status, 400) << body;
    EXPECT_THAT(heard.body, HasSubstr("is about a connection")) << body;
  }
  EXPECT_EQ(browser.post("/", R"(["POST"])").status, 400);
  EXPECT_EQ(browser.post("/", R"(["COMMAND", "COUNT"])").status, 200);
}

TEST(HttpApi, HeadersWrapTheCommand) {
  Browser browser;
  const std::string headers =
      "Idempotency-Key: anna:42\r\nHoldfast-Token: seen\r\nHoldfast-Local: ?1\r\n";
  browser.post("/v1/command", R"(["GET", "a"])", headers);
  ASSERT_EQ(browser.backend.seen.size(), 1U);
  EXPECT_EQ(browser.backend.seen[0].after_token, "seen");
  EXPECT_EQ(browser.backend.seen[0].read_mode, ReadMode::local);
  EXPECT_EQ(browser.backend.seen[0].request_id, "");  // of a read
  browser.post("/v1/command", R"(["INCR", "a"])", "Idempotency-Key: \"a\\\"b\"\r\n");
  EXPECT_EQ(browser.backend.seen[1].request_id, "a\"b");
  browser.get("/get/ev:a", "Holdfast-Fresh-Within: 100\r\n");
  EXPECT_EQ(browser.backend.seen[2].fresh_within, Millis(100));
  for (const char* key : {"two words", "\"open", "\"a\" ", "\"a\";b", "\"\\a\"", ""}) {
    if (std::string_view(key) == "\"a\" ") continue;  // the space is not the value's
    const Heard heard =
        browser.post("/", R"(["INCR", "a"])", "Idempotency-Key: " + std::string(key) + "\r\n");
    EXPECT_EQ(heard.status, 400) << key;
  }
  EXPECT_EQ(
      browser.post("/", R"(["INCR", "a"])", "Idempotency-Key: a\r\nidempotency-key: b\r\n").status,
      400);
  EXPECT_EQ(browser.backend.seen.size(), 3U);
}

TEST(HttpApi, AReplaySaysSo) {
  Browser browser;
  browser.backend.answers_at_once = false;
  const struct {
    Replay replay;
    const char* told;
  } cases[] = {{Replay::reply, "\r\nIdempotency-Replayed: true\r\n"},
               {Replay::effect, "\r\nIdempotency-Replayed: effect\r\n"}};
  for (const auto& one : cases) {
    browser.post("/", R"(["INCR", "a"])", "Idempotency-Key: a\r\n");
    browser.backend.complete(browser, 0, one.replay);
    EXPECT_THAT(browser.hear(), HasSubstr(one.told));
  }
}

TEST(HttpApi, ErrorsHaveTheStatusOfTheirCode) {
  for (const auto& [reply, status] :
       std::vector<std::pair<std::string, int>>{{"UNAVAILABLE cut off", 503},
                                                {"UNKNOWN perhaps", 504},
                                                {"IDREUSED other", 422},
                                                {"VOIDED", 409},
                                                {"NOPERM no", 403},
                                                {"WRONGTYPE no", 400},
                                                {"NOFUNDS a function's own", 400}}) {
    Browser browser;
    browser.backend.reply = "-" + reply + "\r\n";
    const Heard heard = browser.post("/v1/command", R"(["GET", "a"])");
    EXPECT_EQ(heard.status, status);
    EXPECT_EQ(heard.body, R"({"error":")" + reply + "\"}");
    EXPECT_EQ(heard.head.find("Retry-After: 1\r\n") != std::string::npos, status == 503);
  }
}

TEST(HttpApi, PipelinedRequestsAreAnsweredInTurnThoughDoneInAnother) {
  Browser browser;
  browser.backend.answers_at_once = false;
  std::string bytes;
  for (const char* key : {"a", "b", "c"})
    bytes += Browser::written("GET", std::string("/get/") + key, "", "");
  bytes += Browser::written("GET", "/healthz", "", "");
  EXPECT_EQ(browser.say(bytes), "");
  EXPECT_EQ(browser.backend.under_way.size(), 3U);
  browser.backend.complete(browser, 2);
  EXPECT_EQ(browser.hear(), "");
  browser.backend.complete(browser, 0);
  std::string heard = browser.hear();
  EXPECT_EQ(fake::take_answer(heard).body, R"({"result":"get a"})");
  EXPECT_EQ(heard, "");
  browser.backend.complete(browser, 0);
  heard = browser.hear();
  EXPECT_EQ(fake::take_answer(heard).body, R"({"result":"get b"})");
  EXPECT_EQ(fake::take_answer(heard).body, R"({"result":"get c"})");
  EXPECT_EQ(fake::take_answer(heard).body, "ok\n");
}

TEST(HttpApi, WhereServicesSignInATokenIsWanted) {
  Browser browser;
  browser.backend.set_services({"shop", "bank"});
  const Heard without = browser.post("/v1/command", R"(["GET", "a"])");
  EXPECT_EQ(without.status, 401);
  EXPECT_THAT(without.head, HasSubstr("WWW-Authenticate: Bearer\r\n"));
  EXPECT_THAT(without.body, HasSubstr("NOAUTH Authentication required."));
  EXPECT_EQ(browser.post("/", R"(["GET", "a"])", "Authorization: Bearer wrong\r\n").status, 401);
  EXPECT_EQ(browser.post("/", R"(["GET", "a"])", "Authorization: Basic YTpi\r\n").status, 401);
  EXPECT_TRUE(browser.backend.seen.empty());
  EXPECT_EQ(browser.get("/healthz").status, 200);
  // Who has shown a token needs no Content-Type, since no page of another site can send one.
  EXPECT_EQ(
      browser.request("POST", "/", R"(["GET", "a"])", "Authorization: Bearer token-of-shop\r\n")
          .status,
      200);
  browser.backend.answers_at_once = false;
  std::string bytes;
  for (const char* service : {"shop", "bank", "shop"}) {
    bytes += Browser::written("GET", "/get/a", "",
                              "Authorization: bearer token-of-" + std::string(service) + "\r\n");
  }
  std::string heard = browser.say(bytes);
  // One service's requests are done before the next one's are taken.
  EXPECT_EQ(browser.backend.under_way.size(), 1U);
  for (int i = 0; i < 3; ++i) {
    browser.backend.complete_all(browser);
    heard += browser.hear();
  }
  EXPECT_EQ(fake::take_answer(heard).status, 200);
  EXPECT_EQ(fake::take_answer(heard).status, 200);
  EXPECT_EQ(fake::take_answer(heard).status, 200);
}

TEST(HttpApi, ACertificateSignsIn) {
  Browser browser;
  browser.backend.set_services({"shop"});
  browser.talk->set_certified_name("shop");
  EXPECT_EQ(browser.post("/", R"(["GET", "a"])").status, 200);
  EXPECT_EQ(browser.request("POST", "/", R"(["GET", "a"])", "").status, 415);
}

TEST(HttpApi, MuchOfABodyIsTakenOnlyOfWhoHasSignedIn) {
  Browser browser;
  browser.backend.set_services({"shop"});
  const std::string body = "[\"SET\", \"a\", \"" + std::string(1'000'000, 'x') + "\"]";
  const std::string heard = browser.say(Browser::written("POST", "/", body, ""), 10'000);
  EXPECT_THAT(heard, StartsWith("HTTP/1.1 401 "));
  EXPECT_TRUE(browser.talk->finished());
  Browser other;
  other.backend.set_services({"shop"});
  const std::string known = other.say(
      Browser::written("POST", "/", body, "Authorization: Bearer token-of-shop\r\n"), 10'000);
  EXPECT_THAT(known, StartsWith("HTTP/1.1 200 "));
}

TEST(HttpApi, WhatWebPagesSendIsRefused) {
  Browser browser;
  const std::string get = R"(["GET", "a"])";
  for (const char* header : {"Origin: http://evil.example\r\n", "Origin: null\r\n",
                             "Sec-Fetch-Site: cross-site\r\n", "Sec-Fetch-Site: same-site\r\n"}) {
    EXPECT_EQ(browser.post("/v1/command", get, header).status, 403) << header;
  }
  // A form of another site, in a browser that says nothing more.
  EXPECT_EQ(browser.request("POST", "/", get, "Content-Type: text/plain\r\n").status, 415);
  EXPECT_EQ(browser.request("POST", "/", get, "").status, 415);
  // A link in a mail.
  EXPECT_EQ(browser.get("/set/a/1", "Sec-Fetch-Site: none\r\n").status, 405);
  EXPECT_EQ(browser.get("/once/id/set/a/1", "Sec-Fetch-Site: none\r\n").status, 405);
  EXPECT_TRUE(browser.backend.seen.empty());
  EXPECT_EQ(browser.get("/get/a", "Sec-Fetch-Site: none\r\n").status, 200);
  EXPECT_EQ(
      browser.post("/", get, "Origin: http://localhost\r\nSec-Fetch-Site: same-origin\r\n").status,
      200);
  // A name that was made to lead here.
  const std::string heard = browser.say(
      "POST / HTTP/1.1\r\nHost: evil.example:7380\r\nContent-Type: application/json\r\n"
      "Content-Length: 12\r\n\r\n[\"GET\", \"a\"]");
  EXPECT_THAT(heard, StartsWith("HTTP/1.1 403 "));
  for (const char* host : {"127.0.0.1:7380", "[::1]:7380", "LOCALHOST", "app.localhost:1"}) {
    const std::string answer =
        browser.say("GET /get/a HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 ")) << host;
  }
}

TEST(HttpApi, StringsInBase64AsUpstashHasThem) {
  Browser browser;
  const std::string base64 = "Upstash-Encoding: base64\r\n";
  browser.backend.reply = std::string("$3\r\n\xff\0a\r\n", 9);
  EXPECT_EQ(browser.post("/", R"(["GET", "a"])", base64).body, R"({"result":"/wBh"})");
  EXPECT_EQ(browser.post("/", R"(["GET", "a"])").body, "{\"result\":\"\xEF\xBF\xBD\\u0000a\"}");
  browser.backend.reply = "+OK\r\n";
  EXPECT_EQ(browser.post("/", R"(["GET", "a"])", base64).body, R"({"result":"OK"})");
  browser.backend.reply = "$2\r\nOK\r\n";
  EXPECT_EQ(browser.post("/", R"(["GET", "a"])", base64).body, R"({"result":"T0s="})");
}

TEST(HttpApi, ALongPipelineIsAnsweredInPieces) {
  Browser browser;
  browser.backend.reply = "$400000\r\n" + std::string(400'000, 'x') + "\r\n";
  std::string body = "[";
  for (int i = 0; i < 10; ++i) body += std::string(i > 0 ? "," : "") + R"(["GET","a"])";
  const std::string heard = browser.say(
      Browser::written("POST", "/pipeline", body + "]", "Content-Type: application/json\r\n"));
  EXPECT_THAT(heard.substr(0, 200), HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(heard.substr(0, 200), Not(HasSubstr("Content-Length")));
  EXPECT_THAT(heard, ::testing::EndsWith("]\r\n0\r\n\r\n"));
  std::string answers = browser.say(Browser::written("GET", "/healthz", "", ""));
  EXPECT_EQ(fake::take_answer(answers).status, 200);
}

TEST(HttpApi, AValuesConditionIsAPartOfItsChange) {
  Browser browser;
  browser.backend.reply = "*2\r\n+OK\r\n:18\r\n";
  const Heard heard = browser.request("PUT", "/v1/values/motd", "x",
                                      "If-Match: \"17\"\r\nIdempotency-Key: change\r\n");
  EXPECT_EQ(heard.status, 204);
  EXPECT_THAT(heard.head, HasSubstr("\r\nETag: \"18\"\r\n"));
  ASSERT_EQ(browser.backend.seen.size(), 1U);
  const auto& seen = browser.backend.seen[0];
  EXPECT_EQ(seen.request_id, "change");
  ASSERT_NE(seen.watched, nullptr);
  EXPECT_EQ(seen.watched->keys[0].version, 17U);
  EXPECT_THAT(seen.transaction[0].args, ElementsAre("SET", "motd", "x"));
  browser.backend.reply = "*-1\r\n";
  EXPECT_EQ(browser.request("DELETE", "/v1/values/motd", "", "If-Match: \"17\"\r\n").status, 412);
  EXPECT_EQ(browser.request("PUT", "/v1/values/motd", "x", "If-Match: \"x\"\r\n").status, 400);
  EXPECT_EQ(browser.request("PUT", "/v1/values/ev:motd", "x", "If-Match: \"17\"\r\n").status, 400);
  EXPECT_EQ(browser.backend.seen.size(), 2U);
}

TEST(HttpApi, WhoWantsATokenGetsOne) {
  Browser browser;
  EXPECT_THAT(browser.post("/", R"(["GET", "a"])").head, Not(HasSubstr("Token")));
  const Heard heard = browser.post("/", R"(["GET", "a"])", "Upstash-Sync-Token:\r\n");
  EXPECT_THAT(heard.head, HasSubstr("\r\nHoldfast-Token: all\r\nUpstash-Sync-Token: all\r\n"));
  browser.post("/", R"(["GET", "a"])", "upstash-sync-token: all\r\n");
  EXPECT_EQ(browser.backend.seen.back().after_token, "all");
}

TEST(HttpApi, OneWhoWaitsForTheNodeIsAskedAgain) {
  Browser browser;
  browser.backend.unseen = "later";
  const std::string wanted = Browser::written("GET", "/get/a", "", "Holdfast-Token: later\r\n") +
                             Browser::written("GET", "/get/b", "", "");
  EXPECT_EQ(browser.say(wanted), "");
  EXPECT_TRUE(browser.talk->waits_for_node());
  EXPECT_FALSE(browser.talk->wants_input());
  browser.backend.unseen.clear();
  browser.talk->resume();
  std::string heard = browser.hear();
  EXPECT_EQ(fake::take_answer(heard).body, R"({"result":"get a"})");
  EXPECT_EQ(fake::take_answer(heard).body, R"({"result":"get b"})");
}

TEST(HttpApi, CurlIsToldToGoOn) {
  Browser browser;
  const std::string request = Browser::written(
      "POST", "/", R"(["GET", "a"])", "Content-Type: application/json\r\nExpect: 100-continue\r\n");
  const std::size_t head = request.find("\r\n\r\n") + 4;
  EXPECT_EQ(browser.say(request.substr(0, head)), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_THAT(browser.say(request.substr(head)), StartsWith("HTTP/1.1 200 OK\r\n"));
}

}  // namespace
}  // namespace holdfast::server
