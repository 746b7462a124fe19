// SPDX-License-Identifier: Apache-2.0
// Protects: EVAL's scripts see KEYS and ARGV, share nothing, and do nothing where they fail;
// EVALSHA's names are Redis'.
#include "function/scripts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.h"
#include "command/test_world.h"
#include "function/sha1.h"

namespace holdfast::function {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class ScriptsTest : public testing::Test {
 protected:
  std::string eval(std::vector<std::string_view> args, bool read_only = false) {
    args.insert(args.begin(), "EVAL");
    std::string out;
    Reply reply(out);
    function::eval(scripts_,
                   {.commands = command::all_commands(),
                    .table = table_,
                    .now = instant_from_ms(1'000),
                    .read_only = read_only,
                    .holds = [](std::string_view key) { return !key.starts_with("other:"); },
                    .write = nullptr},
                   args, reply);
    return out;
  }
  std::unique_ptr<Store> store_ = make_memory_store();
  Table table_{KeyspaceId{1}, *store_};
  Scripts scripts_;
};

TEST_F(ScriptsTest, SeeTheirKeysAndArguments) {
  EXPECT_EQ(eval({"return {KEYS[1], ARGV[1], #KEYS, #ARGV}", "1", "k", "a", "b"}),
            "*4\r\n$1\r\nk\r\n$1\r\na\r\n:1\r\n:2\r\n");
  EXPECT_EQ(eval({"return redis.call('SET', KEYS[1], ARGV[1])", "1", "k", "v"}), "+OK\r\n");
  EXPECT_EQ(eval({"return redis.call('GET', 'k')", "0"}), "$1\r\nv\r\n");
}

// As RESP2 has them. Pairs were tables of their own, for HRANDFIELD.
TEST_F(ScriptsTest, SeePairsInOneFlatTable) {
  eval({"redis.call('HSET', 'h', 'f', 'v') redis.call('ZADD', 'z', 1, 'a', 2.5, 'b')", "0"});
  EXPECT_EQ(eval({"return redis.call('HRANDFIELD', 'h', 1, 'WITHVALUES')", "0"}),
            "*2\r\n$1\r\nf\r\n$1\r\nv\r\n");
  EXPECT_EQ(eval({"return redis.call('ZRANGE', 'z', 0, -1, 'WITHSCORES')", "0"}),
            "*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$3\r\n2.5\r\n");
  EXPECT_EQ(eval({"return redis.call('ZRANGE', 'z', 0, -1)", "0"}), "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
  EXPECT_EQ(eval({"return redis.call('ZPOPMIN', 'z')", "0"}), "*2\r\n$1\r\na\r\n$1\r\n1\r\n");
  EXPECT_EQ(eval({"return redis.call('ZRANDMEMBER', 'none')", "0"}), "$-1\r\n");
}

TEST_F(ScriptsTest, ShareNothing) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(eval({"x = (x or 0) + 1 return x", "0"}), ":1\r\n");
}

TEST_F(ScriptsTest, DoNothingWhereTheyFail) {
  EXPECT_THAT(eval({"redis.call('SET', 'k', '1') error('no')", "0"}), StartsWith("-ERR"));
  EXPECT_THAT(eval({"redis.call('SET', 'k', '1') return redis.error_reply('MINE no')", "0"}),
              StartsWith("-MINE no"));
  EXPECT_THAT(eval({"redis.call('SET', 'k', '1') while true do end", "0"}),
              HasSubstr("ran more than"));
  EXPECT_THAT(eval({"redis.call('SET', 'k', '1') redis.call('SET', 'other:k', '1')", "0"}),
              StartsWith("-CROSSKEYSPACE"));
  EXPECT_THAT(eval({"return", "x"}), StartsWith("-ERR value is not an integer"));
  EXPECT_THAT(eval({"return", "2", "k"}), StartsWith("-ERR Number of keys can't be greater"));
  EXPECT_THAT(eval({"this is no Lua", "0"}), HasSubstr("Error compiling"));
  EXPECT_EQ(table_.size(), 0U);
}

TEST_F(ScriptsTest, ReadOnlyOnesWriteNothing) {
  EXPECT_THAT(eval({"return redis.call('SET', 'k', '1')", "0"}, true),
              HasSubstr("read-only scripts"));
  EXPECT_EQ(eval({"return redis.call('GET', 'k')", "0"}, true), "$-1\r\n");
  EXPECT_THAT(eval({"#!lua flags=no-writes\nreturn redis.call('SET', 'k', '1')", "0"}),
              HasSubstr("read-only scripts"));
  EXPECT_THAT(eval({"#!js\nreturn 1", "0"}), HasSubstr("shebang"));
}

TEST_F(ScriptsTest, MayBeAsManyAsCome) {
  for (std::size_t i = 0; i < limits::scripts_compiled_max * 3; ++i) {
    const std::string script = "return " + std::to_string(i % (limits::scripts_compiled_max + 7));
    ASSERT_EQ(eval({script, "0"}), ":" + script.substr(7) + "\r\n");
  }
}

TEST(ScriptTexts, AreFoundByTheirSha1) {
  EXPECT_EQ(sha1_hex("return 1"), "e0e1f9fabfc9d4800c877a703b823ac0578ff8db");
  ScriptTexts texts;
  const std::string name = texts.remember("return 1");
  EXPECT_EQ(*texts.find("E0E1F9FABFC9D4800C877A703B823AC0578FF8DB"), "return 1");
  EXPECT_EQ(texts.find("e0"), nullptr);
  const std::string large(limits::script_texts_bytes_max / 2, 'x');
  texts.remember(large);
  EXPECT_NE(texts.find(name), nullptr);
  texts.remember(large + "y");
  EXPECT_EQ(texts.find(name), nullptr) << "bounded";
}

}  // namespace
}  // namespace holdfast::function
