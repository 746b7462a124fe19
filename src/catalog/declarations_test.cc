// SPDX-License-Identifier: Apache-2.0
#include "catalog/declarations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "command/table.h"
#include "value/hash.h"

namespace holdfast {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

struct Told final : CatalogHost {
  bool default_holds_prefix(std::string_view, Instant) override { return false; }
  KeyspaceFacts facts(KeyspaceId) override { return {}; }
  void on_created(const Keyspace& keyspace) override { told += "created " + keyspace.name + ";"; }
  void on_altered(const Keyspace& keyspace) override { told += "altered " + keyspace.name + ";"; }
  void on_dropped(const Keyspace& keyspace) override { told += "dropped " + keyspace.name + ";"; }
  std::string take() { return std::exchange(told, {}); }
  std::string told;
};

/// One node's declarations, to which effects are applied as they come.
class Node final : public EffectSink {
 public:
  std::string run(const std::string& line) {
    std::istringstream in(line);
    std::vector<std::string> words{std::istream_iterator<std::string>(in), {}};
    const std::vector<std::string_view> args(words.begin(), words.end());
    std::string out;
    Reply reply(out);
    EventualContext context{table, now, *this};
    commands.find(args[0], args[1])->eventual(context, args, reply);
    return out;
  }
  std::string follow() {
    declarations::follow(table, now, catalog, host);
    return host.take();
  }
  void emit(const Effect& effect) override {
    ++effects;
    if (effect.kind == EffectKind::clear) {
      table.erase(effect.key);
      return;
    }
    put(effect.key, effect.element, effect.text);
  }
  void put(std::string_view name, std::string_view field, std::string_view text) {
    Value* value = table.change(name, now);
    if (value == nullptr) value = &table.put(name, Value::hash(std::make_unique<Hash>()));
    value->as_hash().put(field, text);
  }

