// SPDX-License-Identifier: Apache-2.0
#include "server/json_scanner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "server/bad_input.h"
#include "server/json_reply.h"

namespace holdfast::server {
namespace {

using Kind = JsonScanner::Kind;

/// What the pieces build, and why they end.
std::string walked(std::string_view text) {
  std::string told;
  JsonScanner scanner(text);
  while (true) {
    switch (scanner.next()) {
      case Kind::begin_array:
        told += '[';
        break;
      case Kind::end_array:
        told += ']';
        break;
      case Kind::begin_object:
        told += '{';
        break;
      case Kind::end_object:
        told += '}';
        break;
      case Kind::name:
        told += "name:" + std::string(scanner.text());
        break;
      case Kind::string:
        told += "string:" + std::string(scanner.text()) + ";";
        break;
      case Kind::number:
        told += "number:" + std::string(scanner.text()) + ";";
        break;
      case Kind::yes:
      case Kind::no:
      case Kind::null:
        told += std::string(scanner.text()) + ";";
        break;
      case Kind::end:
        return told;
      case Kind::bad:
        return told + "!" + std::to_string(scanner.position()) + " " + std::string(scanner.why());
    }
  }
}

TEST(JsonScanner, GivesThePiecesInTurn) {
  EXPECT_EQ(walked(R"( ["a", -1.5e3 , true,false ,null,{"b":[ ],"c" : {}}] )"),
            "[string:a;number:-1.5e3;true;false;null;{name:b[]name:c{}}]");
  EXPECT_EQ(walked(R"("\"\\\/\b\f\n\r\tA\u00e9\ud83d\ude00é")"),
            "string:\"\\/\b\f\n\r\tA\xC3\xA9\xF0\x9F\x98\x80\xC3\xA9;");
}

TEST(JsonScanner, SaysWhatIsWrongAndWhere) {
  EXPECT_EQ(walked("[1,]"), "[number:1;!3 there is no JSON value here");
  EXPECT_EQ(walked("[1}"), "[number:1;!2 this ends something else");
  EXPECT_EQ(walked("{\"a\" 1}"), "{!5 a colon is missing here");
  EXPECT_EQ(walked("\"a\nb\""), "!2 a control character stands in a string");
  EXPECT_EQ(walked("\"ab"), "!0 a string has no end");
  EXPECT_EQ(walked(R"("\x")"), "!1 there is no such escape");
  EXPECT_EQ(walked(R"("\u12g4")"), "!1 \\u takes four hexadecimal digits");
  EXPECT_EQ(walked(""), "!0 the JSON is cut off");
  EXPECT_EQ(walked(std::string(limits::json_depth_max + 1, '[')).substr(limits::json_depth_max),
            "!" + std::to_string(limits::json_depth_max) + " it is nested too deep");
  EXPECT_EQ(
      walked(std::string(limits::json_depth_max, '[') + std::string(limits::json_depth_max, ']'))
          .find('!'),
      std::string::npos);
}

TEST(JsonScanner, JudgesAsTheTestSuite) {
  const std::string path = bad_input::path("json-testsuite.jsonl.gz");
  const std::unique_ptr<FILE, int (*)(FILE*)> file(popen(("zcat " + path).c_str(), "r"), pclose);
  std::string all;
  char piece[65'536];
  for (std::size_t n = 0; (n = fread(piece, 1, sizeof(piece), file.get())) > 0;)
    all.append(piece, n);
  if (all.empty()) GTEST_SKIP() << "no " << path;
  int judged = 0;
  for (std::size_t at = 0, end = 0; (end = all.find('\n', at)) != std::string::npos; at = end + 1) {
    const auto record = nlohmann::json::parse(all.substr(at, end - at));
    const std::string bytes = bad_input::from_base64(record["raw"].get<std::string>());
    const bool good = walked(bytes).find('!') == std::string::npos;
    const std::string verdict = record["verdict"];
    ++judged;
    if (verdict == "either") continue;
    EXPECT_EQ(good, verdict == "accept") << record["name"] << " " << verdict;
  }
  EXPECT_GT(judged, 300);
}

RC_GTEST_PROP(JsonScanner, ReadsWhatIsWritten, (const std::string& bytes)) {
  std::string written;
  append_json_string(written, bytes);
  JsonScanner scanner(written);
  RC_ASSERT(scanner.next() == Kind::string);
  // What was no UTF-8 has been replaced; nlohmann's writer replaces it, too.
  const auto expected = nlohmann::json::parse(
      nlohmann::json(bytes).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  const bool ascii = std::ranges::all_of(bytes, [](char c) { return c >= 0; });
  if (ascii) RC_ASSERT(scanner.text() == expected.get<std::string>());
  RC_ASSERT(scanner.next() == Kind::end);
  RC_ASSERT(nlohmann::json::accept(written));
}

}  // namespace
}  // namespace holdfast::server
