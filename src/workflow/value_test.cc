// SPDX-License-Identifier: Apache-2.0
#include "workflow/value.h"

#include <gtest/gtest.h>

namespace holdfast::workflow {
namespace {

const Document document = Json::parse(R"({
  "input": {"amount": 700, "to": "anna", "list": [1, {"deep": true}], "a/b": 1, "nothing": null},
  "run": {"id": "order-17"}, "steps": {"quote": {"price": 2.5}}})");

std::string evaluated(const char* form) {
  const Json json = Json::parse(form);
  EXPECT_TRUE(check_form(json, "")) << form;
  const auto value = evaluate(json, document);
  return value ? write_json(*value) : "error: " + value.error().message;
}

TEST(Value, StandsForItselfOrForWhatItPointsTo) {
  EXPECT_EQ(evaluated("700"), "700");
  EXPECT_EQ(evaluated(R"({"a": [1, "x", null]})"), R"({"a":[1,"x",null]})");
  EXPECT_EQ(evaluated(R"({"from": "/input/amount"})"), "700");
  EXPECT_EQ(evaluated(R"({"from": "/input/a~1b"})"), "1");
  EXPECT_EQ(evaluated(R"({"from": "/input/list/1"})"), R"({"deep":true})");
  EXPECT_EQ(evaluated(R"({"from": "/input/nothing"})"), "null");
  EXPECT_EQ(evaluated(R"({"from": "/input/nothing", "else": 1})"), "null");
  EXPECT_EQ(evaluated(R"({"from": "/input/none", "else": {"from": "/run/id"}})"), R"("order-17")");
  EXPECT_EQ(evaluated(R"([{"x": {"from": "/steps/quote/price"}}])"), R"([{"x":2.5}])");
  EXPECT_EQ(evaluated(R"({"literal": {"from": "/input/amount"}})"), R"({"from":"/input/amount"})");
  EXPECT_EQ(evaluated(R"({"from": "/input/amount", "other": 1})"),
            R"({"from":"/input/amount","other":1})");
}

TEST(Value, TextsAreBuiltOfStringsAndNumbers) {
  EXPECT_EQ(evaluated(R"({"text": ["accounts:", {"from": "/input/to"}, ":", 5, -1.5]})"),
            R"("accounts:anna:5-1.5")");
  EXPECT_EQ(evaluated(R"({"text": []})"), R"("")");
  EXPECT_EQ(evaluated(R"({"text": [null]})"), "error: null is no text");
  EXPECT_EQ(evaluated(R"({"text": [{"from": "/input/list"}]})"), "error: array is no text");
}

TEST(Value, WhatIsNotThereIsAnError) {
  for (const char* pointer : {"/input/none", "/input/amount/x", "/input/list/7", "/input/list/x",
                              "/input/list/01", "/input/list/-", "/steps/later"}) {
    EXPECT_EQ(evaluated((R"({"from": ")" + std::string(pointer) + "\"}").c_str()),
              "error: there is nothing at " + std::string(pointer));
  }
}

TEST(Value, Conditions) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"equal": [{"from": "/input/to"}, "anna"]})", "yes"},
      {R"({"equal": [1, 1.0]})", "yes"},
      {R"({"equal": [1, "1"]})", "no"},
      {R"({"less": [{"from": "/input/amount"}, 700]})", "no"},
      {R"({"less": ["a", "b"]})", "yes"},
      {R"({"less": [1, "b"]})", "error"},
      {R"({"present": "/steps/quote"})", "yes"},
      {R"({"present": "/steps/later"})", "no"},
      {R"({"not": {"present": "/steps/later"}})", "yes"},
      {R"({"all": []})", "yes"},
      {R"({"any": []})", "no"},
      {R"({"all": [{"equal": [1, 1]}, {"equal": [1, 2]}, {"less": [1, "b"]}]})", "no"},
      {R"({"any": [{"equal": [1, 2]}, {"equal": [1, 1]}, {"less": [1, "b"]}]})", "yes"},
      {R"({"equal": [{"from": "/input/none"}, 1]})", "error"},
  };
  for (const auto& [text, wanted] : cases) {
    const Json condition = Json::parse(text);
    EXPECT_TRUE(check_condition(condition, "")) << text;
    const auto held = holds(condition, document);
    EXPECT_STREQ(held ? (*held ? "yes" : "no") : "error", wanted) << text;
  }
  EXPECT_TRUE(holds(nullptr, document).value_or(false));
}

}  // namespace
}  // namespace holdfast::workflow
