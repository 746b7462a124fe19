// SPDX-License-Identifier: Apache-2.0
#include "catalog/keyspace_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "command/table.h"

namespace holdfast {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

struct FakeHost final : CatalogHost {
  bool default_holds_prefix(std::string_view name, Instant) override {
    return prefixes.contains(std::string(name));
  }
  bool service_exists(std::string_view name) override { return name == "feed"; }
  KeyspaceFacts facts(KeyspaceId) override { return {11, 12, 13, 14, 15}; }
  NodeFacts node_facts() override {
    return {.id = "n1",
            .engine = {},
            .applied = {},
            .state = {},
            .behind = {{.node = "n2", .by = Millis(120)}, {.node = "n3", .by = {}}}};
  }
  void on_created(const Keyspace& keyspace) override { told += "created " + keyspace.name + ";"; }
  void on_altered(const Keyspace& keyspace) override { told += "altered " + keyspace.name + ";"; }
  void on_dropped(const Keyspace& keyspace) override { told += "dropped " + keyspace.name + ";"; }

  std::set<std::string> prefixes;
  std::string told;
};

struct World {
  Catalog catalog;
  Members members;
  FakeHost host;
  CommandTable commands{keyspace_rows()};

  // Words of `line`; "" stands for an empty argument.
  std::string run(const std::string& line) {
    std::vector<std::string> words;
    std::istringstream in(line);
    for (std::string word; in >> word;) words.push_back(word == "\"\"" ? "" : word);
    const std::vector<std::string_view> args(words.begin(), words.end());
    const Row* row = commands.find(args[0], args[1]);
    if (row == nullptr) return "no such command";
    std::string out;
    Reply reply(out);
    if (const Status fits = check_arity(*row, args); !fits) {
      reply.error(fits.error());
      return out;
    }
    CatalogContext context{catalog, members, host, {}, instant_from_ms(1'700'000'000'000)};
    row->catalog(context, args, reply);
    return out;
  }
};

TEST(KeyspaceRows, CreateDeclaresAKeyspaceWithItsSettings) {
  World world;
  EXPECT_EQ(world.run("keyspace create likes guarantee EVENTUAL owner feed retain-ids 30m "
                      "require-id durability everysec max-ids-bytes 512mb"),
            "+OK\r\n");
  const Keyspace* likes = world.catalog.find("likes");
  ASSERT_NE(likes, nullptr);
  EXPECT_EQ(likes->guarantee, Guarantee::eventual);
  EXPECT_EQ(likes->owner, "feed");
  EXPECT_EQ(likes->retain_ids, Millis(1'800'000));
  EXPECT_TRUE(likes->require_id);
  EXPECT_EQ(likes->durability, Durability::everysec);
  EXPECT_EQ(likes->ids_bytes_max, 512_MiB);
  EXPECT_EQ(likes->created, instant_from_ms(1'700'000'000'000));
  EXPECT_EQ(world.host.told, "created likes;");
}

TEST(KeyspaceRows, CreateNeedsAGuarantee) {
  World world;
  EXPECT_THAT(world.run("KEYSPACE CREATE a OWNER feed"), HasSubstr("GUARANTEE"));
  EXPECT_THAT(world.run("KEYSPACE CREATE a"), StartsWith("-ERR wrong number of arguments"));
  EXPECT_EQ(world.catalog.size(), 1);
}

TEST(KeyspaceRows, CreatingWhatExistsIsAnErrorAlsoWithTheSameSettings) {
  World world;
  EXPECT_EQ(world.run("KEYSPACE CREATE a GUARANTEE strong"), "+OK\r\n");
  EXPECT_EQ(world.run("KEYSPACE CREATE a GUARANTEE strong"), "-ERR keyspace 'a' exists\r\n");
  EXPECT_EQ(world.host.told, "created a;");
}

TEST(KeyspaceRows, CreateIsRefusedWhileDefaultHoldsKeysOfThatPrefix) {
  World world;
  world.host.prefixes = {"likes"};
  EXPECT_THAT(world.run("KEYSPACE CREATE likes GUARANTEE strong"), HasSubstr("holds keys"));
  EXPECT_EQ(world.catalog.find("likes"), nullptr);
  EXPECT_EQ(world.run("KEYSPACE CREATE other GUARANTEE strong"), "+OK\r\n");
}

TEST(KeyspaceRows, OnlyAServiceThatExistsCanOwn) {
  World world;
  EXPECT_EQ(world.run("KEYSPACE CREATE a GUARANTEE strong OWNER ghost"),
            "-ERR no service 'ghost'\r\n");
  EXPECT_EQ(world.run("KEYSPACE CREATE a GUARANTEE strong OWNER feed"), "+OK\r\n");
  EXPECT_EQ(world.run("KEYSPACE ALTER a OWNER ghost"), "-ERR no service 'ghost'\r\n");
  EXPECT_EQ(world.run("KEYSPACE ALTER a OWNER \"\""), "+OK\r\n");
  EXPECT_EQ(world.catalog.find("a")->owner, "");
}

TEST(KeyspaceRows, AlterChangesWhatItNamesAndNothingElse) {
  World world;
  world.run("KEYSPACE CREATE a GUARANTEE strong RETAIN-IDS 10s REQUIRE-ID");
  EXPECT_EQ(world.run("KEYSPACE ALTER a DURABILITY everysec"), "+OK\r\n");
  EXPECT_EQ(world.run("KEYSPACE ALTER a MAX-IDS-BYTES 1kb REQUIRE-ID no RETAIN-IDS 7d"), "+OK\r\n");
  const Keyspace* a = world.catalog.find("a");
  EXPECT_EQ(a->durability, Durability::everysec);
  EXPECT_EQ(a->ids_bytes_max, 1024);
  EXPECT_FALSE(a->require_id);
  EXPECT_EQ(a->retain_ids, Millis(604'800'000));
  EXPECT_EQ(world.host.told, "created a;altered a;altered a;");
}

TEST(KeyspaceRows, AGuaranteeNeverChangesInPlace) {
  World world;
  world.run("KEYSPACE CREATE a GUARANTEE strong");
  EXPECT_THAT(world.run("KEYSPACE ALTER a GUARANTEE eventual REQUIRE-ID yes"),
              HasSubstr("never changes in place"));
  EXPECT_FALSE(world.catalog.find("a")->require_id);
  EXPECT_THAT(world.run("KEYSPACE ALTER default GUARANTEE eventual"),
              HasSubstr("never changes in place"));
}

TEST(KeyspaceRows, BadSettingsAreRefusedWithWhatTheyTake) {
  World world;
  for (const char* settings :
       {"GUARANTEE maybe", "GUARANTEE strong RETAIN-IDS soon", "GUARANTEE strong RETAIN-IDS 1ms",
        "GUARANTEE strong DURABILITY never", "GUARANTEE strong MAX-IDS-BYTES -1",
        "GUARANTEE strong COLOUR red", "GUARANTEE strong RETAIN-IDS",
        "GUARANTEE strong REQUIRE-ID maybe"}) {
    EXPECT_THAT(world.run(std::string("KEYSPACE CREATE a ") + settings), StartsWith("-ERR "))
        << settings;
  }
  EXPECT_THAT(world.run("KEYSPACE CREATE a:b GUARANTEE strong"), StartsWith("-ERR "));
  EXPECT_EQ(world.catalog.size(), 1);
  EXPECT_EQ(world.host.told, "");
}

TEST(KeyspaceRows, DropForgetsAllButDefault) {
  World world;
  world.run("KEYSPACE CREATE a GUARANTEE strong");
  EXPECT_EQ(world.run("KEYSPACE DROP a"), "+OK\r\n");
  EXPECT_EQ(world.run("KEYSPACE DROP a"), "-ERR no keyspace 'a'\r\n");
  EXPECT_EQ(world.run("KEYSPACE DROP default"), "-ERR keyspace 'default' cannot be dropped\r\n");
  EXPECT_EQ(world.host.told, "created a;dropped a;");
}

TEST(KeyspaceRows, ListAndInfoShowWhatIsThere) {
  World world;
  world.run("KEYSPACE CREATE likes GUARANTEE eventual");
  EXPECT_EQ(world.run("KEYSPACE LIST"), "*2\r\n$7\r\ndefault\r\n$5\r\nlikes\r\n");
  EXPECT_EQ(world.run("KEYSPACE INFO likes"),
            "%15\r\n$4\r\nname\r\n$5\r\nlikes\r\n$2\r\nid\r\n:2\r\n"
            "$9\r\nguarantee\r\n$8\r\neventual\r\n$5\r\nowner\r\n$0\r\n\r\n"
            "$10\r\nretain-ids\r\n$2\r\n3d\r\n$10\r\nrequire-id\r\n$2\r\nno\r\n"
            "$10\r\ndurability\r\n$6\r\nalways\r\n$13\r\nmax-ids-bytes\r\n$1\r\n0\r\n"
            "$10\r\ncreated-ms\r\n:1700000000000\r\n$4\r\nkeys\r\n:11\r\n"
            "$12\r\nmemory-bytes\r\n:12\r\n$3\r\nids\r\n:13\r\n$9\r\nids-bytes\r\n:14\r\n"
            "$8\r\nreplayed\r\n:15\r\n"
            "$9\r\nbehind-ms\r\n%2\r\n$2\r\nn2\r\n:120\r\n$2\r\nn3\r\n$-1\r\n");
  EXPECT_EQ(world.run("KEYSPACE INFO nothing"), "-ERR no keyspace 'nothing'\r\n");
  EXPECT_THAT(world.run("KEYSPACE HELP"), StartsWith("*"));
}

TEST(KeyspaceRows, WhatChangesTheCatalogIsLoggedAndTheRestIsNot) {
  for (const Row& row : keyspace_rows()) {
    EXPECT_EQ(row.access, Access::catalog);
    EXPECT_EQ((row.flags & flag_write_catalog) != 0, row.code != 0) << row.name;
  }
}

}  // namespace
}  // namespace holdfast
