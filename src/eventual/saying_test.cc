// SPDX-License-Identifier: Apache-2.0
// Protects: what a replica says of a key in short: equal where the content is, bounded, and
// no character cut.
#include "eventual/saying.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "eventual/test_lines.h"
#include "value/list.h"

namespace holdfast::eventual::testing {
namespace {

Saying say_of(TestReplica& replica, const std::string& key) {
  return say(replica.table(), key, replica.wall);
}

TEST(Saying, IsTheSameForTheSameContentWhateverItsOrder) {
  TestReplica one{1}, other{2};
  one.write(sadd("k", "x"));
  one.write(sadd("k", "y"));
  other.write(sadd("k", "y"));
  other.write(sadd("k", "x"));
  EXPECT_EQ(say_of(one, "k"), say_of(other, "k"));
  EXPECT_EQ(say_of(one, "k").value, "x, y");
  EXPECT_EQ(say_of(one, "k").size, 2u);
  other.write(expire("k", other.wall + Millis(100)));
  EXPECT_NE(say_of(one, "k").digest, say_of(other, "k").digest);
  EXPECT_EQ(say_of(other, "k").expiry, other.wall + Millis(100));
}

TEST(Saying, OfWhatIsNotThereIsNothing) {
  TestReplica one{1};
  EXPECT_EQ(say_of(one, "k"), Saying{});
}

TEST(Saying, ShowsALargeHashByItsFirstFields) {
  TestReplica one{1};
  for (int i = 50; i > 10; --i) one.write(hset("k", "f" + std::to_string(i), "v"));
  const Saying says = say_of(one, "k");
  EXPECT_EQ(says.size, 40u);
  EXPECT_TRUE(says.value.starts_with("f11: v, f12: v, ")) << says.value;
  EXPECT_TRUE(says.value.ends_with("f26: v, …")) << says.value;
}

// There are none in eventual keyspaces; EXPLAIN of a strong key shows them the same way.
TEST(Saying, ShowsAListInItsOrder) {
  const auto store = make_memory_store();
  Table table({1}, *store);
  auto list = std::make_unique<List>();
  for (int i = 0; i < 40; ++i) list->push_front("i" + std::to_string(i));
  table.put("k", Value::list(std::move(list)));
  const Saying says = say(table, "k", Instant{});
  EXPECT_EQ(says.size, 40u);
  EXPECT_TRUE(says.value.starts_with("i39, i38, ")) << says.value;
  EXPECT_TRUE(says.value.ends_with(", …")) << says.value;
}

TEST(Saying, CutsBetweenCharacters) {
  const std::size_t max = limits::explained_text_bytes_max;
  EXPECT_EQ(in_short(std::string(max, 'x')), std::string(max, 'x'));
  EXPECT_EQ(in_short(std::string(max + 1, 'x')), std::string(max, 'x') + "…");
  std::string accents(1, 'x');
  while (accents.size() < 2 * max) accents += "é";
  const std::string cut = in_short(accents);
  EXPECT_EQ(cut, accents.substr(0, max - 1) + "…");
  EXPECT_EQ(in_short(std::string(2 * max, '\x80')).size(), max - 3 + std::string("…").size());
}

}  // namespace
}  // namespace holdfast::eventual::testing
