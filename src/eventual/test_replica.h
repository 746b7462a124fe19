// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "eventual/replica.h"
#include "eventual/test_rows.h"

/// For this folder's tests: a replica with one keyspace in memory, its journal
/// of what it merged, and checkpoints to start again from.
namespace holdfast::eventual::testing {

inline constexpr KeyspaceId likes{7};

class TestReplica final : public Host {
 public:
  explicit TestReplica(std::uint64_t origin, std::vector<OriginId> members = {},
                       Millis retain = Millis(72LL * 3600 * 1000))
      : self_{origin}, members_(std::move(members)), retain_(retain), store_(make_memory_store()) {
    start();
    live_->state.had_expiries = false;
    replica().set_members(members_);
  }

  State* eventual_state(KeyspaceId keyspace) override {
    return keyspace == likes && !dropped ? &live_->state : nullptr;
  }

  OriginId self() const { return self_; }
  Replica& replica() { return *live_->replica; }
  Table& table() { return live_->table; }
  IdTable& ids() { return live_->ids; }
  State& state() { return live_->state; }

  struct Answer {
    Replica::Executed executed;
    std::string reply;
  };
  Answer run(const Line& line, std::string_view id = {}, ServiceId caller = {}) {
    return run(std::vector<Line>{line}, id, caller, false);
  }
  Answer transact(const std::vector<Line>& lines, std::string_view id = {}) {
    return run(lines, id, {}, true);
  }
  std::string reply(const Line& line, std::string_view id = {}) { return run(line, id).reply; }

  /// Closes the open entry, writes it to the journal and gives it back.
  std::string take() {
    std::string entry = replica().take_entry();
    journal_.emplace_back(self_, entry);
    return entry;
  }
  Status receive(OriginId origin, const std::string& entry) {
    return replica().receive(origin, entry);
  }
  void entry_merged(OriginId origin, std::string_view entry) override {
    if (!replaying_) journal_.emplace_back(origin, entry);
  }
  /// Runs it and hands the entry to the others.
  std::string write(const Line& line, std::string_view id = {}) {
    run(line, id);
    return replica().open_bytes() == 0 ? std::string() : take();
  }

  // -- Checkpoints, in steps
  void begin_checkpoint() {
    HF_ASSERT(!rows_);
    rows_.emplace();
    rows_->put(Family::meta, "replica", replica().encode());
    live_->table.begin_checkpoint();
    live_->ids.begin_checkpoint(*rows_);
    replica().begin_checkpoint();
    journal_at_ = journal_.size();
    left_ = 2;
  }
  bool checkpointing() const { return rows_.has_value(); }
  /// True: all is encoded.
  bool checkpoint_slice(std::size_t max) {
    if (left_ == 2 && live_->table.checkpoint_slice(*rows_, max)) --left_;
    if (left_ == 1 && replica().checkpoint_slice(*rows_, max)) --left_;
    return left_ == 0;
  }
  void end_checkpoint(bool commit) {
    while (!checkpoint_slice(100)) {
    }
    if (commit) {
      HF_ASSERT(store_->commit(std::move(*rows_)));
      journal_.erase(journal_.begin(), journal_.begin() + static_cast<std::ptrdiff_t>(journal_at_));
    }
    rows_.reset();
    live_->table.end_checkpoint(commit);
    live_->ids.end_checkpoint(commit);
    replica().end_checkpoint(commit);
  }
  void checkpoint() {
    begin_checkpoint();
    end_checkpoint(true);
  }

  /// As after a crash: the last checkpoint and the journal behind it.
  void restart() {
    rows_.reset();
    live_.reset();
    start();
    const auto bytes = store_->get(Family::meta, "replica");
    HF_ASSERT(bytes);
    HF_ASSERT(live_->table.load());
    HF_ASSERT(live_->ids.load());
    if (*bytes) {
      HF_ASSERT(replica().load(**bytes));
    } else {
      replica().set_members(members_);
    }
    replaying_ = true;
    for (const auto& [origin, entry] : journal_) HF_ASSERT(replica().receive(origin, entry));
    replaying_ = false;
  }
  Store& store() { return *store_; }

