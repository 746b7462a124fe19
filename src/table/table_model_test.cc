// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <random>
#include <set>

#include "table/disposal.h"
#include "table/table.h"
#include "table/test_table.h"
#include "value/hash.h"
#include "value/list.h"
#include "value/sorted_set.h"
#include "value/stored.h"

namespace holdfast {
namespace {

constexpr KeyspaceId keyspace{7};
const Instant start = instant_from_ms(1'000'000);

/// What a table is compared with: texts, hashes as "field=value;…" of their
/// fields in order, and sorted sets likewise, followed by their order.
struct Model {
  struct Kept {
    std::string text;
    std::uint64_t version = 0;
    std::optional<std::int64_t> expiry;
  };
  bool live(const std::string& key, Instant now) const {
    const auto found = keys.find(key);
    return found != keys.end() && !(found->second.expiry && *found->second.expiry <= to_ms(now));
  }
  std::map<std::string, Kept> keys;
};

std::string shown(const Value& value) {
  if (value.type() == Type::string) return text_of(value);
  std::string text;
  if (value.type() == Type::sorted_set) {
    const SortedSet& set = value.as_sorted_set();
    for (std::size_t i = 0; i < set.size(); ++i) {
      text.append(set.member_at(i)).append("@").append(std::to_string(set.score_at(i))).append(";");
    }
    for (const auto place : set.slice(0, set.size())) text.append("<").append(set.member_at(place));
    return text;
  }
  if (value.type() == Type::list) {
    value.as_list().walk(0, value.as_list().size(), [&](std::size_t, std::string_view item) {
      text.append(item).append(",");
      return true;
    });
    return text;
  }
  const Hash& hash = value.as_hash();
  for (std::size_t i = 0; i < hash.size(); ++i) {
    text.append(hash.field_at(i)).append("=").append(hash.value_at(i)).append(";");
  }
  return text;
}

std::map<std::string, std::string> seen_by_walks(Table& table, Instant now, std::size_t step) {
  std::map<std::string, std::string> seen;
  std::uint64_t cursor = 0;
  do {
    cursor = table.scan(cursor, step, now, [&](std::string_view key, const Value& value) {
      RC_ASSERT(seen.emplace(key, shown(value)).second);
    });
  } while (cursor != 0);
  return seen;
}

void compare(Table& table, const Model& model, Instant now) {
  RC_ASSERT(table.size() == model.keys.size());
  // Walks first: a read brings what it finds into memory.
  std::map<std::string, std::string> live;
  std::optional<std::int64_t> next_expiry;
  for (const auto& [key, kept] : model.keys) {
    if (model.live(key, now)) live.emplace(key, kept.text);
    if (kept.expiry) next_expiry = std::min(next_expiry.value_or(*kept.expiry), *kept.expiry);
  }
  RC_ASSERT(seen_by_walks(table, now, 3) == live);
  std::map<std::string, std::string> walked;
  table.for_each(now, [&](std::string_view key, const Value& value) {
    RC_ASSERT(walked.emplace(key, shown(value)).second);
  });
  RC_ASSERT(walked == live);
  RC_ASSERT(table.next_expiry().has_value() == next_expiry.has_value());
  if (next_expiry) RC_ASSERT(*table.next_expiry() <= instant_from_ms(*next_expiry));
  for (const auto& [key, kept] : model.keys) {
    const auto found = table.read(key, now);
    RC_ASSERT((found.value != nullptr) == model.live(key, now));
    if (found.value == nullptr) {
      RC_ASSERT(found.version == 0u);
      RC_ASSERT(!table.expiry(key, now));
      continue;
    }
    RC_ASSERT(shown(*found.value) == kept.text);
    RC_ASSERT(found.version == kept.version);
    const std::optional<Instant> expiry = table.expiry(key, now);
    RC_ASSERT(expiry.has_value() == kept.expiry.has_value());
    if (expiry) RC_ASSERT(to_ms(*expiry) == *kept.expiry);
  }
}

struct Mix {
  std::uint32_t keys = 60;
  std::uint32_t large = 6;  // one value of so many is stored in pieces
  bool restarts_often = false;
};

/// A table over a store, and what both should be. Changes, checkpoints in
/// slices with changes between them, failed commits, evictions and restarts in
/// any order: a restart must show what the model was when the last good
/// checkpoint began, and between restarts the table is the model.
class History {
 public:
  History(Store& store, std::uint32_t seed, Mix mix) : store_(store), random_(seed), mix_(mix) {}

