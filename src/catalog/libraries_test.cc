// SPDX-License-Identifier: Apache-2.0
// Protects: what a checkpoint keeps of libraries brings them back, and nothing that is damaged
// does.
#include "catalog/libraries.h"

#include <gtest/gtest.h>

#include <string>

namespace holdfast {
namespace {

const std::string small = "#!lua name=a\nredis.register_function('f',tostring)";

void add(Libraries& libraries, std::uint32_t keyspace, const std::string& source) {
  auto library = function::Library::load(source);
  ASSERT_TRUE(library) << library.error().message;
  ASSERT_TRUE(libraries.of({keyspace}).add(*std::move(library), false));
}

TEST(Libraries, AreKeptAsTheFormatSays) {
  Libraries libraries;
  add(libraries, 2, small);
  EXPECT_EQ(libraries.encode(), "\x01\x01\x02\x32" + small);
  EXPECT_EQ(Libraries().encode(), std::string("\x01\x00", 2));
}

TEST(Libraries, ComeBack) {
  Libraries libraries;
  add(libraries, 2, small);
  add(libraries, 7, small);
  add(libraries, 7, "#!lua name=b keyspace=x\nredis.register_function('g',tostring)");
  Libraries read;
  add(read, 1, small);
  ASSERT_TRUE(read.decode(libraries.encode()));
  EXPECT_EQ(read.size(), 3U);
  EXPECT_FALSE(read.of({1}).find("f"));
  EXPECT_TRUE(read.of({2}).find("f"));
  EXPECT_TRUE(read.of({7}).find("g"));
  EXPECT_EQ(read.encode(), libraries.encode());
}

TEST(Libraries, DamagedOnesAreRefusedAndNothingChanges) {
  Libraries libraries;
  add(libraries, 2, small);
  const std::string bytes = libraries.encode();
  Libraries read;
  add(read, 3, small);
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_EQ(read.decode(bytes.substr(0, size)).error().code, Code::corrupt) << size;
  for (const std::string& wrong :
       {bytes + "x", "\x02" + bytes.substr(1), std::string("\x01\x02\x02\x32") + small,
        std::string("\x01\x02\x02\x32").append(small).append("\x02\x32").append(small),
        std::string("\x01\x01", 2) + std::string("\x00\x32", 2) + small}) {
    EXPECT_FALSE(read.decode(wrong));
  }
  EXPECT_EQ(read.size(), 1U);
  EXPECT_TRUE(read.of({3}).find("f"));
}

TEST(Libraries, AFunctionIsInOneLibraryOfAKeyspace) {
  Libraries libraries;
  add(libraries, 2, small);
  function::Functions& functions = libraries.of({2});
  const auto other = function::Library::load("#!lua name=b\nredis.register_function('f',tostring)");
  ASSERT_TRUE(other);
  EXPECT_FALSE(functions.add(*other, false));
  EXPECT_FALSE(functions.add(*other, true)) << "REPLACE replaces a library, not another's function";
  const auto again = function::Library::load(small);
  EXPECT_FALSE(functions.add(*again, false));
  EXPECT_TRUE(functions.add(*again, true));
  EXPECT_TRUE(functions.remove("a"));
  EXPECT_FALSE(functions.remove("a"));
  EXPECT_TRUE(functions.add(*other, false));
}

}  // namespace
}  // namespace holdfast
