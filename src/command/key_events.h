// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/units.h"
#include "command/effect.h"
#include "command/row.h"
#include "table/table.h"

/// Keyspace events: what is told of keys that change, under Redis' names
/// (redis.io/docs/manual/keyspace-notifications).
namespace holdfast::key_events {

/// The channels that they are told on: this, and the key, tells the event; or this, and the event,
/// the key. Redis counts databases; here is one.
inline constexpr std::string_view of_key = "__keyspace@0__:";
inline constexpr std::string_view of_event = "__keyevent@0__:";

/// What `notify-keyspace-events` says is to be told: bits of these.
enum Kind : std::uint32_t {
  none = 0,
  generic = 1 << 0,
  string = 1 << 1,
  list = 1 << 2,
  set = 1 << 3,
  hash = 1 << 4,
  sorted_set = 1 << 5,
  expired = 1 << 6,
  evicted = 1 << 7,
  stream = 1 << 8,
  module = 1 << 9,
  added = 1 << 10,   // a key that was not there
  missed = 1 << 11,  // accepted, and never told: reads tell nothing here
  by_key = 1 << 12,
  by_event = 1 << 13,
};

/// Redis' letters; nothing: one of them is none.
std::optional<std::uint32_t> parse(std::string_view letters);
/// As Redis gives them back.
std::string text_of(std::uint32_t kinds);
/// Whether anything would be told.
constexpr bool tells(std::uint32_t kinds) {
  return (kinds & (by_key | by_event)) != 0 && (kinds & ~(by_key | by_event)) != 0;
}

/// Who is told what happened. The views live for the call only.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void happened(Kind kind, std::string_view event, std::string_view key) = 0;
};

/// Gathers which keys of a table change while it lives, also those that may be taken back
/// (Table::begin_undo).
class Changes final : public Table::Listener {
 public:
  explicit Changes(Table& table) : table_(table) { table_.add_listener(*this); }
  ~Changes() override { table_.remove_listener(*this); }
  Changes(const Changes&) = delete;
  Changes& operator=(const Changes&) = delete;

  /// Each once, in the order in which they changed first.
  const std::vector<std::string>& keys() const { return keys_; }
  void clear() { keys_.clear(); }

  void changed(std::string_view key) override { note(key); }
  void changed_so_far(std::string_view key) override { note(key); }
  void cleared() override {}

 private:
  void note(std::string_view key);

  Table& table_;
  std::vector<std::string> keys_;
};

/// What a command of a strong keyspace comes to. Made before it runs; told when it goes, unless the
/// reply, begun empty, is an error. With no sink it does nothing.
class OfCommand {
 public:
  OfCommand(Sink* sink, Table& table, Instant now, const Row& row, Args args, const Reply& reply);
  ~OfCommand();
  OfCommand(const OfCommand&) = delete;
  OfCommand& operator=(const OfCommand&) = delete;

 private:
  void tell(std::string_view key);

  Sink* sink_;
  Table& table_;
  Instant now_;
  const Row& row_;
  Args args_;
  const Reply& reply_;
  std::optional<Changes> changes_;
  std::vector<std::pair<std::string_view, bool>> were_there_;  // the command's keys
};

/// What the effects of an operation on an eventual keyspace come to, wherever it was decided.
class OfEffects {
 public:
  OfEffects(Sink* sink, Table& table, Instant now);

  /// Before the effect is applied, and behind it.
  void before(const Effect& effect);
  void after(const Effect& effect);

 private:
  Sink* sink_;
  Table& table_;
  Instant now_;
  std::optional<Changes> changes_;
  bool was_there_ = false;
  std::string last_key_;
  EffectKind last_{};  // what was told last, of that key
};

}  // namespace holdfast::key_events
