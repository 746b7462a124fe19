// SPDX-License-Identifier: Apache-2.0
#include "node/keyspace_states.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace holdfast::node {
namespace {

// A UUIDv7 may lie an hour ahead of its first application. It is refused as too
// old only a window after its own time, so it must be remembered until then.
TEST(KeyspaceStates, AnIdFromAnHourAheadIsRememberedUntilItsOwnTimeIsAWindowOld) {
  for (const Guarantee guarantee : {Guarantee::strong, Guarantee::eventual}) {
    const auto store = make_memory_store();
    Catalog catalog;
    KeyspaceStates states(catalog, *store, nullptr, 1_MiB, 1);
    Keyspace wanted;
    wanted.name = "likes";
    wanted.guarantee = guarantee;
    wanted.retain_ids = Millis(10'000);
    const Keyspace& made = **catalog.create(wanted);
    states.on_created(made);
    IdTable& ids = states.find(made.id)->ids;

    const Instant applied = instant_from_ms(1'800'000'000'000);
    const Instant own_time = applied + Millis(limits::request_id_ahead_ms_max);
    const IdKey id = make_id_key(ServiceId{}, "an id made on a fast clock");
    ids.record(id, 1, applied, ":1\r\n");
    EXPECT_TRUE(ids.find(id, own_time + wanted.retain_ids)) << static_cast<int>(guarantee);
  }
}

// A checkpoint knows nothing more of a keyspace that was dropped: a peer's operations on
// it would be waited with for ever.
TEST(KeyspaceStates, ADroppedKeyspaceWasHeardOfAfterARestart) {
  const auto store = make_memory_store();
  Catalog before;
  Keyspace wanted;
  wanted.name = "likes";
  wanted.guarantee = Guarantee::eventual;
  const KeyspaceId dropped = (**before.create(wanted)).id;
  ASSERT_TRUE(before.drop("likes"));
  Catalog catalog;
  ASSERT_TRUE(catalog.decode(before.encode()));
  KeyspaceStates states(catalog, *store, nullptr, 1_MiB, 1);
  ASSERT_TRUE(states.load());
  EXPECT_TRUE(states.knows_up_to(dropped));
  EXPECT_FALSE(states.knows_up_to({dropped.value + 1}));
  EXPECT_EQ(states.eventual_state(dropped), nullptr);
  EXPECT_FALSE(states.met_unknown());
  EXPECT_EQ(states.eventual_state({dropped.value + 1}), nullptr);
  EXPECT_TRUE(states.met_unknown());
}

// When an expired key is erased differs from node to node; what a command answers must not.
TEST(KeyspaceStates, AnExpiredKeyHoldsNoPrefix) {
  const auto store = make_memory_store();
  Catalog catalog;
  KeyspaceStates states(catalog, *store, nullptr, 1_MiB, 1);
  ASSERT_TRUE(states.load());
  const Instant noon = instant_from_ms(1'800'000'000'000);
  Table& table = states.find(Catalog::default_id)->table;
  table.put("shop:1", Value::integer(1));
  table.set_expiry("shop:1", noon);
  EXPECT_TRUE(states.default_holds_prefix("shop", noon - Millis(1)));
  EXPECT_FALSE(states.default_holds_prefix("shop", noon));
}

}  // namespace
}  // namespace holdfast::node
