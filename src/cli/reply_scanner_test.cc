// SPDX-License-Identifier: Apache-2.0
#include "cli/reply_scanner.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace holdfast::cli {
namespace {

ScannedReply whole(std::string_view bytes) {
  const auto reply = scan_reply(bytes);
  EXPECT_TRUE(reply && *reply) << bytes;
  if (!reply || !*reply) return {};
  EXPECT_EQ((*reply)->bytes, bytes.size()) << bytes;
  return **reply;
}

TEST(ReplyScanner, FindsTheEndOfEveryKind) {
  for (const std::string_view bytes :
       {"+OK\r\n", ":42\r\n", "$5\r\na\r\nbc\r\n", "$-1\r\n", "*-1\r\n", "*0\r\n", "_\r\n",
        "#t\r\n", ",1.5\r\n", "(123456789012345678901\r\n", "=7\r\ntxt:abc\r\n",
        "%1\r\n+a\r\n:1\r\n", "~2\r\n:1\r\n:2\r\n", "*2\r\n*1\r\n:1\r\n$0\r\n\r\n"}) {
    const ScannedReply reply = whole(bytes);
    EXPECT_TRUE(reply.error.empty());
    EXPECT_FALSE(reply.replayed);
    EXPECT_FALSE(reply.pushed);
  }
}

TEST(ReplyScanner, WaitsForTheRest) {
  const std::string_view bytes =
      "|1\r\n+idempotency-replayed\r\n+reply\r\n*3\r\n$2\r\nab\r\n%1\r\n+x\r\n:1\r\n-ERR no\r\n";
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const auto reply = scan_reply(bytes.substr(0, length));
    ASSERT_TRUE(reply) << length;
    EXPECT_FALSE(*reply) << length;
  }
  std::string two(bytes);
  two.append("+next\r\n");
  EXPECT_EQ((*scan_reply(two))->bytes, bytes.size());
}

// Found by fuzzing: twice the count of a map's pairs was more than its type holds.
TEST(ReplyScanner, WaitsForAMapWhateverItsSize) {
  for (const char* const bytes : {"%5555555555555555551\r\n", "%9223372036854775807\r\n:1\r\n"}) {
    const auto reply = scan_reply(bytes);
    ASSERT_TRUE(reply) << bytes;
    EXPECT_FALSE(*reply) << bytes;
  }
}

TEST(ReplyScanner, SeesThatAReplyIsAReplay) {
  EXPECT_TRUE(whole("|1\r\n+idempotency-replayed\r\n+reply\r\n:5\r\n").replayed);
  EXPECT_TRUE(whole("|1\r\n$20\r\nidempotency-replayed\r\n$6\r\neffect\r\n*1\r\n:5\r\n").replayed);
  EXPECT_TRUE(whole("|2\r\n+ttl\r\n:5\r\n+idempotency-replayed\r\n+reply\r\n+OK\r\n").replayed);
  EXPECT_FALSE(whole("|1\r\n+ttl\r\n+idempotency-replayed\r\n:5\r\n").replayed);
  EXPECT_FALSE(whole("+idempotency-replayed\r\n").replayed);
}

TEST(ReplyScanner, SeesErrorsAlsoInside) {
  EXPECT_EQ(whole("-BUSY full\r\n").error, "BUSY full");
  EXPECT_EQ(whole("!8\r\nERR\r\nbad\r\n").error, "ERR\r\nbad");
  EXPECT_EQ(whole("*3\r\n:1\r\n-WRONGTYPE no\r\n-ERR late\r\n").error, "WRONGTYPE no");
  EXPECT_EQ(code_of("WRONGTYPE no"), "WRONGTYPE");
  EXPECT_EQ(code_of("OOM"), "OOM");
}

TEST(ReplyScanner, SeesThatAMessageAnswersNothing) {
  EXPECT_TRUE(whole(">2\r\n+invalidate\r\n*1\r\n$1\r\na\r\n").pushed);
}

TEST(ReplyScanner, RefusesWhatIsNoReply) {
  EXPECT_FALSE(scan_reply("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_FALSE(scan_reply("$x\r\n"));
  EXPECT_FALSE(scan_reply("$-2\r\n"));
  EXPECT_FALSE(scan_reply("*1 \r\n"));
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += "*1\r\n";
  EXPECT_FALSE(scan_reply(deep));
}

RC_GTEST_PROP(ReplyScanner, AnyBytesAreAnswered, ()) {
  const auto bytes = *rc::gen::container<std::string>(
      rc::gen::elementOf(std::string("+-:$*%|>~_#,!=(0123456789\r\nab")));
  const auto reply = scan_reply(bytes);
  if (reply && *reply) RC_ASSERT((*reply)->bytes <= bytes.size());
}

}  // namespace
}  // namespace holdfast::cli