  Instant wall = instant_from_ms(1'000'000);
  bool dropped = false;

 private:
  struct Live {
    Live(TestReplica& host, Store& store)
        : table(likes, store),
          ids(likes, store, {.memory_bytes_max = std::size_t{1} << 20, .retain = host.retain_}),
          state{.table = table, .ids = ids, .retain = host.retain_} {}
    Table table;
    IdTable ids;
    State state;
    std::unique_ptr<Replica> replica;
  };

  void start() {
    live_ = std::make_unique<Live>(*this, *store_);
    live_->replica =
        std::make_unique<Replica>(commands(), *this, *store_, Replica::Options{.self = self_});
  }

  Answer run(const std::vector<Line>& lines, std::string_view id, ServiceId caller,
             bool transaction) {
    std::vector<std::vector<std::string_view>> views;
    std::vector<Replica::Call> calls;
    for (const Line& line : lines) {
      views.emplace_back(line.begin(), line.end());
      const Row* row = commands().find(line[0]);
      HF_ASSERT(row != nullptr);
      calls.push_back({row, views.back()});
    }
    Answer answer;
    Reply reply(answer.reply);
    answer.executed = replica().execute({.keyspace = likes,
                                         .caller = caller,
                                         .request_id = id,
                                         .calls = calls,
                                         .transaction = transaction},
                                        wall, reply);
    return answer;
  }

  OriginId self_;
  std::vector<OriginId> members_;
  Millis retain_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Live> live_;
  std::vector<std::pair<OriginId, std::string>> journal_;  // since the last checkpoint
  std::size_t journal_at_ = 0;
  bool replaying_ = false;
  std::optional<CheckpointRows> rows_;
  int left_ = 0;
};

/// What readers of the table see, in the model's words.
inline ModelState state_of(Table& table, Instant now) {
  ModelState state;
  std::vector<std::string> keys;
  table.for_each(now, [&](std::string_view key, const Value& value) {
    keys.emplace_back(key);
    ModelValue& out = state[keys.back()];
    out.type = value.type();
    IntegerText room;
    switch (value.type()) {
      case Type::string:
        out.text = value.text(room);
        break;
      case Type::hash:
        for (std::size_t i = 0; i < value.as_hash().size(); ++i)
          out.fields.emplace(value.as_hash().field_at(i), value.as_hash().value_at(i));
        break;
      case Type::set:
        for (std::size_t i = 0; i < value.as_set().size(); ++i)
          out.members.emplace(value.as_set().at(i));
        break;
      case Type::sorted_set:
        for (std::size_t i = 0; i < value.as_sorted_set().size(); ++i) {
          DoubleText score;
          out.scores.emplace(value.as_sorted_set().member_at(i),
                             double_text(value.as_sorted_set().score_at(i), score));
        }
        break;
      case Type::list:
        break;  // in strong keyspaces only
    }
  });
  for (const std::string& key : keys) {
    if (const auto at = table.expiry(key, now)) state[key].expiry = to_ms(*at);
  }
  return state;
}

inline std::string show(const ModelState& state) {
  std::string out;
  for (const auto& [key, value] : state) {
    out += key;
    out += "=";
    if (value.type == Type::string) out += "'" + value.text + "'";
    for (const auto& [field, text] : value.fields)
      out.append("{").append(field).append(":").append(text).append("}");
    for (const auto& member : value.members) out += "[" + member + "]";
    for (const auto& [member, score] : value.scores)
      out.append("<").append(member).append(":").append(score).append(">");
    if (value.expiry) out += "@" + std::to_string(*value.expiry);
    out += " ";
  }
  return out;
}

}  // namespace holdfast::eventual::testing
