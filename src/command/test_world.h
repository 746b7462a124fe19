// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "command/dump.h"
#include "command/key_events.h"
#include "command/lookup.h"
#include "command/table.h"

/// For this folder's tests: one keyspace in memory, commands run on it by name.
namespace holdfast::command {

using Line = std::vector<std::string>;  // a command and its arguments

/// Stands in a line for what DUMP gives of the key behind it, which differs from server to server.
inline constexpr std::string_view dump_of_prefix = "the dump of ";

inline const CommandTable& all_commands() {
  static const CommandTable commands{string_rows(), hash_rows(), set_rows(), sorted_set_rows(),
                                     list_rows(),   key_rows(),  id_rows()};
  return commands;
}

inline const Row* row_of_line(const Line& line) {
  return line.size() > 1 ? all_commands().find(line[0], line[1]) : all_commands().find(line[0]);
}

/// Applies effects as a replica would that is alone: nothing is concurrent, so
/// each is what Redis does.
class LoneReplica : public EffectSink {
 public:
  explicit LoneReplica(Table& table) : table_(table) {}

  void set_time(Instant now) { now_ = now; }

  struct Seen {
    EffectKind kind;
    std::string key, element, text;
    std::int64_t number;
    bool keep_expiry;
    bool operator==(const Seen&) const = default;
  };
  std::vector<Seen> seen;

  void emit(const Effect& effect) override {
    seen.push_back({effect.kind, std::string(effect.key), std::string(effect.element),
                    std::string(effect.text), effect.number, effect.keep_expiry});
    Value* value = table_.change(effect.key, now_);
    switch (effect.kind) {
      case EffectKind::put_string:
        table_.put(effect.key, Value::string(effect.text));
        if (!effect.keep_expiry) table_.set_expiry(effect.key, std::nullopt);
        break;
      case EffectKind::add: {
        const std::int64_t old = value == nullptr ? 0 : value->as_integer().value();
        table_.put(effect.key, Value::integer(old + effect.number));
        break;
      }
      case EffectKind::clear:
        table_.erase(effect.key);
        break;
      case EffectKind::put_field:
        hash(effect.key, value).put(effect.element, effect.text);
        break;
      case EffectKind::add_field: {
        Hash& fields = hash(effect.key, value);
        const auto old = fields.find(effect.element);
        const std::int64_t number = old ? parse_integer(*old).value() : 0;
        fields.put(effect.element, std::to_string(number + effect.number));
        break;
      }
      case EffectKind::remove_field:
        HF_ASSERT(value->as_hash().erase(effect.element));
        if (value->as_hash().size() == 0) table_.erase(effect.key);
        break;
      case EffectKind::add_member:
        if (value == nullptr) {
          value = &table_.put(effect.key, Value::set(std::make_unique<Set>()));
        }
        value->as_set().insert(effect.element);
        break;
      case EffectKind::remove_member:
        HF_ASSERT(value->as_set().erase(effect.element));
        if (value->as_set().size() == 0) table_.erase(effect.key);
        break;
      case EffectKind::put_score:
        sorted_set(effect.key, value).put(effect.element, parse_score(effect.text).value());
        break;
      case EffectKind::add_score: {
        SortedSet& scores = sorted_set(effect.key, value);
        const double old = scores.score(effect.element).value_or(0);
        scores.put(effect.element, old + static_cast<double>(effect.number));
        break;
      }
      case EffectKind::remove_score:
        HF_ASSERT(value->as_sorted_set().erase(effect.element));
        if (value->as_sorted_set().size() == 0) table_.erase(effect.key);
        break;
      case EffectKind::expire:
        table_.set_expiry(effect.key, instant_from_ms(effect.number));
        break;
      case EffectKind::persist:
        table_.set_expiry(effect.key, std::nullopt);
        break;
    }
  }

 private:
  Hash& hash(std::string_view key, Value* value) {
    if (value == nullptr) value = &table_.put(key, Value::hash(std::make_unique<Hash>()));
    return value->as_hash();
  }

  SortedSet& sorted_set(std::string_view key, Value* value) {
    if (value == nullptr) {
      value = &table_.put(key, Value::sorted_set(std::make_unique<SortedSet>()));
    }
    return value->as_sorted_set();
  }

  Table& table_;
  Instant now_{};
};

class World {
 public:
  World() : store_(make_memory_store()), table_(KeyspaceId{1}, *store_), replica_(table_) {}

  /// Told of what strong writes do to keys; null: nobody is.
  key_events::Sink* events = nullptr;

  Table& table() { return table_; }
  const std::vector<LoneReplica::Seen>& effects() const { return replica_.seen; }
  void forget_effects() { replica_.seen.clear(); }

  /// The reply of a read or a strong write.
  std::string strong(const Line& line, Instant now, std::uint64_t seed = 1) {
    return run(line, now, [&](const Row& row, Args args, Reply& reply) {
      if (row.access == Access::read) return row.read(table_, now, args, reply);
      const key_events::OfCommand told(events, table_, now, row, args, reply);
      Context context{table_, now, seed};
      std::string early;
      Reply said(early);
      if (row.unchanged == nullptr || !row.unchanged(table_, now, args, said)) {
        return row.strong(context, args, reply);
      }
      // What a row says changes nothing must not, and must answer as a run does.
      const std::uint64_t before = table_.digest(now);
      row.strong(context, args, reply);
      HF_ASSERT(reply.written() == early && table_.digest(now) == before);
    });
  }

  /// The reply of a read or an eventual write; UNSUPPORTED as a node says it.
  std::string eventual(const Line& line, Instant now) {
    return run(line, now, [&](const Row& row, Args args, Reply& reply) {
      if (row.access == Access::read) return row.read(table_, now, args, reply);
      if (row.eventual == nullptr) return reply.error(unsupported_on_eventual(row));
      replica_.set_time(now);
      EventualContext context{table_, now, replica_};
      row.eventual(context, args, reply);
    });
  }

 private:
  template <typename Call>
  std::string run(const Line& line, Instant now, Call call) {
    Line made = line;
    for (std::string& word : made) {
      if (!word.starts_with(dump_of_prefix)) continue;
      const Value* value = table_.find(word.substr(dump_of_prefix.size()), now);
      if (value != nullptr) word = dump_of(*value);
    }
    const std::vector<std::string_view> args(made.begin(), made.end());
    const Row* row = row_of_line(line);
    HF_ASSERT(row != nullptr);
    std::string bytes;
    Reply reply(bytes);
    if (const Status fits = check_arity(*row, args); !fits) {
      reply.error(fits.error());
    } else {
      table_.set_version(++version_);
      call(*row, Args(args), reply);
    }
    return bytes;
  }

  std::unique_ptr<Store> store_;
  Table table_;
  LoneReplica replica_;
  std::uint64_t version_ = 0;
};

}  // namespace holdfast::command
