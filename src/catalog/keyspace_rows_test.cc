// SPDX-License-Identifier: Apache-2.0
#include "catalog/keyspace_rows.h"
#include "catalog/function_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "catalog/member_rows.h"
#include "catalog/service_rows.h"
#include "command/table.h"

namespace holdfast {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct FakeHost final : CatalogHost {
  bool default_holds_prefix(std::string_view name, Instant) override {
    return prefixes.contains(std::string(name));
  }
  KeyspaceFacts facts(KeyspaceId) override { return {11, 12, 13, 14, 15, 16, 17, 18}; }
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
  World() {
    EXPECT_TRUE(services.create("root", true, hash_of_token("1"), {}));
    EXPECT_TRUE(services.create("feed", false, hash_of_token("2"), {}));
    EXPECT_TRUE(services.create("other", false, hash_of_token("3"), {}));
  }
  std::string run_as(std::string_view service, const std::string& line) {
    caller = service;
    std::string reply = run(line);
    caller = "root";
    return reply;
  }

  Catalog catalog;
  Members members;
  Services services;
  Libraries libraries;
  FakeHost host;
  CommandTable commands{keyspace_rows(), member_rows(), service_rows(), function_rows()};
  std::string caller = "root";

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
    return run(*row, args);
  }
  std::string run(const Row& row, Args args) {
    const Service* const service = services.find(caller);
    CatalogContext context{catalog,
                           members,
                           services,
                           libraries,
                           host,
                           service == nullptr ? ServiceId{} : service->id,
                           instant_from_ms(1'700'000'000'000)};
    std::string out;
    Reply reply(out);
    row.catalog(context, args, reply);
    return out;
  }
  /// What a node puts into the log for the service.
  std::string apply_as(std::string_view service, const CatalogOperation& operation) {
    caller = service;
    std::string reply = run(*operation.row, operation.args());
    caller = "root";
    return reply;
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
            "%18\r\n$4\r\nname\r\n$5\r\nlikes\r\n$2\r\nid\r\n:2\r\n"
            "$9\r\nguarantee\r\n$8\r\neventual\r\n$5\r\nowner\r\n$0\r\n\r\n"
            "$10\r\nretain-ids\r\n$2\r\n3d\r\n$10\r\nrequire-id\r\n$2\r\nno\r\n"
            "$10\r\ndurability\r\n$6\r\nalways\r\n$13\r\nmax-ids-bytes\r\n$1\r\n0\r\n"
            "$10\r\ncreated-ms\r\n:1700000000000\r\n$4\r\nkeys\r\n:11\r\n"
            "$12\r\nmemory-bytes\r\n:12\r\n$3\r\nids\r\n:13\r\n$9\r\nids-bytes\r\n:14\r\n"
            "$8\r\nreplayed\r\n:15\r\n$6\r\nreused\r\n:16\r\n$7\r\nexpired\r\n:17\r\n"
            "$11\r\ncached-keys\r\n:18\r\n"
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

TEST(Ownership, OnlyWhoAdministersChangesTheCatalog) {
  World world;
  ASSERT_EQ(world.run("KEYSPACE CREATE likes GUARANTEE eventual OWNER feed"), "+OK\r\n");
  for (const char* const service : {"feed", "other", "nobody"}) {
    for (const char* const line :
         {"KEYSPACE CREATE more GUARANTEE strong", "KEYSPACE DROP likes",
          "KEYSPACE ALTER likes OWNER other", "NODE REMOVE n1", "SERVICE DROP other"}) {
      const std::string reply = world.run_as(service, line);
      EXPECT_TRUE(reply.starts_with("-NOPERM") || reply.starts_with("-ERR no keyspace"))
          << service << ": " << line << ": " << reply;
    }
    const TokenHash hash = hash_of_token("new");
    EXPECT_THAT(world.apply_as(service, add_service("new", true, hash)), StartsWith("-NOPERM"));
    EXPECT_THAT(world.apply_as(service, renew_service("root", hash, Millis(0))),
                StartsWith("-NOPERM"));
  }
  EXPECT_EQ(world.catalog.find("likes")->owner, "feed");
  EXPECT_EQ(world.services.all().size(), 3u);
}

TEST(Ownership, AnOwnerSetsHowItsDataAreKept) {
  World world;
  ASSERT_EQ(world.run("KEYSPACE CREATE likes GUARANTEE eventual OWNER feed"), "+OK\r\n");
  EXPECT_EQ(world.run_as("feed", "KEYSPACE ALTER likes RETAIN-IDS 2h"), "+OK\r\n");
  ASSERT_EQ(world.run("KEYSPACE CREATE free GUARANTEE strong"), "+OK\r\n");
  EXPECT_THAT(world.run_as("feed", "KEYSPACE ALTER free RETAIN-IDS 2h"), StartsWith("-NOPERM"));
}

// What is another's is not told of at all: that it is there, how much, by what name.
TEST(Ownership, AKeyspaceIsSeenByItsOwnerAndByWhoAdministers) {
  World world;
  ASSERT_EQ(world.run("KEYSPACE CREATE likes GUARANTEE eventual OWNER feed"), "+OK\r\n");
  EXPECT_THAT(world.run_as("feed", "KEYSPACE LIST"), HasSubstr("likes"));
  EXPECT_THAT(world.run_as("root", "KEYSPACE INFO likes"), HasSubstr("feed"));
  EXPECT_THAT(world.run_as("other", "KEYSPACE LIST"), Not(HasSubstr("likes")));
  const std::string hidden = world.run_as("other", "KEYSPACE INFO likes");
  std::string absent = world.run_as("other", "KEYSPACE INFO nosuch");
  absent.replace(absent.find("nosuch"), 6, "likes");
  EXPECT_EQ(hidden, absent);
  EXPECT_THAT(world.run_as("other", "KEYSPACE ALTER likes RETAIN-IDS 2h"),
              HasSubstr("no keyspace"));
}

TEST(Ownership, AServiceThatOwnsAKeyspaceStays) {
  World world;
  ASSERT_EQ(world.run("KEYSPACE CREATE likes GUARANTEE eventual OWNER feed"), "+OK\r\n");
  EXPECT_THAT(world.run("SERVICE DROP feed"), HasSubstr("owns keyspace 'likes'"));
  ASSERT_EQ(world.run("KEYSPACE ALTER likes OWNER other"), "+OK\r\n");
  EXPECT_EQ(world.run("SERVICE DROP feed"), "+OK\r\n");
}

TEST(Ownership, AServiceSeesItselfAndRenewsItsOwnToken) {
  World world;
  EXPECT_EQ(world.run_as("feed", "SERVICE LIST"), "*1\r\n$4\r\nfeed\r\n");
  EXPECT_THAT(world.run_as("root", "SERVICE LIST"), StartsWith("*3"));
  EXPECT_THAT(world.run_as("feed", "SERVICE INFO other"), HasSubstr("no service"));
  const TokenHash hash = hash_of_token("new");
  EXPECT_EQ(world.apply_as("feed", renew_service("feed", hash, Millis(1'000))), "+OK\r\n");
  EXPECT_THAT(world.apply_as("feed", renew_service("other", hash, Millis(1'000))),
              StartsWith("-NOPERM"));
  EXPECT_NE(world.services.by_token(hash_of_token("new"), {}), nullptr);
}

}  // namespace
}  // namespace holdfast
