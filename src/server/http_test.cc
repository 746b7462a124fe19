// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <fstream>

#include "base/limits.h"
#include "server/bad_input.h"
#include "server/browser.h"
#include "server/http_server.h"
#include "server/loopback.h"

namespace holdfast::server {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

using fake::Browser;

TEST(Http, ServesAPageAndKeepsTheConnection) {
  Browser browser;
  const std::string answer = browser.say("GET /healthz?x=1 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Type: text/plain\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Length: 3\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nok\n"));
  EXPECT_FALSE(browser.talk->finished());
  EXPECT_THAT(browser.say("GET http://localhost/healthz HTTP/1.1\r\nHost: a\r\n\r\n"),
              EndsWith("ok\n"));
}

TEST(Http, HeadHasTheLengthAndNoBody) {
  Browser browser;
  const std::string answer = browser.say("HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Length: 3\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST(Http, WhatIsNotThereIsAProblem) {
  Browser browser;
  const std::string missing = browser.say("GET /nosuch\xff HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(missing, StartsWith("HTTP/1.1 400 "));  // a byte that is no ASCII
  Browser other;
  const std::string answer = other.say("GET /nosuch%22 HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 404 Not Found\r\n"));
  EXPECT_THAT(answer, HasSubstr("application/problem+json"));
  const auto body = nlohmann::json::parse(answer.substr(answer.find("\r\n\r\n") + 4));
  EXPECT_EQ(body["status"], 404);
  EXPECT_EQ(body["detail"], "there is nothing at /nosuch%22");
  const std::string post =
      other.say("POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_THAT(post, StartsWith("HTTP/1.1 405 Method Not Allowed\r\n"));
  EXPECT_THAT(post, HasSubstr("\r\nAllow: GET, HEAD\r\n"));
  EXPECT_FALSE(other.talk->finished());
}

TEST(Http, ConnectionsEndWhereTheRequestSaysSo) {
  for (const char* request : {"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                              "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n",
                              "GET /healthz HTTP/1.0\r\n\r\n"}) {
    Browser browser;
    EXPECT_THAT(browser.say(request), HasSubstr(" 200 OK\r\n")) << request;
    EXPECT_TRUE(browser.talk->finished()) << request;
  }
  Browser browser;
  browser.say("GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_FALSE(browser.talk->finished());
}

TEST(Http, PipelinedRequestsAreAnsweredInTurn) {
  Browser browser;
  const std::string one = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
  browser.say(one + "\r\n" + "GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n" + one);
  EXPECT_EQ(browser.asked, (std::vector<std::string>{"/healthz", "/readyz", "/healthz"}));
}

TEST(Http, WhatMayBeReadTwoWaysIsRefused) {
  const std::string coding = "Transfer-Encoding: chunked\r\n";
  const std::string two_codings = "POST / HTTP/1.1\r\nHost: a\r\n" + coding + coding + "\r\n";
  const std::string late_length =
      "POST / HTTP/1.1\r\nHost: a\r\n" + coding + "\r\n0\r\nContent-Length: 3\r\n\r\n";
  for (const char* request :
       {"GET / HTTP/1.1\r\n\r\n",                        // no Host
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",  // two
        "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1,1\r\n\r\na",
        two_codings.c_str(),
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\x0b chunked\r\n\r\n",
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET /\r\n",
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / a HTTP/1.1\r\nHost: a\r\n\r\n",
        "get / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET a HTTP/1.1\r\nHost: a\r\n\r\n",
        "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
        late_length.c_str()}) {
    Browser browser;
    EXPECT_THAT(browser.say(request), StartsWith("HTTP/1.1 400 Bad Request\r\n")) << request;
    EXPECT_TRUE(browser.talk->finished()) << request;
    EXPECT_TRUE(browser.asked.empty()) << request;
  }
}

TEST(Http, LimitsAreReached) {
  const std::string start = "GET / HTTP/1.1\r\nHost: a\r\n";
  Browser long_line;
  EXPECT_THAT(long_line.say(start + "X: " + std::string(limits::http_header_bytes_max, 'a')),
              StartsWith("HTTP/1.1 431 "));
  Browser many_lines;
  std::string lines = start;
  for (std::size_t i = 0; i < limits::http_headers_max; ++i) lines += "X: a\r\n";
  EXPECT_THAT(many_lines.say(lines), StartsWith("HTTP/1.1 431 "));
  const std::string post = "POST / HTTP/1.1\r\nHost: a\r\n";
  Browser large;
  const std::string most = std::to_string(limits::http_body_bytes_max);
  const std::string more = std::to_string(limits::http_body_bytes_max + 1);
  EXPECT_THAT(large.say(post + "Content-Length: " + more + "\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
  Browser allowed;
  EXPECT_THAT(allowed.say(post + "Content-Length: " + most + "\r\n\r\n" +
                          std::string(limits::http_body_bytes_max, 'a')),
              StartsWith("HTTP/1.1 403 "));  // the Host is another's
  Browser chunks;
  std::string body = post + "Transfer-Encoding: chunked\r\n\r\n";
  for (std::size_t i = 0; i < limits::http_body_bytes_max / 6 + 1; ++i) body += "1\r\na\r\n";
  EXPECT_THAT(chunks.say(body), StartsWith("HTTP/1.1 413 "));
  Browser version;
  EXPECT_THAT(version.say("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), StartsWith("HTTP/1.1 505 "));
}

TEST(Http, HeadersAreDueWithinTenSeconds) {
  Browser browser;
  browser.say("GET / HTTP/1.1\r\nHost: a\r\n");
  int seconds = 0;
  while (browser.tick()) {
    browser.say("X: " + std::to_string(++seconds) + "\r\n");
    ASSERT_LT(seconds, 11);
  }
  EXPECT_LE(seconds, 10);
  Browser silent;
  for (seconds = 0; silent.tick(); ++seconds) ASSERT_LT(seconds, 11);
}

TEST(Http, AKeptConnectionMayBeIdleForAMinute) {
  Browser browser;
  browser.say("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
  int seconds = 0;
  while (browser.tick()) ASSERT_LT(++seconds, 62);
  EXPECT_GE(seconds, 60);
}

TEST(Http, ABodyIsDueWithinAMinuteAndAnAnswerTakenInHalfOfOne) {
  Browser slow;
  slow.say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
  int seconds = 0;
  while (slow.tick()) {
    slow.say("x");
    ASSERT_LT(++seconds, 62);
  }
  EXPECT_GE(seconds, 59);
  Browser deaf;
  const std::string request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  request.copy(deaf.talk->room().data(), request.size());
  deaf.talk->received(request.size());
  for (seconds = 0; deaf.tick(); ++seconds) ASSERT_LT(seconds, 32);
  EXPECT_GE(seconds, 29);
}

struct Verdict {
  bool rejected = false;
  std::size_t answered = 0;  // requests that reached a page or got a 405
  bool operator==(const Verdict&) const = default;
};

Verdict judge(std::string_view bytes, std::size_t piece) {
  Browser browser;
  std::string heard = browser.say(bytes, piece);
  // Cases of the file leave out the empty line at the end of a head.
  heard += browser.say("\r\n\r\n", piece);
  heard += browser.end();
  Verdict verdict;
  for (std::size_t at = 0; (at = heard.find("HTTP/1.", at)) != std::string::npos; at += 7) {
    if (heard[at + 8] != ' ' || heard[at + 9] < '1' || heard[at + 9] > '9') continue;  // in a text
    const std::string status = heard.substr(at + 9, 3);
    const bool is_rejection =
        status == "400" || status == "413" || status == "431" || status == "501" || status == "505";
    if (is_rejection) {
      verdict.rejected = true;
    } else {
      ++verdict.answered;
    }
  }
  EXPECT_TRUE(browser.talk->finished() || !verdict.rejected);
  return verdict;
}

TEST(Http, WhatLlhttpRejectsIsRejected) {
  std::ifstream file(bad_input::path("http-llhttp.jsonl"));
  if (!file) GTEST_SKIP() << "no " << bad_input::path("http-llhttp.jsonl");
  std::size_t rejected = 0;
  std::size_t accepted = 0;
  std::size_t stricter = 0;
  std::string line;
  while (std::getline(file, line)) {
    const auto record = nlohmann::json::parse(line);
    const std::string name = record["name"];
    for (const char* raw : {"raw", "raw_with_host"}) {
      const std::string bytes = bad_input::from_base64(record[raw].get<std::string>());
      const Verdict verdict = judge(bytes, 1 << 20);
      if (record["reject"]) {
        EXPECT_TRUE(verdict.rejected) << name << ": " << bytes;
        // Nothing of it may be taken for a second request.
        EXPECT_LE(verdict.answered, record["messages"].get<std::size_t>()) << name << ": " << bytes;
      }
      if (raw == std::string_view("raw")) continue;
      ++(record["reject"] ? rejected : verdict.rejected ? stricter : accepted);
      const bool is_plain = record["type"] == "request";
      if (is_plain && !record["reject"] && verdict.rejected) {
        std::printf("  stricter than llhttp: %s\n", name.c_str());
      }
    }
  }
  std::printf("http-llhttp.jsonl: %zu rejected as by llhttp, %zu accepted, %zu refused beyond it\n",
              rejected, accepted, stricter);
  EXPECT_GT(rejected, 50U);
  EXPECT_GT(accepted, 50U);
}

RC_GTEST_PROP(Http, AnyCutOfTheStreamGivesTheSameAnswers, ()) {
  std::string bytes;
  const int count = *rc::gen::inRange(1, 5);
  for (int i = 0; i < count; ++i) {
    bytes += *rc::gen::element<std::string>(
        "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", "\r\nHEAD /x HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nX: "
        "y\r\n\r\n");
  }
  if (*rc::gen::arbitrary<bool>()) {
    bytes[*rc::gen::inRange<std::size_t>(0, bytes.size())] = *rc::gen::arbitrary<char>();
  }
  Browser whole;
  Browser pieces;
  const std::string expected = whole.say(bytes);
  RC_ASSERT(pieces.say(bytes, *rc::gen::inRange<std::size_t>(1, 30)) == expected);
}

class Port {
 public:
  explicit Port(HttpPages pages, const Front::Options& options = {})
      : held(make_http_server(io, fake::commands(), options, {.pages = std::move(pages)})) {
    server.set_backend(backend);
    EXPECT_TRUE(server.listen("127.0.0.1:0"));
  }
  void turn() {
    io.run_one_for(std::chrono::milliseconds(1));
    io.poll();
    backend.end_of_turn();
    server.flush();
  }

  boost::asio::io_context io{1};
  fake::Backend backend;
  std::unique_ptr<SocketServer> held;
  SocketServer& server = *held;
};

HttpAnswer nothing_here(const PageRequest& page) {
  return not_found(page.path);
}

TEST(HttpServer, AnswersOverASocketAndCounts) {
  Port port([](const PageRequest&) {
    return HttpAnswer{200, "text/plain", std::string(1 << 20, 'm'), {}};
  });
  loopback::Client client(port.server.port());
  client.send("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n");
  client.send("broken\r\n");
  loopback::run_until([&] { port.turn(); },
                      [&] {
                        client.listen();
                        return client.closed();
                      });
  EXPECT_THAT(client.heard(), StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(client.heard(), HasSubstr("mmmHTTP/1.1 404 Not Found\r\n"));
  EXPECT_THAT(client.heard(), HasSubstr("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_EQ(port.server.counters().accepted, 1U);
  loopback::run_until([&] { port.turn(); },
                      [&] { return port.server.counters().connections == 0; });
}

TEST(HttpServer, ListensBeyondLoopbackOnlyWhereTold) {
  Port port(nothing_here);
  EXPECT_FALSE(port.server.listen("0.0.0.0:0"));
}

TEST(HttpServer, ConnectionsAreBounded) {
  constexpr std::size_t most = 100;
  Front::Options options;
  options.connections_max = most;
  Port port(nothing_here, options);
  std::vector<std::unique_ptr<loopback::Client>> clients;
  for (std::size_t i = 0; i <= most; ++i) {
    clients.push_back(std::make_unique<loopback::Client>(port.server.port()));
    port.turn();
  }
  loopback::run_until([&] { port.turn(); },
                      [&] {
                        clients.back()->listen();
                        return clients.back()->closed();
                      });
  EXPECT_EQ(port.server.counters().connections, most);
  EXPECT_EQ(port.server.counters().refused_connections, 1U);
}

/// How long so many requests for a path take.
std::chrono::milliseconds time_of(int count, std::string_view path, std::string_view status) {
  Port port(nothing_here);
  loopback::Client client(port.server.port());
  const std::string request = "GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
  const std::string wanted = "HTTP/1.1 " + std::string(status);
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes += request;
  const auto began = std::chrono::steady_clock::now();
  std::size_t sent = 0;
  int answers = 0;
  std::size_t at = 0;  // counted up to here
  loopback::run_until(
      [&] { port.turn(); },
      [&] {
        sent += client.send(std::string_view(bytes).substr(sent));
        client.listen();
        for (; (at = client.heard().find(wanted, at)) != std::string::npos; at += wanted.size())
          ++answers;
        at = client.heard().size() - std::min(client.heard().size(), wanted.size() - 1);
        return answers == count;
      });
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                               began);
}

// More than two seconds' worth and what one read holds beyond them, so that a whole second lies
// within.
TEST(HttpServer, PagesASecondAreBoundedAndCommandsAreNot) {
  constexpr int count = limits::http_pages_per_second_max * 3;
  EXPECT_GE(time_of(count, "/metrics", "404"), std::chrono::milliseconds(900));
  EXPECT_LT(time_of(count, "/get/likes:42", "200"), std::chrono::milliseconds(900));
}

}  // namespace
}  // namespace holdfast::server
