// SPDX-License-Identifier: Apache-2.0
// The inputs of ../shared/data/bad-input: what Redis 7.0.15 answered to
// malformed RESP, and strings that break programs.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "server/bad_input.h"
#include "server/talk.h"

namespace holdfast::server {
namespace {

using fake::Talk;
using Json = nlohmann::json;

// The answers without an error, with one, and whether the connection closes.
struct Outcome {
  bool closed = false;
  std::size_t errors = 0;
  std::size_t replies = 0;
  bool operator==(const Outcome&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Outcome& o) {
  return out << (o.closed ? "closed" : "open") << ", " << o.errors << " errors, " << o.replies
             << " replies";
}

/// Where the value that begins at `at` ends; npos: nowhere.
std::size_t end_of_value(std::string_view in, std::size_t at) {
  for (std::size_t left = 1; left > 0; --left) {
    const std::size_t end = in.find("\r\n", at);
    if (end == std::string_view::npos) return end;
    const char kind = in[at];
    const long n = std::strtol(std::string(in.substr(at + 1, end - at - 1)).c_str(), nullptr, 10);
    at = end + 2;
    if ((kind == '$' || kind == '=') && n >= 0) at += static_cast<std::size_t>(n) + 2;
    if ((kind == '*' || kind == '~') && n > 0) left += static_cast<std::size_t>(n);
    if (kind == '%') left += 2 * static_cast<std::size_t>(n);
  }
  return at;
}

void count_replies(std::string_view heard, Outcome& outcome) {
  for (std::size_t at = 0; at < heard.size();) {
    ++(heard[at] == '-' ? outcome.errors : outcome.replies);
    at = end_of_value(heard, at);
    ASSERT_NE(at, std::string_view::npos) << heard.substr(0, 200);
  }
}

Outcome run(std::string_view bytes, bool must_sign_in, std::size_t piece) {
  Talk talk;
  talk.backend.wants_sign_in = must_sign_in;
  talk.backend.reply = "+OK\r\n";
  Session& session = talk.world.connect();
  fake::feed(session, bytes, piece);
  Outcome outcome;
  outcome.closed = session.finished() || session.cut_off();
  if (!session.cut_off()) count_replies(fake::hear(session), outcome);
  return outcome;
}

// Where we are stricter than Redis, and why; resp_parser.h says the same.
const std::map<std::string, const char*>& stricter() {
  static const std::map<std::string, const char*> cases{
      {"inline over 64 KiB with newline", "the limit holds also for a line that came whole"},
      {"inline zero byte", "a zero byte is a byte like others, so the line has an end"},
      {"count zero byte", "a zero byte is no digit"},
      {"count 1048577", "an array beyond the limit is refused at its head"},
      {"count 2^31-1", "an array beyond the limit is refused at its head"},
      {"bulk too short for text", "CRLF must end an argument"},
      {"bulk too long for text", "CRLF must end an argument"},
      {"bulk length zero", "CRLF must end an argument"},
      {"bulk without final CRLF", "CRLF must end an argument"},
      {"flip byte 3", "CRLF must end a line"},
      {"flip byte 12", "CRLF must end an argument"},
      {"flip byte 21", "CRLF must end an argument"},
      {"4 KiB of *", "what is no digit is refused as soon as it comes"},
      {"TLS ClientHello", "no command begins so, and its line might never end"},
      {"random 4 KiB", "a zero byte is a byte like others, so lines in the noise have an end"},
  };
  return cases;
}

TEST(BadInput, MalformedRespIsAnsweredAsRedisDoesOrMoreStrictly) {
  std::ifstream file(bad_input::path("resp.jsonl"));
  if (!file) GTEST_SKIP() << "no " << bad_input::path("resp.jsonl");
  std::size_t equal = 0;
  std::size_t strict = 0;
  std::string line;
  while (std::getline(file, line)) {
    const Json record = Json::parse(line);
    const std::string name = record["name"];
    const auto bytes = bad_input::bytes_of(record);
    ASSERT_TRUE(bytes) << name << ": the generator of this case is not known";
    const bool must_sign_in = record["unauth"];
    const Outcome redis{record["closed"], record["errors"], record["replies"]};
    for (const std::size_t piece : {std::size_t{1} << 20, std::size_t{7}, std::size_t{1}}) {
      const Outcome ours = run(*bytes, must_sign_in, piece);
      if (const auto known = stricter().find(name); known != stricter().end()) {
        const bool is_stricter = ours.closed || ours.errors > redis.errors;
        EXPECT_TRUE(is_stricter) << name << ": ours " << ours << ", Redis' " << redis;
        strict += piece == 1 ? 1 : 0;
      } else {
        // HTTP: Redis' answer to GET is lost when it closes.
        EXPECT_EQ(ours, redis) << name << " in pieces of " << piece;
        equal += piece == 1 ? 1 : 0;
      }
    }
  }
  std::printf("resp.jsonl: %zu as Redis, %zu stricter\n", equal, strict);
  EXPECT_GT(equal, 100U);
  EXPECT_EQ(strict, stricter().size());
}

std::vector<std::string> naughty_strings() {
  std::ifstream file(bad_input::path("naughty-strings.json"));
  if (!file) return {};
  return Json::parse(file).get<std::vector<std::string>>();
}

TEST(BadInput, NaughtyStringsRoundTripAsKeysFieldsAndValues) {
  const auto strings = naughty_strings();
  if (strings.empty()) GTEST_SKIP() << "no " << bad_input::path("naughty-strings.json");
  Talk talk;
  for (const char* version : {"2", "3"}) {
    talk.ask({"HELLO", version});
    for (const std::string& text : strings) {
      ASSERT_NE(keyspace_of(text), "no");  // which the fake backend refuses
      talk.backend.seen.clear();
      const std::string reply = talk.ask({"HSET", text, text, text});
      ASSERT_EQ(talk.backend.seen.size(), 1U);
      ASSERT_EQ(talk.backend.seen[0].args, (std::vector<std::string>{"HSET", text, text, text}));
      const std::string echoed = fmt::format("HSET {0} {0} {0}", text);
      ASSERT_EQ(reply, fmt::format("${}\r\n{}\r\n", echoed.size(), echoed));
      ASSERT_EQ(talk.ask({"ECHO", text}),
                "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n");
    }
  }
  std::printf("naughty-strings.json: %zu strings\n", strings.size());
}

TEST(BadInput, NaughtyStringsAsNamesAndIdsGetOneAnswerEach) {
  const auto strings = naughty_strings();
  if (strings.empty()) GTEST_SKIP() << "no " << bad_input::path("naughty-strings.json");
  Talk talk;
  talk.backend.reply = "+OK\r\n";
  for (const std::string& text : strings) {
    for (const std::vector<std::string>& request :
         std::vector<std::vector<std::string>>{{text, "a"},
                                               {"CLIENT", text},
                                               {"CLIENT", "SETNAME", text},
                                               {"ONCE", text, "INCR", "k"},
                                               {"AFTER", text, "GET", "k"},
                                               {"FRESH", text, "GET", "k"},
                                               {"HELLO", text},
                                               {"SELECT", text},
                                               {"COMMAND", "INFO", text},
                                               {"COMMAND", "GETKEYS", text, text}}) {
      const std::string reply = talk.ask(request);
      ASSERT_EQ(end_of_value(reply, 0), reply.size()) << request[0] << " " << text;
      ASSERT_TRUE(talk.session.wants_input());
    }
  }
}

}  // namespace
}  // namespace holdfast::server
