// SPDX-License-Identifier: Apache-2.0
#include "server/static_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/browser.h"

namespace holdfast::server {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr StaticFile files[] = {{"index.html", "<p>console"},
                                {"index.html.gz", "\x1f\x8b-packed"},
                                {"console/app-1f3a.js", "run()"},
                                {"console/app-1f3a.js.gz", "\x1f\x8b-packed too"},
                                {"console/dot-77aa.svg", "<svg/>"}};

struct Console {
  Console() { browser.context.files = files; }
  fake::Heard get(std::string_view path, std::string_view headers = {}) {
    return browser.get(path, headers);
  }
  fake::Browser browser;
};

TEST(StaticFiles, GivesThePackedFormToWhoTakesItAndThePlainOneToOthers) {
  Console console;
  const auto plain = console.get("/");
  EXPECT_EQ(plain.status, 200);
  EXPECT_EQ(plain.body, "<p>console");
  EXPECT_THAT(plain.head, HasSubstr("Content-Type: text/html; charset=utf-8\r\n"));
  EXPECT_THAT(plain.head, HasSubstr("Vary: Accept-Encoding\r\n"));
  EXPECT_THAT(plain.head, Not(HasSubstr("Content-Encoding")));
  for (const char* const takes : {"gzip", "br, GZip;q=0.5", "gzip ; q=1.0, identity"}) {
    const auto packed = console.get("/", "Accept-Encoding: " + std::string(takes) + "\r\n");
    EXPECT_EQ(packed.body, "\x1f\x8b-packed") << takes;
    EXPECT_THAT(packed.head, HasSubstr("Content-Encoding: gzip\r\n")) << takes;
    EXPECT_THAT(packed.head, HasSubstr("Content-Type: text/html; charset=utf-8\r\n")) << takes;
  }
  for (const char* const not_it : {"", "br", "gzip;q=0", "gzip; q=0.000", "xgzip"}) {
    EXPECT_EQ(console.get("/", "Accept-Encoding: " + std::string(not_it) + "\r\n").body,
              "<p>console")
        << not_it;
  }
  EXPECT_EQ(console.get("/console/dot-77aa.svg", "Accept-Encoding: gzip\r\n").body, "<svg/>");
}

// A browser keeps what is named by its bytes, and asks each time for what is not.
TEST(StaticFiles, OnlyNamesThatTellOfTheirBytesAreKeptForEver) {
  Console console;
  EXPECT_THAT(console.get("/console/app-1f3a.js").head,
              HasSubstr("Cache-Control: public, max-age=31536000, immutable\r\n"));
  const auto index = console.get("/");
  EXPECT_THAT(index.head, HasSubstr("Cache-Control: no-cache\r\n"));
  const std::size_t at = index.head.find("ETag: ") + 6;
  const std::string tag = index.head.substr(at, index.head.find('\r', at) - at);
  const auto again = console.get("/", "If-None-Match: " + tag + "\r\n");
  EXPECT_EQ(again.status, 304);
  EXPECT_EQ(again.body, "");
  EXPECT_EQ(console.get("/", "If-None-Match: \"other\"\r\n").status, 200);
  // The packed form is another representation: its tag is its own.
  EXPECT_EQ(console.get("/", "Accept-Encoding: gzip\r\nIf-None-Match: " + tag + "\r\n").status,
            200);
}

TEST(StaticFiles, SayThatThePageMayLoadNothingFromElsewhere) {
  Console console;
  for (const char* const path : {"/", "/console/app-1f3a.js"}) {
    const auto heard = console.get(path);
    EXPECT_THAT(heard.head, HasSubstr("Content-Security-Policy: default-src 'self';"));
    EXPECT_THAT(heard.head, HasSubstr("X-Content-Type-Options: nosniff\r\n"));
    EXPECT_THAT(heard.head, HasSubstr("Referrer-Policy: no-referrer\r\n"));
  }
}

TEST(StaticFiles, NothingElseIsThere) {
  Console console;
  for (const char* const path :
       {"/console/app-1f3a.js.gz", "/console/none.js", "/console/..%2Findex.html", "/console/"})
    EXPECT_EQ(console.get(path).status, 404) << path;
  EXPECT_EQ(console.browser.request("HEAD", "/", {}, {}).status, 200);
  EXPECT_EQ(console.browser.request("DELETE", "/", {}, {}).status, 405);
}

}  // namespace
}  // namespace holdfast::server
