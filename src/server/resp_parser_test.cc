// SPDX-License-Identifier: Apache-2.0
#include "server/resp_parser.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/limits.h"
#include "server/input_buffer.h"

namespace holdfast::server {
namespace {

using Request = std::vector<std::string>;

struct Parsed {
  std::vector<Request> requests;
  std::string error;  // why it stopped, empty: it waits for more
  bool operator==(const Parsed&) const = default;
};

/// Reads `bytes` as a connection does, in pieces of the sizes that `cut` gives.
template <typename Cut>
Parsed parse_in_pieces(std::string_view bytes, Cut cut, bool signed_in = true) {
  RespParser parser;
  parser.set_signed_in(signed_in);
  InputBuffer input;
  Parsed parsed;
  while (!bytes.empty()) {
    const auto room = input.room();
    const std::size_t n = std::min({bytes.size(), room.size(), std::max<std::size_t>(cut(), 1)});
    bytes.copy(room.data(), n);
    bytes.remove_prefix(n);
    input.filled(n);
    for (;;) {
      const auto status = parser.parse(input.unread());
      if (status == RespParser::Status::partial) break;
      if (status == RespParser::Status::bad) {
        parsed.error = parser.error();
        return parsed;
      }
      if (status == RespParser::Status::request) {
        parsed.requests.emplace_back(parser.args().begin(), parser.args().end());
      }
      input.consume(parser.size());
      parser.next();
    }
  }
  return parsed;
}

Parsed parse(std::string_view bytes, bool signed_in = true) {
  return parse_in_pieces(
      bytes, [] { return std::size_t{1} << 30; }, signed_in);
}

std::string encoded(const Request& request) {
  std::string bytes = "*" + std::to_string(request.size()) + "\r\n";
  for (const std::string& arg : request) {
    bytes += "$" + std::to_string(arg.size()) + "\r\n" + arg + "\r\n";
  }
  return bytes;
}

TEST(RespParser, ReadsArraysAndInlineCommandsInOneStream) {
  EXPECT_EQ(parse("*2\r\n$3\r\nGET\r\n$1\r\nk\r\nPING\r\n*1\r\n$4\r\nPING\r\n").requests,
            (std::vector<Request>{{"GET", "k"}, {"PING"}, {"PING"}}));
}

TEST(RespParser, ArgumentsAreBinarySafe) {
  const Request request{std::string("a\r\nb\0c", 6), "", "$3\r\n"};
  EXPECT_EQ(parse(encoded(request)).requests, (std::vector<Request>{request}));
}

TEST(RespParser, ArgumentsAreViewsIntoTheInput) {
  const std::string bytes = "*1\r\n$4\r\nPING\r\n";
  RespParser parser;
  ASSERT_EQ(parser.parse(bytes), RespParser::Status::request);
  EXPECT_EQ(parser.args()[0].data(), bytes.data() + 8);
  EXPECT_EQ(parser.size(), bytes.size());
}

TEST(RespParser, EmptyLinesAndEmptyArraysAskForNothing) {
  EXPECT_EQ(parse("\r\n\n*0\r\n*-1\r\n*-10\r\n   \r\nPING\r\n").requests,
            (std::vector<Request>{{"PING"}}));
}

TEST(RespParser, InlineArgumentsMayBeQuoted) {
  const std::string line = R"(SET "a b" 'c\'d' "\x41\n\"\\" e"f" "")";
  EXPECT_EQ(parse(line + "\n").requests,
            (std::vector<Request>{{"SET", "a b", "c'd", "A\n\"\\", "ef", ""}}));
}

TEST(RespParser, UnbalancedQuotesEndTheConnection) {
  for (const char* line :
       {"ECHO \"abc\r\n", "ECHO 'abc\r\n", "ECHO \"a\"b\r\n", "ECHO 'a'b\r\n", "ECHO \"a\\\r\n"}) {
    EXPECT_EQ(parse(line).error, "unbalanced quotes in request") << line;
  }
}

TEST(RespParser, LengthsAreReadStrictly) {
  for (const char* count : {"+1", "01", " 1", "1 ", "abc", "", "0x1", "1.0", "-", "-0", "1e1",
                            "1048577", "9223372036854775808", "99999999999999999999999"}) {
    EXPECT_EQ(parse(std::string("*") + count + "\r\n").error, "invalid multibulk length") << count;
  }
  for (const char* length : {"-1", "+4", "04", " 4", "", "abc", "0x4", "536870913", "4294967296",
                             "9223372036854775808", "?"}) {
    EXPECT_EQ(parse(std::string("*1\r\n$") + length + "\r\nPING\r\n").error, "invalid bulk length")
        << length;
  }
}

TEST(RespParser, WhatIsNoBulkStringIsNamed) {
  EXPECT_EQ(parse("*1\r\n:1\r\n").error, "expected '$', got ':'");
  EXPECT_EQ(parse("*1\r\n$4\r\nPINGxx").error, "expected CRLF after an argument");
}

TEST(RespParser, LimitsAreReached) {
  const std::string longest(limits::inline_command_bytes_max - 6, 'a');
  EXPECT_EQ(parse("ECHO " + longest + "\r\n").requests.size(), 1U);
  EXPECT_EQ(parse("ECHO " + longest + "aa\r\n").error, "too big inline request");
  EXPECT_EQ(parse(std::string(limits::inline_command_bytes_max + 1, 'a')).error,
            "too big inline request");
  EXPECT_EQ(parse("*1048576\r\n").error, "");
  EXPECT_EQ(parse("*1\r\n$536870912\r\n").error, "");
  // A request of more than 1 GiB is refused at the length that makes it so.
  const std::string half = "$536870912\r\n";
  RespParser parser;
  std::string bytes = "*3\r\n" + half;
  bytes.resize(bytes.size() + limits::bulk_bytes_max, 'x');
  bytes += "\r\n" + half;
  EXPECT_EQ(parser.parse(bytes), RespParser::Status::bad);
  EXPECT_EQ(parser.error(), "too big request");
}

TEST(RespParser, BeforeSigningInRequestsAreSmall) {
  EXPECT_EQ(parse("*10\r\n", false).error, "");
  EXPECT_EQ(parse("*11\r\n", false).error, "unauthenticated multibulk length");
  EXPECT_EQ(parse("*1\r\n$16384\r\n", false).error, "");
  EXPECT_EQ(parse("*1\r\n$16385\r\n", false).error, "unauthenticated bulk length");
  EXPECT_EQ(parse("a b c d e f g h i j k\r\n", false).error, "unauthenticated multibulk length");
  EXPECT_EQ(parse(std::string(16385, 'a') + "\r\n", false).error, "unauthenticated bulk length");
}

TEST(RespParser, AnnouncedSizesAllocateNothing) {
  RespParser parser;
  InputBuffer input;
  for (const std::string_view bytes :
       {std::string_view("*1048576\r\n"), std::string_view("$536870912\r\nabc")}) {
    bytes.copy(input.room().data(), bytes.size());
    input.filled(bytes.size());
    EXPECT_EQ(parser.parse(input.unread()), RespParser::Status::partial);
  }
  EXPECT_LE(parser.memory() + input.capacity(), limits::read_buffer_bytes + 1'024);
}

TEST(InputBuffer, GrowsByWhatCameAndShrinksAgain) {
  InputBuffer input;
  std::size_t fed = 0;
  while (fed < 1'000'000) {
    const auto room = input.room();
    const std::size_t n = std::min<std::size_t>(room.size(), 1'000);
    input.filled(n);
    fed += n;
    ASSERT_LE(input.capacity(), 2 * fed + limits::read_buffer_bytes);
  }
  input.consume(input.unread().size());
  input.room();
  EXPECT_EQ(input.capacity(), limits::read_buffer_bytes);
}

// Fills it with one request of so many bytes, and takes that out.
void pass(InputBuffer& input, std::size_t bytes) {
  while (bytes > 0) {
    const std::size_t n = std::min(input.room().size(), bytes);
    input.filled(n);
    bytes -= n;
  }
  input.consume(input.unread().size());
  input.room();
}

TEST(InputBuffer, StaysLargeWhileLargeRequestsCome) {
  InputBuffer input;
  pass(input, 100'000);
  const std::size_t large = input.capacity();
  EXPECT_GE(large, 100'000u);
  for (int i = 0; i < 100; ++i) {
    pass(input, i % 10 == 0 ? 100'000 : 10);
    ASSERT_EQ(input.capacity(), large);
  }
  EXPECT_TRUE(input.has_spare_room());
  for (int i = 0; i < 100; ++i) pass(input, 10);
  EXPECT_EQ(input.capacity(), limits::read_buffer_bytes);
  EXPECT_FALSE(input.has_spare_room());
}

TEST(InputBuffer, GivesBackWhenItIsToldAndHasNothingToKeep) {
  InputBuffer input;
  pass(input, 100'000);
  input.filled(5);
  input.give_back();
  const std::string_view unread = input.unread();
  input.room();
  EXPECT_EQ(input.unread().size(), unread.size());
  EXPECT_FALSE(input.has_spare_room());
  input.consume(5);
  EXPECT_TRUE(input.has_spare_room());
  input.room();
  EXPECT_EQ(input.capacity(), limits::read_buffer_bytes);
}

// What may come over the wire: requests, and a few bytes changed here and there.
std::string any_stream() {
  std::string bytes;
  const auto requests = *rc::gen::container<std::vector<Request>>(
      rc::gen::container<Request>(rc::gen::arbitrary<std::string>()));
  for (const Request& request : requests) {
    if (*rc::gen::inRange(0, 4) > 0) {
      bytes += encoded(request);
    } else {
      for (const std::string& arg : request) bytes += arg + " ";
      bytes += *rc::gen::element<std::string>("\r\n", "\n", "\"\r\n");
    }
  }
  if (!bytes.empty() && *rc::gen::inRange(0, 3) == 0) {
    bytes[*rc::gen::inRange<std::size_t>(0, bytes.size())] = *rc::gen::arbitrary<char>();
  }
  return bytes;
}

RC_GTEST_PROP(RespParser, AnyCutOfTheStreamGivesTheSameRequests, ()) {
  const std::string bytes = any_stream();
  const Parsed whole = parse(bytes);
  RC_ASSERT(parse_in_pieces(bytes, [] { return std::size_t{1}; }) == whole);
  RC_ASSERT(parse_in_pieces(bytes, [] { return *rc::gen::inRange<std::size_t>(1, 40); }) == whole);
}

RC_GTEST_PROP(RespParser, RequestsComeBackAsTheyWereSent, ()) {
  const auto requests = *rc::gen::container<std::vector<Request>>(
      rc::gen::nonEmpty(rc::gen::container<Request>(rc::gen::arbitrary<std::string>())));
  std::string bytes;
  for (const Request& request : requests) bytes += encoded(request);
  RC_ASSERT(parse(bytes).requests == requests);
}

TEST(RespParser, TlsIsKnownByItsFirstByte) {
  RespParser parser;
  EXPECT_EQ(parser.parse("\x16"), RespParser::Status::bad);
  EXPECT_NE(parser.error().find("TLS"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::server
