// SPDX-License-Identifier: Apache-2.0
// Protects: the words and fields in which EXPLAIN tells of a key; docs/eventual.md and the
// console go by them.
#include "node/explain_reply.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/limits.h"
#include "base/reply_tokens.h"
#include "eventual/test_lines.h"

namespace holdfast::node {
namespace {

using namespace eventual::testing;  // NOLINT: its replicas tell the stories
using eventual::OriginId;
using Json = nlohmann::json;

Json json_of(ReplyTokens& in) {
  const ReplyToken token = in.next();
  if (token.null || token.kind == '_') return nullptr;
  if (token.kind == ':') return std::stoll(std::string(token.text));
  if (token.kind == '#') return token.text == "t";
  if (token.kind == '$' || token.kind == '+') return std::string(token.text);
  if (token.kind == '%') {
    Json object = Json::object();
    for (std::size_t i = 0; i < token.children; i += 2) {
      const std::string name = json_of(in).get<std::string>();
      EXPECT_FALSE(object.contains(name)) << name << " stands twice";
      object[name] = json_of(in);
    }
    return object;
  }
  EXPECT_EQ(token.kind, '*');
  Json array = Json::array();
  for (std::size_t i = 0; i < token.children; ++i) array.push_back(json_of(in));
  return array;
}

/// What node a, of two whose names are a and b, tells of key k.
Json tell(TestReplica& a, std::string_view named_id = {}) {
  const auto explanation = a.replica().explain(likes, "k", {});
  std::vector<ExplainReply::Origin> origins;
  for (const std::uint64_t id : {1U, 2U})
    origins.push_back({.origin = OriginId{id},
                       .name = id == 1 ? "a" : "b",
                       .position = a.replica().merged().at(OriginId{id}),
                       .stable_position = a.replica().stable_until(OriginId{id})});
  std::vector<ExplainReply::NamedId> ids;
  if (!named_id.empty()) ids.push_back({make_id_key({}, named_id), named_id});
  const auto says = eventual::say(a.table(), "k", a.wall);
  std::string text;
  Reply reply(text);
  ExplainReply::begin(reply, "k", says, explanation, origins, ids);
  const ExplainReply::Replica replicas[] = {
      {.node = "a", .answered = true, .why = {}, .says = says, .behind = Millis(0)},
      {.node = "b", .answered = false, .why = "it is away", .says = {}, .behind = {}}};
  ExplainReply::replicas(reply, replicas);
  ReplyTokens in(text);
  Json told = json_of(in);
  EXPECT_TRUE(in.at_end());
  return told;
}

struct Two {
  TestReplica a{1, origins({1, 2, 3})}, b{2, origins({1, 2, 3})};
};

TEST(ExplainReply, TellsWhoAddedWhatAndWhichTryCounts) {
  Two two;
  two.a.write(add("k", 5), "anna:42");
  two.b.wall += Millis(1);
  ASSERT_TRUE(two.a.receive(OriginId{2}, two.b.write(add("k", 5), "anna:42")));
  ASSERT_TRUE(two.a.receive(OriginId{2}, two.b.write(add("k", 2))));
  const Json told = tell(two.a, "anna:42");
  EXPECT_EQ(told["key"], "k");
  EXPECT_EQ(told["guarantee"], "eventual");
  EXPECT_EQ(told["type"], "string");
  EXPECT_EQ(told["value"], "7");
  EXPECT_EQ(told["expires-at-ms"], nullptr);
  const Json& from_a = told["origins"][0];
  EXPECT_EQ(from_a["origin"], "a");
  EXPECT_EQ(from_a["incarnation"], "1");
  EXPECT_EQ(from_a["position"], 1);
  EXPECT_EQ(from_a["stable-position"], 0);
  EXPECT_EQ(from_a["clock"], "1000000.0");
  EXPECT_EQ(from_a["sum"], 5);
  const Json effect = {{"what", "add 5"},      {"id", "anna:42"}, {"at-ms", 1'000'000},
                       {"clock", "1000000.0"}, {"position", 1},   {"removes-what-it-saw", true},
                       {"covered", false},     {"counts", true}};
  EXPECT_EQ(from_a["effects"][0], effect);
  EXPECT_EQ(told["origins"][1]["sum"], 2);
  EXPECT_EQ(told["origins"][1]["effects"][0]["id"], nullptr);
  const Json id = {{"id", "anna:42"},
                   {"merged-from", {"a", "b"}},
                   {"counted-from", "a"},
                   {"suppressed", 1},
                   {"answered-differently", false}};
  EXPECT_EQ(told["ids"], Json::array({id}));
  EXPECT_EQ(told["ids-left-out"], 0);
  const std::string hash = tell(two.a)["ids"][0]["id"];
  EXPECT_TRUE(hash.starts_with("hash:")) << hash;
  EXPECT_EQ(hash.size(), 37u);
}

TEST(ExplainReply, TellsWhatEachNodeSaysOrWhyNot) {
  Two two;
  two.a.write(set("k", "text"));
  const Json replicas = tell(two.a)["replicas"];
  ASSERT_EQ(replicas.size(), 2u);
  EXPECT_EQ(replicas[0]["value"], "text");
  EXPECT_EQ(replicas[0]["behind-ms"], 0);
  EXPECT_EQ(replicas[0]["digest"], tell(two.a)["digest"]);
  const Json away = {
      {"node", "b"}, {"answered", false}, {"why", "it is away"}, {"behind-ms", nullptr}};
  EXPECT_EQ(replicas[1], away);
}

TEST(ExplainReply, HasWordsForEveryEffect) {
  Two two;
  two.a.write(hset("k", "f", "x"), "1");
  two.a.write(hadd("k", "n", -3), "2");
  two.a.write(hdel("k", "f"), "3");
  two.a.write(del("k"), "6");
  two.a.write(sadd("k", "m"), "7");
  two.a.write(srem("k", "m"), "8");
  two.a.write(set("k", "y"), "9");
  // Last: with an expiry about, what is written where nothing is seen clears the key for good
  // first.
  two.a.write(expire("k", instant_from_ms(2'000'000)), "4");
  two.a.write(persist("k"), "5");
  std::set<std::string> words;
  const Json told = tell(two.a);
  for (const Json& effect : told["origins"][0]["effects"]) {
    std::string what = effect["what"];
    if (effect.contains("field")) what += " field " + effect["field"].get<std::string>();
    if (effect.contains("member")) what += " member " + effect["member"].get<std::string>();
    words.insert(what);
  }
  EXPECT_EQ(words, (std::set<std::string>{"set \"x\" field f", "add -3 field n", "remove field f",
                                          "expire at 2000000", "never expire", "remove all",
                                          "add member m", "remove member m", "set \"y\""}));
}

TEST(ExplainReply, TellsOfWhatIsStableByElement) {
  TestReplica alone{1};
  alone.write(hset("k", "f", "x"));
  alone.write(hadd("k", "n", 3));
  alone.write(expire("k", instant_from_ms(2'000'000)));
  Json stable = tell(alone)["stable"];
  EXPECT_EQ(stable["expires-at-ms"], 2'000'000);
  EXPECT_EQ(stable["left-out"], 0);
  const Json fields =
      Json::array({Json{{"field", "f"}, {"value", "\"x\""}, {"covered", false}, {"counts", true}},
                   Json{{"field", "n"}, {"sum", 3}, {"covered", false}, {"counts", true}}});
  EXPECT_EQ(stable["fields"], fields);
  alone.write(set("k", std::string(300, 'z')));
  stable = tell(alone)["stable"];
  EXPECT_EQ(stable["value"], "\"" + std::string(128, 'z') + "\"…");
  EXPECT_FALSE(stable.contains("fields"));
}

TEST(ExplainReply, AStrongKeyHasAVersionAndAPosition) {
  TestReplica alone{1};
  alone.write(set("k", "x"));
  std::string text;
  Reply reply(text);
  ExplainReply::strong(reply, "k", eventual::say(alone.table(), "k", alone.wall), 17, Position{20});
  ReplyTokens in(text);
  const Json told = json_of(in);
  EXPECT_EQ(told["guarantee"], "strong");
  EXPECT_EQ(told["version"], 17);
  EXPECT_EQ(told["position"], 20);
  EXPECT_NE(told["note"].get<std::string>().find("one order"), std::string::npos);
}

}  // namespace
}  // namespace holdfast::node
