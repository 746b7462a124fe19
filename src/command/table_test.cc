// SPDX-License-Identifier: Apache-2.0
#include "command/table.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "command/parse.h"
#include "command/reference.h"

namespace holdfast {
namespace {

const CommandTable& table() {
  static const CommandTable commands{string_rows(), hash_rows(), set_rows(), sorted_set_rows(),
                                     list_rows(),   key_rows(),  id_rows()};
  return commands;
}

std::vector<std::string_view> words(std::string_view line) {
  std::vector<std::string_view> out;
  while (!line.empty()) {
    const std::size_t space = line.find(' ');
    out.push_back(line.substr(0, space));
    line = space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
  }
  return out;
}

std::vector<std::string_view> keys(std::string_view line) {
  const auto args = words(line);
  const Row* row = args.size() > 1 ? table().find(args[0], args[1]) : table().find(args[0]);
  return keys_of(*row, args);
}

using Keys = std::vector<std::string_view>;

TEST(CommandTable, FindsEveryNameInAnyCase) {
  for (const Row* row : table().rows()) {
    std::string name(row->name);
    EXPECT_EQ(table().find(name), row) << name;
    for (char& c : name) c = static_cast<char>(std::tolower(c));
    EXPECT_EQ(table().find(name), row) << name;
    name[0] = static_cast<char>(std::toupper(name[0]));
    EXPECT_EQ(table().find(name), row) << name;
  }
}

TEST(CommandTable, FindsNothingThatIsNearAName) {
  for (const Row* row : table().rows()) {
    const std::string name(row->name);
    for (std::size_t i = 0; i < name.size(); ++i) {
      for (const int flip : {1, 2, 4, 8, 16, 32, 64, 128}) {
        std::string other = name;
        other[i] = static_cast<char>(other[i] ^ flip);
        const Row* found = table().find(other);
        if (found == nullptr) continue;
        EXPECT_TRUE(command::equals_nocase(other, found->name)) << other << " gave " << found->name;
      }
    }
    const Row* longer = table().find(name + "X");
    EXPECT_TRUE(longer == nullptr || longer->name == name + "X");
  }
  EXPECT_EQ(table().find(""), nullptr);
  EXPECT_EQ(table().find(std::string(1000, 'G')), nullptr);
  EXPECT_EQ(table().find(std::string("GET\0", 4)), nullptr);
}

TEST(CommandTable, ComparesTheMiddleOfLongNamesToo) {
  static constexpr Row rows[] = {{.name = "CLUSTER AAAAA-REPORTS",
                                  .arity = 2,
                                  .access = Access::wrapper,
                                  .group = "test",
                                  .since = "0.1",
                                  .summary = "one"},
                                 {.name = "CLUSTER BBBBB-REPORTS",
                                  .arity = 2,
                                  .access = Access::wrapper,
                                  .group = "test",
                                  .since = "0.1",
                                  .summary = "two"}};
  const CommandTable commands{rows};
  EXPECT_EQ(commands.find("cluster bbbbb-reports"), &rows[1]);
  EXPECT_EQ(commands.find("cluster", "aaaaa-Reports"), &rows[0]);
  EXPECT_EQ(commands.find("cluster ccccc-reports"), nullptr);
}

TEST(CommandTable, FindsSubcommandsAndElseTheCommandItself) {
  EXPECT_EQ(table().find("object", "Encoding")->name, "OBJECT ENCODING");
  EXPECT_EQ(table().find("get", "encoding")->name, "GET");
  EXPECT_EQ(table().find("object", "nothing"), nullptr);
  EXPECT_EQ(table().find("get", std::string(100, 'x'))->name, "GET");
  EXPECT_TRUE(table().has_subcommands("object"));
  EXPECT_TRUE(table().has_subcommands("Memory"));
  EXPECT_FALSE(table().has_subcommands("get"));
  EXPECT_FALSE(table().has_subcommands("obj"));
}

TEST(CommandTable, CodesLeadBackToTheirRows) {
  for (const Row* row : table().rows()) {
    if (row->code != 0) {
      EXPECT_EQ(table().by_code(row->code), row);
    }
  }
  EXPECT_EQ(table().by_code(0), nullptr);
  EXPECT_EQ(table().by_code(65535), nullptr);
}

// Codes are in logs that exist. A change here is a change of format.
TEST(CommandTable, CodesOfWritesNeverChange) {
  const std::pair<std::string_view, int> codes[] = {{"SET", 101},
                                                    {"MSET", 103},
                                                    {"MSETNX", 104},
                                                    {"SETNX", 105},
                                                    {"SETEX", 106},
                                                    {"PSETEX", 107},
                                                    {"GETSET", 108},
                                                    {"GETDEL", 109},
                                                    {"GETEX", 110},
                                                    {"INCR", 120},
                                                    {"DECR", 121},
                                                    {"INCRBY", 122},
                                                    {"DECRBY", 123},
                                                    {"APPEND", 143},
                                                    {"INCRBYFLOAT", 124},
                                                    {"SETRANGE", 144},
                                                    {"SETBIT", 460},
                                                    {"BITOP", 464},
                                                    {"BITFIELD", 465},
                                                    {"SORT", 470},
                                                    {"RESTORE", 473},
                                                    {"MOVE", 475},
                                                    {"HSET", 200},
                                                    {"HSETNX", 201},
                                                    {"HMSET", 202},
                                                    {"HDEL", 207},
                                                    {"HINCRBY", 208},
                                                    {"SADD", 300},
                                                    {"HINCRBYFLOAT", 209},
                                                    {"SREM", 301},
                                                    {"SPOP", 306},
                                                    {"SMOVE", 308},
                                                    {"SINTERSTORE", 322},
                                                    {"SUNIONSTORE", 324},
                                                    {"SDIFFSTORE", 326},
                                                    {"ZADD", 340},
                                                    {"ZINCRBY", 341},
                                                    {"ZREM", 342},
                                                    {"ZRANGESTORE", 360},
                                                    {"ZREMRANGEBYRANK", 361},
                                                    {"ZREMRANGEBYSCORE", 362},
                                                    {"ZREMRANGEBYLEX", 363},
                                                    {"ZPOPMIN", 370},
                                                    {"ZPOPMAX", 371},
                                                    {"ZMPOP", 372},
                                                    {"ZUNIONSTORE", 384},
                                                    {"ZINTERSTORE", 385},
                                                    {"ZDIFFSTORE", 386},
                                                    {"DEL", 400},
                                                    {"UNLINK", 401},
                                                    {"COPY", 405},
                                                    {"RENAME", 406},
                                                    {"RENAMENX", 407},
                                                    {"EXPIRE", 420},
                                                    {"PEXPIRE", 421},
                                                    {"EXPIREAT", 422},
                                                    {"PERSIST", 424},
                                                    {"PEXPIREAT", 423},
                                                    {"LPUSH", 408},
                                                    {"RPUSH", 409},
                                                    {"LPUSHX", 410},
                                                    {"RPUSHX", 411},
                                                    {"LPOP", 412},
                                                    {"RPOP", 413},
                                                    {"LMOVE", 414},
                                                    {"RPOPLPUSH", 415},
                                                    {"LMPOP", 416},
                                                    {"LSET", 417},
                                                    {"LINSERT", 418},
                                                    {"LREM", 419},
                                                    {"LTRIM", 429},
                                                    {"BLPOP", 434},
                                                    {"BRPOP", 435},
                                                    {"BLMOVE", 436},
                                                    {"BRPOPLPUSH", 437},
                                                    {"BLMPOP", 438},
                                                    {"BZPOPMIN", 439},
                                                    {"BZPOPMAX", 444},
                                                    {"BZMPOP", 445},
                                                    {"VOID", 901}};
  std::set<std::string_view> named;
  for (const auto& [name, code] : codes) {
    named.insert(name);
    ASSERT_NE(table().find(name), nullptr) << name;
    EXPECT_EQ(table().find(name)->code, code) << name;
  }
  for (const Row* row : table().rows()) {
    const bool logged = row->access == Access::write || (row->flags & flag_write_ids) != 0;
    EXPECT_EQ(named.contains(row->name), logged) << row->name;
  }
}

TEST(CommandTable, RowsSayEverything) {
  for (const Row* row : table().rows()) {
    EXPECT_FALSE(row->complexity.empty()) << row->name;
    EXPECT_EQ(row->since, "0.1") << row->name;
    const bool bare = row->arity == (row->name.find(' ') == std::string_view::npos ? 1 : 2);
    EXPECT_EQ(row->syntax.empty(), bare) << row->name;
    const bool on_keys = row->keys.first != 0 || row->keys.count_at != 0;
    EXPECT_EQ(on_keys, row->access == Access::read || row->access == Access::write) << row->name;
    if (row->access == Access::write || row->access == Access::read) {
      EXPECT_FALSE(row->on_eventual.empty()) << row->name;
    }
    if (row->access == Access::write && row->eventual == nullptr) {
      EXPECT_TRUE(row->on_eventual.starts_with("needs a strong keyspace: ")) << row->name;
    }
  }
}

TEST(CommandTable, RefusesAnIncompleteRow) {
  static constexpr Row nameless[] = {
      {.arity = 1, .access = Access::wrapper, .group = "test", .since = "0.1", .summary = "none"}};
  EXPECT_DEATH(CommandTable{nameless}, "complete");
  static constexpr Row twice[] = {{.name = "A",
                                   .arity = 1,
                                   .access = Access::wrapper,
                                   .group = "test",
                                   .since = "0.1",
                                   .summary = "one"},
                                  {.name = "A",
                                   .arity = 1,
                                   .access = Access::wrapper,
                                   .group = "test",
                                   .since = "0.1",
                                   .summary = "two"}};
  EXPECT_DEATH(CommandTable{twice}, "adjacent_find");
  // What the node answers, later perhaps, can be no part of what runs as one.
  static constexpr auto explains = [](node::Node&, ServiceId, Args, Reply&) {};
  static constexpr Row waits[] = {{.name = "A",
                                   .arity = 2,
                                   .access = Access::read,
                                   .flags = flag_no_multi,
                                   .node = explains,
                                   .group = "test",
                                   .since = "0.1",
                                   .summary = "one"}};
  EXPECT_DEATH(CommandTable{waits}, "complete");
}

TEST(Arity, CountsTheNameAndTakesNegativesAsAtLeast) {
  const auto check = [](std::string_view line) {
    const auto args = words(line);
    return check_arity(*table().find(args[0], args.size() > 1 ? args[1] : ""), args);
  };
  EXPECT_TRUE(check("GET a"));
  EXPECT_TRUE(check("MGET a b c"));
  EXPECT_TRUE(check("SET a b"));
  EXPECT_EQ(check("GET").error().message, "wrong number of arguments for 'get' command");
  EXPECT_EQ(check("GET a b").error().code, Code::err);
  EXPECT_EQ(check("MGET").error().message, "wrong number of arguments for 'mget' command");
  EXPECT_EQ(check("Object Encoding").error().message,
            "wrong number of arguments for 'object|encoding' command");
}

TEST(Keys, AreWhereTheRowSays) {
  EXPECT_EQ(keys("GET a"), (Keys{"a"}));
  EXPECT_EQ(keys("MGET a b c"), (Keys{"a", "b", "c"}));
  EXPECT_EQ(keys("MSET a 1 b 2"), (Keys{"a", "b"}));
  EXPECT_EQ(keys("SMOVE a b m"), (Keys{"a", "b"}));
  EXPECT_EQ(keys("COPY a b REPLACE"), (Keys{"a", "b"}));
  EXPECT_EQ(keys("SINTERSTORE d a b"), (Keys{"d", "a", "b"}));
  EXPECT_EQ(keys("OBJECT ENCODING a"), (Keys{"a"}));
  EXPECT_EQ(keys("MEMORY USAGE a SAMPLES 5"), (Keys{"a"}));
  EXPECT_EQ(keys("OUTCOME id likes"), Keys{});
}

TEST(Keys, AreCountedWhereAnArgumentCountsThem) {
  EXPECT_EQ(keys("SINTERCARD 2 a b LIMIT 1"), (Keys{"a", "b"}));
  EXPECT_EQ(keys("SINTERCARD 1 a b"), (Keys{"a"}));
  EXPECT_EQ(keys("SINTERCARD 9 a b"), (Keys{"a", "b"}));
  EXPECT_EQ(keys("SINTERCARD 9223372036854775807 a b"), (Keys{"a", "b"}));
  EXPECT_EQ(keys("SINTERCARD 0 a"), Keys{});
  EXPECT_EQ(keys("SINTERCARD -1 a"), Keys{});
  EXPECT_EQ(keys("SINTERCARD x a"), Keys{});
  EXPECT_EQ(keys("SINTERCARD 1"), Keys{});
}

TEST(Keys, MayBeOneByItselfAndCountedOnes) {
  EXPECT_EQ(keys("ZUNIONSTORE d 2 a b WEIGHTS 1 2"), (Keys{"d", "a", "b"}));
  EXPECT_EQ(keys("ZUNIONSTORE d 9 a b"), (Keys{"d", "a", "b"}));
  EXPECT_EQ(keys("ZUNIONSTORE d 0 a b"), (Keys{"d"}));
  EXPECT_EQ(keys("ZUNIONSTORE d"), (Keys{"d"}));
  EXPECT_EQ(keys("ZUNIONSTORE"), Keys{});
}

TEST(Keys, AreOnlyThoseThatAreThereWhenArgumentsAreMissing) {
  EXPECT_EQ(keys("GET"), Keys{});
  EXPECT_EQ(keys("MSET a"), (Keys{"a"}));
  EXPECT_EQ(keys("SMOVE a"), (Keys{"a"}));
  EXPECT_EQ(keys("OBJECT ENCODING"), Keys{});
}

TEST(Keyspace, IsThePartBeforeTheFirstColon) {
  EXPECT_EQ(keyspace_of("likes:42"), "likes");
  EXPECT_EQ(keyspace_of("a:b:c"), "a");
  EXPECT_EQ(keyspace_of("plain"), "default");
  EXPECT_EQ(keyspace_of(":x"), "");
  EXPECT_EQ(keyspace_of(""), "default");
}

TEST(Reference, ShowsEveryRowAndWhatEventualRefuses) {
  const std::string page = command_reference(table());
  for (const Row* row : table().rows()) {
    EXPECT_NE(page.find("### " + std::string(row->name) + "\n"), std::string::npos) << row->name;
  }
  EXPECT_NE(page.find("`UNSUPPORTED`, needs a strong keyspace"), std::string::npos);
  EXPECT_EQ(page.find("\n\n\n"), std::string::npos);
  EXPECT_TRUE(page.ends_with('\n') && !page.ends_with("\n\n"));
  EXPECT_EQ(unsupported_on_eventual(*table().find("SPOP")).message.substr(0, 28),
            "SPOP needs a strong keyspace");
}

}  // namespace
}  // namespace holdfast