  CommandTable commands{keyspace_rows()};
  std::unique_ptr<Store> store = make_memory_store();
  Table table{declarations::keyspace_id, *store};
  Catalog catalog;
  Told host;
  Instant now = instant_from_ms(1'700'000'000'000);
  int effects = 0;
};

TEST(Declarations, WhatIsDeclaredIsInTheCatalogWithItsSettings) {
  Node node;
  EXPECT_EQ(node.run("KEYSPACE CREATE likes GUARANTEE eventual RETAIN-IDS 2h REQUIRE-ID "
                     "DURABILITY everysec MAX-IDS-BYTES 1mb"),
            "+OK\r\n");
  EXPECT_EQ(node.follow(), "created likes;");
  const Keyspace* likes = node.catalog.find("likes");
  ASSERT_NE(likes, nullptr);
  EXPECT_EQ(likes->id, Catalog::id_of_name("likes"));
  EXPECT_EQ(likes->guarantee, Guarantee::eventual);
  EXPECT_EQ(likes->retain_ids, Millis(7'200'000));
  EXPECT_TRUE(likes->require_id);
  EXPECT_EQ(likes->durability, Durability::everysec);
  EXPECT_EQ(likes->ids_bytes_max, 1u << 20);
  EXPECT_EQ(likes->created, node.now);
  EXPECT_EQ(node.catalog.of_key("likes:1").name, "likes");
  EXPECT_EQ(node.follow(), "") << "nothing has changed since";
}

TEST(Declarations, AlterChangesWhatItNamesAndDropTakesItAway) {
  Node node;
  node.run("KEYSPACE CREATE likes GUARANTEE eventual RETAIN-IDS 2h");
  node.follow();
  node.effects = 0;
  EXPECT_EQ(node.run("KEYSPACE ALTER likes REQUIRE-ID yes"), "+OK\r\n");
  EXPECT_EQ(node.effects, 1) << "what another changes meanwhile stays";
  EXPECT_EQ(node.follow(), "altered likes;");
  EXPECT_TRUE(node.catalog.find("likes")->require_id);
  EXPECT_EQ(node.catalog.find("likes")->retain_ids, Millis(7'200'000));
  EXPECT_EQ(node.run("KEYSPACE DROP likes"), "+OK\r\n");
  EXPECT_EQ(node.follow(), "dropped likes;");
  EXPECT_EQ(node.catalog.find("likes"), nullptr);
  EXPECT_EQ(node.catalog.of_key("likes:1").name, "default");
  EXPECT_THAT(node.run("KEYSPACE ALTER likes REQUIRE-ID"), StartsWith("-ERR no keyspace"));
  EXPECT_THAT(node.run("KEYSPACE DROP likes"), StartsWith("-ERR no keyspace"));
}

TEST(Declarations, WhatCannotBeIsRefusedAndHasNoEffect) {
  Node node;
  node.run("KEYSPACE CREATE likes GUARANTEE eventual");
  node.effects = 0;
  EXPECT_THAT(node.run("KEYSPACE CREATE likes GUARANTEE eventual"), HasSubstr("exists"));
  EXPECT_THAT(node.run("KEYSPACE CREATE default GUARANTEE eventual"), HasSubstr("exists"));
  EXPECT_THAT(node.run("KEYSPACE CREATE money GUARANTEE strong"),
              StartsWith("-UNSUPPORTED strong keyspaces need an engine"));
  EXPECT_THAT(node.run("KEYSPACE CREATE a:b GUARANTEE eventual"), HasSubstr("1 to 64"));
  EXPECT_THAT(node.run("KEYSPACE CREATE b GUARANTEE eventual OWNER feed"), HasSubstr("no service"));
  EXPECT_THAT(node.run("KEYSPACE CREATE b GUARANTEE eventual RETAIN-IDS 0s"), HasSubstr("RETAIN"));
  EXPECT_THAT(node.run("KEYSPACE CREATE b OWNER feed"), HasSubstr("say GUARANTEE"));
  EXPECT_THAT(node.run("KEYSPACE ALTER likes GUARANTEE strong"), HasSubstr("never changes"));
  EXPECT_THAT(node.run("KEYSPACE ALTER likes RETAIN-IDS 9000d"), HasSubstr("RETAIN"));
  EXPECT_EQ(node.effects, 0);
}

TEST(Declarations, AnotherDeclarationInTheOnesPlaceIsTaken) {
  Node node;
  node.run("KEYSPACE CREATE likes GUARANTEE eventual RETAIN-IDS 2h");
  node.follow();
  const KeyspaceId id = node.catalog.find("likes")->id;
  node.put("likes", "created-ms", "1700000000001");  // of a node that had not heard of it
  node.put("likes", "retain-ids-ms", "1000");
  EXPECT_EQ(node.follow(), "altered likes;");
  EXPECT_EQ(node.catalog.find("likes")->retain_ids, Millis(1'000));
  EXPECT_EQ(node.catalog.find("likes")->id, id) << "what either wrote is in one keyspace";
}

TEST(Declarations, WhatANodeOfAnotherVersionSaysHasItsDefaults) {
  Node node;
  node.put("likes", "created-ms", "1");
  node.put("likes", "durability", "sometimes");
  node.put("likes", "something", "new");
  node.put("not:a:name", "created-ms", "1");
  node.table.put("text", Value::string("no hash"));
  EXPECT_EQ(node.follow(), "created likes;");
  EXPECT_EQ(node.catalog.find("likes")->durability, Durability::always);
  EXPECT_EQ(node.catalog.find("likes")->retain_ids, Keyspace().retain_ids);
}

TEST(Declarations, TheCatalogKeepsThemOverACheckpoint) {
  Node node;
  node.run("KEYSPACE CREATE likes GUARANTEE eventual");
  node.run("KEYSPACE CREATE a-name-that-is-longer-than-what-a-string-holds GUARANTEE eventual");
  node.follow();
  node.run("KEYSPACE ALTER a-name-that-is-longer-than-what-a-string-holds REQUIRE-ID");
  node.follow();
  Catalog again;
  ASSERT_TRUE(again.decode(node.catalog.encode()));
  EXPECT_EQ(again.encode(), node.catalog.encode());
  EXPECT_EQ(again.find("likes")->id, Catalog::id_of_name("likes"));
  EXPECT_TRUE(again.find("a-name-that-is-longer-than-what-a-string-holds")->require_id);
  EXPECT_TRUE(again.create({.id = {}, .name = "next"}));
  EXPECT_EQ(again.find("next")->id.value, 2u);
}

}  // namespace
}  // namespace holdfast
