// SPDX-License-Identifier: Apache-2.0
#include "catalog/catalog.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

namespace holdfast {
namespace {

Keyspace named(std::string name, Guarantee guarantee = Guarantee::strong) {
  Keyspace keyspace;
  keyspace.name = std::move(name);
  keyspace.guarantee = guarantee;
  return keyspace;
}

std::string hex(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out.push_back(digits[static_cast<unsigned char>(c) >> 4]);
    out.push_back(digits[static_cast<unsigned char>(c) & 15]);
  }
  return out;
}

TEST(Catalog, DefaultIsAlwaysThereAndStrong) {
  Catalog catalog;
  const Keyspace* found = catalog.find("default");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found, &catalog.default_keyspace());
  EXPECT_EQ(found, catalog.find(Catalog::default_id));
  EXPECT_EQ(found->guarantee, Guarantee::strong);
  EXPECT_EQ(found->retain_ids, Millis(72 * 3'600'000));
  EXPECT_EQ(found->durability, Durability::always);
  EXPECT_FALSE(catalog.drop("default"));
  EXPECT_EQ(catalog.create(named("default")).error().message, "keyspace 'default' exists");
}

TEST(Catalog, DefaultsSettingsMayBeAlteredButNobodyOwnsIt) {
  Catalog catalog;
  const auto altered = catalog.alter("default", {.retain_ids = Millis(1000),
                                                 .require_id = true,
                                                 .durability = Durability::everysec,
                                                 .ids_bytes_max = 7});
  ASSERT_TRUE(altered);
  EXPECT_EQ(*altered, &catalog.default_keyspace());
  EXPECT_EQ((*altered)->retain_ids, Millis(1000));
  EXPECT_TRUE((*altered)->require_id);
  EXPECT_EQ((*altered)->durability, Durability::everysec);
  EXPECT_EQ((*altered)->ids_bytes_max, 7);
  EXPECT_FALSE(catalog.alter("default", {.owner = "shop"}));
}

TEST(Catalog, NamesAreOneToSixtyFourPlainCharacters) {
  for (const char* good : {"a", "likes", "Az09_.-", "."}) EXPECT_TRUE(is_keyspace_name(good));
  EXPECT_TRUE(is_keyspace_name(std::string(limits::keyspace_name_bytes_max, 'x')));
  EXPECT_FALSE(is_keyspace_name(std::string(limits::keyspace_name_bytes_max + 1, 'x')));
  for (const std::string bad : {"", "a:b", "a b", "a\n", "\xc3\xa9", "{a}", "a/b"})
    EXPECT_FALSE(is_keyspace_name(bad)) << bad;
  EXPECT_FALSE(is_keyspace_name(std::string_view("a\0", 2)));
  Catalog catalog;
  EXPECT_FALSE(catalog.create(named("a:b")));
}

TEST(Catalog, AKeyIsInTheKeyspaceBeforeItsFirstColon) {
  Catalog catalog;
  const Keyspace* likes = *catalog.create(named("likes", Guarantee::eventual));
  EXPECT_EQ(&catalog.of_key("likes:42"), likes);
  EXPECT_EQ(&catalog.of_key("likes:42:x"), likes);
  EXPECT_EQ(&catalog.of_key("likes:"), likes);
  for (const char* key : {"likes", "like:1", "likes2:1", ":likes:1", "", ":", "default:x"})
    EXPECT_EQ(&catalog.of_key(key), &catalog.default_keyspace()) << key;
  EXPECT_EQ(&catalog.of_key(std::string(100, 'x') + ":1"), &catalog.default_keyspace());
}

TEST(Catalog, WhatAKeyLedToBeforeAChangeIsNotRemembered) {
  Catalog catalog;
  EXPECT_EQ(&catalog.of_key("likes:42"), &catalog.default_keyspace());
  const Keyspace* likes = *catalog.create(named("likes"));
  EXPECT_EQ(&catalog.of_key("likes:42"), likes);
  ASSERT_TRUE(catalog.drop("likes"));
  EXPECT_EQ(&catalog.of_key("likes:42"), &catalog.default_keyspace());
}

TEST(Catalog, IdsAreNeverReused) {
  Catalog catalog;
  const KeyspaceId first = (*catalog.create(named("a")))->id;
  const auto dropped = catalog.drop("a");
  ASSERT_TRUE(dropped);
  EXPECT_EQ((*dropped)->id, first);
  EXPECT_EQ(catalog.find(first), nullptr);
  EXPECT_GT((*catalog.create(named("a")))->id, first);
}

TEST(Catalog, IdsOfTheLastKeyspacesAreNotReusedAfterARestart) {
  Catalog before;
  const KeyspaceId first = (*before.create(named("a")))->id;
  ASSERT_TRUE(before.drop("a"));
  Catalog after;
  ASSERT_TRUE(after.decode(before.encode()));
  EXPECT_GT((*after.create(named("b")))->id, first);
}