  void step(int number) {
    const std::string key = draw_key();
    table_->set_version(++version_);
    if (draw(8) == 0) return take_back(number);
    if (draw(30) == 0) return move(key);
    if (mix_.restarts_often && draw(12) == 0) {
      restart();
      return compare(*table_, model_, now_);
    }
    const std::uint32_t what = draw(100);
    if (what < 20) return put(key);
    if (what < 40) return change(key, number);
    if (what < 52) return erase(key);
    if (what < 60) return set_expiry(key);
    if (what < 66) return void(now_ += Millis(draw(draw(10) == 0 ? 100'000 : 10)));
    if (what < 70) return expire();
    if (what < 72) return look_at_due();
    if (what < 88) return checkpoint();
    if (what < 93) return void(table_->evict(draw(5'000)));
    if (what < 95) return clear();
    if (what < 97) return warm();
    if (what < 98) return restart();
    compare(*table_, model_, now_);
  }
  void finish() {
    compare(*table_, model_, now_);
    const std::uint64_t digest = table_->digest(now_);
    table_->evict(1'000'000);
    RC_ASSERT(table_->digest(now_) == digest);
  }

 private:
  // Of large values that shrank, went or were replaced.
  void leaves_no_pieces_behind() {
    Table stored(keyspace, store_);
    RC_ASSERT(stored.load().has_value());
    std::size_t pieces = 0;
    stored.for_each(Instant{}, [&](std::string_view, const Value& value) {
      Value copy = value.clone();  // whose pieces are numbered without gaps
      if (const Pieces* const of_it = pieces_of(copy)) pieces += of_it->size();
    });
    std::size_t rows = 0;
    const std::string prefix = keyspace_row_prefix(keyspace) + '\x03';
    RC_ASSERT(store_
                  .scan(Family::table, prefix, prefix,
                        [&](std::string_view, std::string_view) { return ++rows > 0; })
                  .has_value());
    RC_ASSERT(rows == pieces);
  }

  std::uint32_t draw(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }
  std::string draw_key() { return "key" + std::to_string(draw(mix_.keys)); }

  void put(const std::string& key) {
    Model::Kept& kept = model_.keys[key];  // an expiry that is set stays
    kept.version = version_;
    if (draw(mix_.large) == 0) {
      kept.text = shown(table_->put(key, large()));
    } else if (draw(3) == 0) {
      auto hash = std::make_unique<Hash>();
      hash->put("f", "0");
      kept.text = "f=0;";
      table_->put(key, Value::hash(std::move(hash)));
    } else if (draw(3) == 0) {
      auto set = std::make_unique<SortedSet>();
      for (int i = 0; i < 10; ++i) set->put("m" + std::to_string(i), i % 3);
      const Value& put = table_->put(key, Value::sorted_set(std::move(set)));
      kept.text = shown(put);
    } else if (draw(3) == 0) {
      auto list = std::make_unique<List>();
      for (int i = 0; i < 10; ++i) list->push_back("i" + std::to_string(i));
      const Value& put = table_->put(key, Value::list(std::move(list)));
      kept.text = shown(put);
    } else {
      kept.text = draw(2) == 0 ? std::to_string(random_()) : std::string(draw(40), 'x');
      table_->put(key, Value::string(kept.text));
    }
  }

  /// Of some pieces, or nearly.
  Value large() {
    if (draw(2) == 0) {
      auto list = std::make_unique<List>();
      for (std::uint32_t i = 1 + draw(25); i > 0; --i) {
        const std::string item =
            std::to_string(i) + std::string(1'000 + draw(2) * draw(5'000), 'i');
        draw(3) == 0 ? list->push_front(item) : list->push_back(item);
      }
      return Value::list(std::move(list));
    }
    const std::uint32_t items = static_cast<std::uint32_t>(piece_items) - 10 + draw(400);
    if (draw(2) == 0) {
      auto hash = std::make_unique<Hash>();
      for (std::uint32_t i = 0; i < items; ++i) hash->put("g" + std::to_string(i), "0");
      return Value::hash(std::move(hash));
    }
    auto set = std::make_unique<SortedSet>();
    for (std::uint32_t i = 0; i < items; ++i) set->put("m" + std::to_string(i), i % 7);
    return Value::sorted_set(std::move(set));
  }

  /// Now and then to where it has no pieces any more, or nearly.
  std::size_t shrinks_to(std::size_t size) {
    return size <= piece_items || draw(8) > 0 ? size : piece_items - 1 + draw(3);
  }

  void change(const std::string& key, int number) {
    Value* value = table_->change(key, now_);
    RC_ASSERT((value != nullptr) == model_.live(key, now_));
    if (value == nullptr) {
      model_.keys.erase(key);  // it had expired, or was not there
      return;
    }
    const std::uint32_t ends = draw(2) == 0 ? 1 : 100;  // whether only the last items go
    if (value->type() == Type::hash) {
      Hash& hash = value->as_hash();
      const bool is_large = hash.size() > 20;
      for (const std::size_t left = shrinks_to(hash.size()); hash.size() > left;)
        hash.erase(std::string(hash.field_at(hash.size() - 1 - draw(ends))));
      for (std::uint32_t i = draw(is_large && draw(4) == 0 ? 300 : 4); i > 0; --i) {
        const std::string field = "g" + std::to_string(draw(is_large ? 500 : 12));
        draw(3) == 0 ? hash.erase(field) : hash.put(field, std::to_string(number));
      }
    } else if (value->type() == Type::sorted_set) {
      SortedSet& set = value->as_sorted_set();
      const bool is_large = set.size() > 20;
      for (const std::size_t left = shrinks_to(set.size()); set.size() > left;)
        set.erase(std::string(set.member_at(set.size() - 1 - draw(ends))));
      for (std::uint32_t i = draw(is_large && draw(4) == 0 ? 300 : 6); i > 0; --i) {
        const std::string member = "m" + std::to_string(draw(is_large ? 500 : 14));
        draw(3) == 0 && set.size() > 1 ? set.erase(member) : set.put(member, draw(5));
      }
    } else if (value->type() == Type::list) {
      List& list = value->as_list();
      if (list.size() > 4 && draw(6) == 0)  // to about where it has no pieces any more
        list.erase(draw(2) == 0 ? 0 : 3, list.size() - 3 - draw(2));
      for (std::uint32_t i = draw(6); i > 0; --i) change(list, number);
    } else {
      *value = Value::integer(number);
    }
    model_.keys[key].text = shown(*value);
    model_.keys[key].version = version_;
  }

  void change(List& list, int number) {
    const std::string item =
        std::string(draw(3) == 0 ? draw(3'000) : 3, 'i') + std::to_string(number);
    const auto size = static_cast<std::uint32_t>(list.size());
    const std::uint32_t index = draw(size);
    const std::uint32_t kind = draw(size < 40 ? 16 : 24);
    if (kind < 3) {
      list.push_back(item);
    } else if (kind < 6) {
      list.push_front(item);
    } else if (kind < 10) {
      list.insert(index, item);
    } else if (kind < 12) {
      list.set(index, item);
    } else if (size == 1) {
      return;
    } else if (kind < 14 || kind > 16) {
      list.erase(draw(2) == 0 ? 0 : size - 1);
    } else if (kind < 15) {
      list.erase(index, std::min(size - 1, 1 + draw(draw(6) == 0 ? size - index
                                                                 : std::min(5U, size - index))));
    } else {
      std::vector<std::size_t> gone;
      for (std::uint32_t i = 1 + draw(9); i < size; i += 1 + draw(9)) gone.push_back(i);
      list.erase_all(gone);
    }
  }

  void erase(const std::string& key) {
    RC_ASSERT(table_->erase(key) == (model_.keys.erase(key) > 0));
  }

  void set_expiry(const std::string& key) {
    const auto found = model_.keys.find(key);
    if (found == model_.keys.end()) return;
    const auto before = found->second.expiry;
    if (draw(3) == 0) {
      table_->set_expiry(key, std::nullopt);
      found->second.expiry.reset();
    } else {
      const std::int64_t from = draw(2) == 0 ? to_ms(now_) : before.value_or(to_ms(now_));
      // Often past what expire() puts in order ahead of need: only there is one put off.
      found->second.expiry = from + draw(draw(2) == 0 ? 50 : 200'000);
      table_->set_expiry(key, instant_from_ms(*found->second.expiry));
    }
    if (before || found->second.expiry) found->second.version = version_;
  }

  void move(const std::string& key) {
    const std::string to = draw_key();
    if (to == key || !model_.keys.contains(key)) return;
    table_->move(key, to);
    model_.keys[to] = model_.keys[key];
    model_.keys[to].version = version_;
    model_.keys.erase(key);
  }

  // Some changes that are taken back, or for once kept.
  void take_back(int number) {
    const Model before = model_;
    table_->begin_undo();
    for (std::uint32_t i = draw(12); i > 0; --i) {
      const std::string key = "key" + std::to_string(draw(std::min(8U, mix_.keys)));
      switch (draw(6)) {
        case 0:
          put(key);
          break;
        case 1:
          erase(key);
          break;
        case 2:
          set_expiry(key);
          break;
        case 3:
          move(key);
          break;
        default:
          change(key, number);
      }
    }
    if (draw(4) == 0) return table_->keep();
    table_->undo();
    model_ = before;
  }

  void expire() {
    const std::size_t max = draw(5);
    const std::size_t erased = table_->expire(now_, max, [&](std::string_view key) {
      RC_ASSERT(!model_.live(std::string(key), now_));
      RC_ASSERT(model_.keys.erase(std::string(key)) == 1u);
    });
    RC_ASSERT(erased <= max);
    if (erased < max) {
      for (const auto& [key, kept] : model_.keys) RC_ASSERT(model_.live(key, now_));
    }
  }

  void look_at_due() {
    const std::int64_t after = to_ms(now_) - 20 + draw(40);
    const std::int64_t until = after + draw(draw(2) == 0 ? 40 : 200'000);
    std::int64_t last = after;
    std::set<std::string> met;
    table_->for_each_due(instant_from_ms(after), instant_from_ms(until), [&](std::string_view key) {
      const std::int64_t at = model_.keys.at(std::string(key)).expiry.value();
      RC_ASSERT(at >= last);
      last = at;
      RC_ASSERT(met.emplace(key).second);
    });
    for (const auto& [key, kept] : model_.keys)
      RC_ASSERT(met.contains(key) ==
                (kept.expiry && *kept.expiry > after && *kept.expiry <= until));
  }

  void checkpoint() {
    if (!checkpointing_) {
      rows_ = CheckpointRows();
      table_->begin_checkpoint();
      frozen_ = model_;
      checkpointing_ = true;
    } else if (table_->checkpoint_slice(rows_, 1 + draw(20))) {
      const bool good = draw(3) != 0;
      if (good) {
        RC_ASSERT(store_.commit(std::move(rows_)).has_value());
        committed_ = frozen_;
        leaves_no_pieces_behind();
      }
      table_->end_checkpoint(good);
      checkpointing_ = false;
    }
  }

  void clear() {
    table_->clear();
    model_.keys.clear();
  }

  void warm() {
    std::size_t left = draw(30);
    RC_ASSERT(table_->warm([&] { return left-- == 0; }).has_value());
  }

  std::unique_ptr<Table> make_table() {
    auto table = std::make_unique<Table>(keyspace, store_);
    if (draw(2) == 0) table->set_disposal(&disposal_);
    return table;
  }

  void restart() {
    table_ = make_table();
    RC_ASSERT(table_->load().has_value());
    if (draw(2) == 0) RC_ASSERT(table_->warm([] { return false; }).has_value());
    model_ = committed_;
    checkpointing_ = false;
  }

  Store& store_;
  std::mt19937 random_;
  const Mix mix_;
  /// Keeps what it takes until the table has gone: it must not be used any more.
  struct Kept final : Disposal {
    void take(std::shared_ptr<void> thing) override { things.push_back(std::move(thing)); }
    std::vector<std::shared_ptr<void>> things;
  };
  Kept disposal_;
  std::unique_ptr<Table> table_ = make_table();
  Model model_;
  Model committed_;
  Model frozen_;
  bool checkpointing_ = false;
  CheckpointRows rows_;
  std::uint64_t version_ = 0;
  Instant now_ = start;
};

RC_GTEST_PROP(TableModel, HoldsThroughCheckpointsEvictionsAndRestarts, (std::uint32_t seed)) {
  const auto store = make_memory_store();
  History run(*store, seed, {});
  for (int step = 0; step < 600; ++step) run.step(step);
  run.finish();
}

RC_GTEST_PROP(TableModel, HoldsWhereMostValuesAreStoredInPieces, (std::uint32_t seed)) {
  const auto store = make_memory_store();
  History run(*store, seed, {.keys = 3, .large = 1, .restarts_often = true});
  for (int step = 0; step < 600; ++step) run.step(step);
  run.finish();
}

TEST(TableModel, HoldsOverRocksDbToo) {
  const Folder folder;
  auto store = open_rocks_store(folder.path);
  ASSERT_TRUE(store);
  int runs = 0;
  EXPECT_TRUE(rc::check([&](std::uint32_t seed) {
    if (++runs > 6) return;  // a commit to RocksDB takes its time
    CheckpointRows rows;
    erase_keyspace(rows, keyspace);
    RC_ASSERT((*store)->commit(std::move(rows)).has_value());
    History run(**store, seed, {});
    for (int step = 0; step < 600; ++step) run.step(step);
    run.finish();
  }));
}

// Taking back leaves nothing that counts as memory in use.
TEST(TableModel, CountsTheSameMemoryWhenAllWasTakenBack) {
  const auto store = make_memory_store();
  Table table(keyspace, *store);
  for (int i = 0; i < 50; ++i) {
    auto hash = std::make_unique<Hash>();
    for (int f = 0; f < i; ++f) hash->put("field" + std::to_string(f), std::string(i, 'v'));
    table.put("hash" + std::to_string(i), Value::hash(std::move(hash)));
    table.put("text" + std::to_string(i), Value::string(std::string(i * 3, 't')));
  }
  const std::size_t before = table.memory_bytes();
  const std::uint64_t digest = table.digest(start);
  std::mt19937 random(3);
  for (int round = 0; round < 300; ++round) {
    table.begin_undo();
    for (auto i = random() % 20; i > 0; --i) {
      const std::string hash = "hash" + std::to_string(random() % 50);
      Value* const value = table.change(hash, start);
      if (value == nullptr) continue;
      for (auto f = random() % 60; f > 0; --f) {
        const std::string field = "field" + std::to_string(random() % 60);
        random() % 2 == 0 ? value->as_hash().erase(field)
                          : value->as_hash().put(field, std::string(random() % 100, 'n'));
      }
    }
    table.undo();
    ASSERT_EQ(table.memory_bytes(), before) << round;
    ASSERT_EQ(table.digest(start), digest) << round;
  }
}

}  // namespace
}  // namespace holdfast
