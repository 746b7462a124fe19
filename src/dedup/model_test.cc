// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <memory>

#include "dedup/id_table.h"
#include "dedup/test_store.h"

// The table against a map that never forgets by itself, under random calls,
// budgets, checkpoints, failed commits and restarts.
namespace holdfast {
namespace {

constexpr KeyspaceId likes{7};

/// What a table must answer, as plainly as it can be said.
struct Model {
  struct Remembered {
    std::uint64_t fingerprint;
    std::int64_t first_applied;
    bool voided;
    std::string reply;
  };
  std::map<std::uint64_t, Remembered> ids;
  std::int64_t horizon = -1;

  const Remembered* find(std::uint64_t id, std::int64_t now, std::int64_t retain) const {
    const auto it = ids.find(id);
    if (it == ids.end()) return nullptr;
    const std::int64_t first = it->second.first_applied;
    return first + retain <= now || first <= horizon ? nullptr : &it->second;
  }
};

std::string random_reply() {
  const int kind = *rc::gen::inRange(0, 12);
  if (kind == 0) return "";
  if (kind == 1) return std::string(*rc::gen::inRange<std::size_t>(50, 70), 'r') + "\r\n";
  if (kind == 2) return std::string(*rc::gen::inRange<std::size_t>(2000, 5000), '\0');
  return ":" + std::to_string(*rc::gen::inRange(-5, 100'000)) + "\r\n";
}

struct Run {
  std::size_t budget = *rc::gen::element<std::size_t>(1, 6'000, 20'000, 1'000'000);
  std::int64_t retain = *rc::gen::element(1, 50, 400, 10'000);
  std::int64_t now = 1'000'000;
  TestStore store;
  std::unique_ptr<IdTable> table = make();
  Model model;
  Model stored;  // as of the last committed checkpoint
  std::int64_t stored_retain = 0, stored_now = 0;
  CheckpointRows rows;  // of the checkpoint that has begun
  std::optional<Model> begun;

  Run() {
    stored_retain = retain;
    stored_now = now;
  }

  std::unique_ptr<IdTable> make() {
    return std::make_unique<IdTable>(
        likes, store,
        IdTable::Options{.memory_bytes_max = budget,
                         .retain = Millis(retain),
                         .hash_seed = *rc::gen::inRange<std::uint64_t>(0, 3)});
  }

  void check(std::uint64_t id) const {
    const auto outcome = table->find(id_of(id), at(now));
    const Model::Remembered* expected = model.find(id, now, retain);
    RC_ASSERT(outcome.has_value() == (expected != nullptr));
    if (expected == nullptr) return;
    RC_ASSERT(outcome->fingerprint == expected->fingerprint);
    RC_ASSERT(to_ms(outcome->first_applied) == expected->first_applied);
    RC_ASSERT(outcome->voided == expected->voided);
    RC_ASSERT(outcome->reply == expected->reply);
  }

  void record(std::uint64_t id) {
    if (model.find(id, now, retain) != nullptr) return;
    const Model::Remembered made{*rc::gen::arbitrary<std::uint64_t>(), now,
                                 *rc::gen::inRange(0, 5) == 0, random_reply()};
    table->record(id_of(id), made.fingerprint, at(now), made.reply, made.voided);
    model.ids[id] = made;
  }

  // A try becomes known that came before, or (its stamp being another node's) after.
  void replace(std::uint64_t id) {
    const Model::Remembered made{*rc::gen::arbitrary<std::uint64_t>(),
                                 now - *rc::gen::inRange<std::int64_t>(-20, 200), false,
                                 random_reply()};
    table->replace(id_of(id), made.fingerprint, at(made.first_applied), made.reply);
    model.ids[id] = made;
  }

  void expire() {
    table->expire(at(now));
    model.horizon = std::max(model.horizon, now - retain);
  }

  void begin() {
    if (begun) return;
    rows = CheckpointRows();
    table->begin_checkpoint(rows);
    begun = model;
    stored_retain = retain;
    stored_now = now;
  }

  void end(bool commit) {
    if (!begun) return;
    if (commit) {
      RC_ASSERT(store.commit(std::move(rows)).has_value());
      stored = *begun;
    }
    table->end_checkpoint(commit);
    begun.reset();
  }

  void restart() {
    begun.reset();
    table = make();
    RC_ASSERT(table->load().has_value());
    model = stored;
  }

  void warm() {
    if (begun) return;
    int pages = *rc::gen::inRange(0, 10);
    RC_ASSERT(table->warm([&pages] { return --pages == 0; }).has_value());
  }
};

void step(Run& run, std::uint64_t ids) {
  const auto id = *rc::gen::inRange<std::uint64_t>(0, ids);
  switch (*rc::gen::inRange(0, 20)) {
    case 0:
      return run.replace(id);
    case 1:
      return run.expire();
    case 2:
      return run.begin();
    case 3:
    case 4:
      return run.end(true);
    case 5:
      return run.end(false);
    case 6:
      return *rc::gen::inRange(0, 3) == 0 ? run.restart() : run.warm();
    case 7:
      run.now += *rc::gen::inRange<std::int64_t>(0, run.retain);
      return;
    case 8:
      run.retain = *rc::gen::element(1, 50, 400, 10'000);
      return run.table->set_retain(Millis(run.retain));
    case 9:
    case 10:
    case 11:
    case 12:
      return run.check(id);
    default:
      // Several at a time, so that generations fill.
      for (std::uint64_t n = 0; n < 8; ++n) run.record((id + n) % ids);
      run.now += *rc::gen::inRange<std::int64_t>(0, 3);
  }
}

RC_GTEST_PROP(IdTableModel, RemembersExactlyThroughCheckpointsFailuresAndRestarts, ()) {
  Run run;
  const auto ids = *rc::gen::element<std::uint64_t>(5, 100, 1'000);
  const int steps = *rc::gen::inRange(0, 200);
  for (int i = 0; i < steps; ++i) step(run, ids);
  for (std::uint64_t id = 0; id < ids; ++id) run.check(id);
  run.begin();
  run.end(true);
  run.restart();
  for (std::uint64_t id = 0; id < ids; ++id) run.check(id);
}

// Two tables get the same calls of record, replace, expire and set_retain, and
// differ in everything else.
RC_GTEST_PROP(IdTableModel, CountsDependOnTheCallsAlone, ()) {
  TestStore store;
  const auto make = [&store](std::size_t budget, Millis retain, std::uint64_t seed) {
    return std::make_unique<IdTable>(
        likes, store,
        IdTable::Options{.memory_bytes_max = budget, .retain = retain, .hash_seed = seed});
  };
  Millis retain{300};
  std::int64_t now = 1'000'000;
  TestStore plain_store;
  IdTable plain(likes, plain_store, {.retain = retain});
  auto other = make(4096, retain, 1);
  std::uint64_t next = 0;
  const int steps = *rc::gen::inRange(0, 200);
  for (int i = 0; i < steps; ++i) {
    switch (*rc::gen::inRange(0, 8)) {
      case 0: {
        const std::string reply = random_reply();
        const auto id = id_of(*rc::gen::inRange<std::uint64_t>(0, next + 1));
        const Instant first = at(now - *rc::gen::inRange<std::int64_t>(0, 100));
        plain.replace(id, 1, first, reply);
        other->replace(id, 1, first, reply);
        break;
      }
      case 1:
        plain.expire(at(now));
        other->expire(at(now));
        break;
      case 2:
        retain = Millis(*rc::gen::inRange(1, 5000));
        plain.set_retain(retain);
        other->set_retain(retain);
        break;
      case 3:
        checkpoint(*other, store);
        if (*rc::gen::arbitrary<bool>()) {
          other = make(4096, retain, static_cast<std::uint64_t>(i));
          RC_ASSERT(other->load().has_value());
        }
        break;
      default:
        for (int n = 0; n < 10; ++n, ++next) {
          const std::string reply = random_reply();
          plain.record(id_of(next), next, at(now), reply);
          other->record(id_of(next), next, at(now), reply);
        }
    }
    now += *rc::gen::inRange<std::int64_t>(0, 50);
    RC_ASSERT(plain.total_bytes() == other->total_bytes());
    RC_ASSERT(plain.size() == other->size());
    RC_ASSERT(plain.horizon() == other->horizon());
  }
  plain.expire(at(now) + retain * 2);
  RC_ASSERT(plain.total_bytes() == 0U);
}

}  // namespace
}  // namespace holdfast
