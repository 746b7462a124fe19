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
    return run(std::vector<std::string>{std::istream_iterator<std::string>(in), {}});
  }
  std::string run(const std::vector<std::string>& words) {
    const std::vector<std::string_view> args(words.begin(), words.end());
    std::string out;
    Reply reply(out);
    EventualContext context{table, now, *this};
    commands.find(args[0], args[1])->eventual(context, args, reply);
    return out;
  }
  std::string follow() {
    declarations::follow(table, now, catalog, host);
    declarations::follow_libraries(table, now, catalog, libraries);
    return host.take();
  }
  void emit(const Effect& effect) override {
    ++effects;
    if (effect.kind == EffectKind::clear) {
      table.erase(effect.key);
      return;
    }
    if (effect.kind == EffectKind::remove_field) {
      table.change(effect.key, now)->as_hash().erase(effect.element);
      return;
    }
    put(effect.key, effect.element, effect.text);
  }
  void put(std::string_view name, std::string_view field, std::string_view text) {
    Value* value = table.change(name, now);
    if (value == nullptr) value = &table.put(name, Value::hash(std::make_unique<Hash>()));
    value->as_hash().put(field, text);
  }

  CommandTable commands{keyspace_rows(), function_rows()};
  std::unique_ptr<Store> store = make_memory_store();
  Table table{declarations::keyspace_id, *store};
  Catalog catalog;
  Libraries libraries;
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

// -- Libraries of functions

std::string library(const std::string& name, const std::string& function,
                    const std::string& body = "tostring") {
  return "#!lua name=" + name + " keyspace=likes\nredis.register_function('" + function + "'," +
         body + ")";
}

TEST(Declarations, LibrariesAreDeclaredWithTheirKeyspace) {
  Node node;
  const std::string bank = library("bank", "f");
  EXPECT_EQ(node.run({"FUNCTION", "LOAD", bank}), "-ERR no such keyspace 'likes'\r\n");
  node.run("KEYSPACE CREATE likes GUARANTEE eventual");
  EXPECT_EQ(node.run({"FUNCTION", "LOAD", bank}), "$4\r\nbank\r\n");
  EXPECT_EQ(node.run({"FUNCTION", "LOAD", bank}), "-ERR Library 'bank' already exists\r\n");
  EXPECT_EQ(node.run({"FUNCTION", "LOAD", library("other", "f")}),
            "-ERR Function f already exists\r\n");
  EXPECT_THAT(node.run({"FUNCTION", "LOAD", "nothing"}),
              StartsWith("-ERR Missing library metadata"));
  node.follow();
  function::Functions& functions = node.libraries.of(node.catalog.find("likes")->id);
  EXPECT_TRUE(functions.find("f"));
  EXPECT_EQ(node.follow(), "") << "nothing has changed since";

  EXPECT_EQ(node.run({"FUNCTION", "LOAD", "REPLACE", library("bank", "g")}), "$4\r\nbank\r\n");
  node.follow();
  EXPECT_FALSE(functions.find("f"));
  EXPECT_TRUE(functions.find("g"));
  EXPECT_EQ(node.run("FUNCTION DELETE likes.bank"), "+OK\r\n");
  EXPECT_EQ(node.run("FUNCTION DELETE likes.bank"), "-ERR Library not found\r\n");
  node.follow();
  EXPECT_TRUE(functions.empty());
}

TEST(Declarations, LibrariesAreFlushedAndGoWithTheirKeyspace) {
  Node node;
  node.run("KEYSPACE CREATE likes GUARANTEE eventual");
  node.run({"FUNCTION", "LOAD", library("a", "f")});
  node.run({"FUNCTION", "LOAD", library("b", "g")});
  node.follow();
  function::Functions& functions = node.libraries.of(node.catalog.find("likes")->id);
  EXPECT_EQ(functions.libraries().size(), 2U);
  EXPECT_EQ(node.run("FUNCTION FLUSH"), "+OK\r\n");
  node.follow();
  EXPECT_TRUE(functions.empty());
  node.run({"FUNCTION", "LOAD", library("a", "f")});
  node.run("KEYSPACE DROP likes");
  node.follow();
  node.run("KEYSPACE CREATE likes GUARANTEE eventual");
  node.follow();
  EXPECT_TRUE(node.libraries.of(node.catalog.find("likes")->id).empty());
}

// Loaded at two nodes that could not tell each other, both with a function of one name: every
// node gives it to the same one.
TEST(Declarations, OfTwoLibrariesWithOneFunctionTheFirstByNameHasIt) {
  Node node;
  node.run("KEYSPACE CREATE likes GUARANTEE eventual");
  node.put("likes", "library:b", library("b", "f"));
  node.put("likes", "library:a", library("a", "f"));
  node.put("likes", "library:c", "no library");
  node.follow();
  const auto found = node.libraries.of(node.catalog.find("likes")->id).find("f");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->library.name(), "a");
}

}  // namespace
}  // namespace holdfast