TEST(Catalog, OnlySoManyKeyspacesAreEverMade) {
  Catalog catalog;
  for (std::size_t made = 1; made < limits::keyspaces_max - 1; ++made) {
    ASSERT_TRUE(catalog.create(named("a")));
    ASSERT_TRUE(catalog.drop("a"));
  }
  const auto refused = catalog.create(named("a"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::err);
}

TEST(Catalog, RefusedChangesLeaveEverythingAsItWas) {
  Catalog catalog;
  ASSERT_TRUE(catalog.create(named("a")));
  const std::string before = catalog.encode();
  EXPECT_FALSE(catalog.create(named("a")));
  EXPECT_FALSE(catalog.alter("b", {}));
  EXPECT_FALSE(catalog.alter("a", {.retain_ids = Millis(limits::retain_ids_ms_min - 1)}));
  EXPECT_FALSE(catalog.alter("a", {.retain_ids = Millis(limits::retain_ids_ms_max + 1)}));
  EXPECT_FALSE(catalog.alter("a", {.owner = "no name", .require_id = true}));
  EXPECT_FALSE(catalog.drop("b"));
  EXPECT_EQ(catalog.encode(), before);
}

// docs/formats/catalog.md shows these bytes.
TEST(Catalog, StoredFormIsTheDocumentedOne) {
  Catalog catalog;
  Keyspace likes = named("likes", Guarantee::eventual);
  likes.owner = "feed";
  likes.retain_ids = Millis(1000);
  likes.require_id = true;
  likes.durability = Durability::everysec;
  likes.ids_bytes_max = 300;
  likes.created = instant_from_ms(1);
  ASSERT_TRUE(catalog.create(likes));
  EXPECT_EQ(hex(catalog.encode()),
            "01020302"
            "01000764656661756c740080d098f7010000"
            "0207056c696b65730466656564d00fac0202");
}

TEST(Catalog, DamagedFormsAreRefusedAndChangeNothing) {
  Catalog source;
  ASSERT_TRUE(source.create(named("likes")));
  const std::string whole = source.encode();
  Catalog catalog;
  const std::string before = catalog.encode();
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    const Status status = catalog.decode(std::string_view(whole).substr(0, cut));
    ASSERT_FALSE(status) << cut;
    EXPECT_EQ(status.error().code, Code::corrupt);
  }
  EXPECT_FALSE(catalog.decode(whole + "x"));
  std::string other_version = whole;
  other_version[0] = 2;
  EXPECT_FALSE(catalog.decode(other_version));
  EXPECT_EQ(catalog.encode(), before);
}

RC_GTEST_PROP(Catalog, BehavesAsAPlainMapAndSurvivesRestarts, ()) {
  auto catalog = std::make_unique<Catalog>();
  std::map<std::string, std::pair<std::uint32_t, bool>> model{{"default", {1, false}}};
  std::uint32_t next_id = 2;
  const auto steps = *rc::gen::inRange(0, 60);
  for (int i = 0; i < steps; ++i) {
    const std::string name = *rc::gen::element<std::string>("a", "b", "c", "default", "d:d");
    switch (*rc::gen::inRange(0, 4)) {
      case 0: {
        const bool fits = name != "d:d" && !model.contains(name);
        RC_ASSERT(catalog->create(named(name)).has_value() == fits);
        if (fits) model[name] = {next_id++, false};
        break;
      }
      case 1:
        RC_ASSERT(catalog->alter(name, {.require_id = true}).has_value() == model.contains(name));
        if (model.contains(name)) model[name].second = true;
        break;
      case 2: {
        const bool fits = name != "default" && model.contains(name);
        RC_ASSERT(catalog->drop(name).has_value() == fits);
        if (fits) model.erase(name);
        break;
      }
      default: {
        const std::string bytes = catalog->encode();
        catalog = std::make_unique<Catalog>();
        RC_ASSERT(catalog->decode(bytes).has_value());
        RC_ASSERT(catalog->encode() == bytes);
      }
    }
    for (const std::string each : {"a", "b", "c", "default"}) {
      const Keyspace* found = catalog->find(each);
      RC_ASSERT((found != nullptr) == model.contains(each));
      const Keyspace& of_key = catalog->of_key(each + ":1");
      RC_ASSERT(&of_key == (found != nullptr ? found : &catalog->default_keyspace()));
      if (found == nullptr) continue;
      RC_ASSERT(found->id.value == model[each].first);
      RC_ASSERT(found->require_id == model[each].second);
      RC_ASSERT(catalog->find(found->id) == found);
    }
    RC_ASSERT(catalog->size() == model.size());
  }
}

}  // namespace
}  // namespace holdfast
