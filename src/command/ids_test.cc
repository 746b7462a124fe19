// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "command/table.h"
#include "command/test_world.h"
#include "dedup/id_table.h"

namespace holdfast::command {
namespace {

const Instant now = instant_from_ms(1'700'000'000'000);

struct Ids {
  std::unique_ptr<Store> store = make_memory_store();
  IdTable table{KeyspaceId{1}, *store, {}};

  std::string run(std::string_view name, std::string_view id, ServiceId caller = {}) {
    const std::array<std::string_view, 3> args{name, id, "money"};
    std::string bytes;
    Reply reply(bytes);
    IdContext context{table, caller, now};
    all_commands().find(name)->ids(context, args, reply);
    return bytes;
  }
  void record(std::string_view id, std::string_view reply) {
    table.record(make_id_key({}, id), 1, now, reply);
  }
};

TEST(Outcome, IsTheRecordedReplyInAnArrayOfOne) {
  Ids ids;
  ids.record("a", ":42\r\n");
  ids.record("b", "$-1\r\n");
  ids.record("c", "-WRONGTYPE no\r\n");
  EXPECT_EQ(ids.run("OUTCOME", "a"), "*1\r\n:42\r\n");
  EXPECT_EQ(ids.run("OUTCOME", "b"), "*1\r\n$-1\r\n");
  EXPECT_EQ(ids.run("OUTCOME", "c"), "*1\r\n-WRONGTYPE no\r\n");
  EXPECT_EQ(ids.run("OUTCOME", "d"), "$-1\r\n");
}

TEST(Outcome, IsTheCallersOwn) {
  Ids ids;
  ids.record("a", ":42\r\n");
  EXPECT_EQ(ids.run("OUTCOME", "a", ServiceId{7}), "$-1\r\n");
}

TEST(Void, SettlesAnIdWithoutOutcomeForGood) {
  Ids ids;
  EXPECT_EQ(ids.run("VOID", "a"), "+OK\r\n");
  EXPECT_EQ(ids.run("VOID", "a"), "+OK\r\n");
  EXPECT_TRUE(ids.run("OUTCOME", "a").starts_with("-VOIDED "));
  EXPECT_TRUE(ids.table.find(make_id_key({}, "a"), now)->voided);
}

TEST(Void, AnswersTheOutcomeThatIsThere) {
  Ids ids;
  ids.record("a", ":42\r\n");
  EXPECT_EQ(ids.run("VOID", "a"), "*1\r\n:42\r\n");
  EXPECT_FALSE(ids.table.find(make_id_key({}, "a"), now)->voided);
}

TEST(RequestIds, MustBePrintable) {
  Ids ids;
  EXPECT_TRUE(ids.run("OUTCOME", "a b").starts_with("-ERR invalid request id"));
  EXPECT_TRUE(ids.run("VOID", std::string(65, 'x')).starts_with("-ERR invalid request id"));
  EXPECT_EQ(ids.table.size(), 0u);
}

}  // namespace
}  // namespace holdfast::command
