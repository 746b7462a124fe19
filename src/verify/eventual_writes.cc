// SPDX-License-Identifier: Apache-2.0
#include "verify/eventual_writes.h"

#include <absl/container/flat_hash_map.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "verify/commands.h"
#include "verify/eventual.h"
#include "verify/merge.h"

namespace holdfast::verify {
namespace {

using Type = EventualKey::Type;

/// What a command is here; the type it makes of its key.
struct Row {
  std::string_view name;
  std::size_t words;
  Type type;  // unknown: it fits any
  std::optional<EventualWrite::Kind> writes;
  std::optional<EventualRead::Kind> reads;
};
constexpr std::array rows{
    Row{"INCR", 2, Type::counter, EventualWrite::Kind::increment, {}},
    Row{"DECR", 2, Type::counter, EventualWrite::Kind::increment, {}},
    Row{"INCRBY", 3, Type::counter, EventualWrite::Kind::increment, {}},
    Row{"DECRBY", 3, Type::counter, EventualWrite::Kind::increment, {}},
    Row{"SET", 3, Type::text, EventualWrite::Kind::put, {}},
    Row{"DEL", 2, Type::text, EventualWrite::Kind::erase, {}},
    Row{"SADD", 3, Type::set, EventualWrite::Kind::add, {}},
    Row{"SREM", 3, Type::set, EventualWrite::Kind::remove, {}},
    Row{"GET", 2, Type::unknown, {}, EventualRead::Kind::value},
    Row{"SMEMBERS", 2, Type::set, {}, EventualRead::Kind::members},
    Row{"SISMEMBER", 3, Type::set, {}, EventualRead::Kind::member},
};

Result<const Row*> row_of(const Command& command) {
  for (const Row& row : rows) {
    if (row.name == command[0] && row.words == command.size()) return &row;
  }
  return fail(Code::corrupt,
              fmt::format("{} is not checked here in an eventual keyspace, or not so",
                          fmt::join(command, " ")));
}

/// All tries of one operation that may have had an effect.
using Tries = std::vector<const Operation*>;

std::vector<Tries> group(std::span<const Operation> tries) {
  std::vector<Tries> groups;
  absl::flat_hash_map<std::string, std::size_t> by_id;
  for (const Operation& one : tries) {
    if (one.outcome == Outcome::refused) continue;
    std::size_t at = groups.size();
    if (!one.id.empty()) {
      at = by_id.try_emplace(identity_of(one), at).first->second;
    }
    if (at == groups.size()) groups.emplace_back();
    groups[at].push_back(&one);
  }
  return groups;
}

/// The reply to one of the operation's commands; null where there was none.
const Answer* answer_to(const Operation& one, std::size_t command) {
  if (one.outcome != Outcome::applied) return nullptr;
  if (!one.multi) return &one.answer;
  return command < one.answer.items.size() ? &one.answer.items[command] : nullptr;
}

class Sorter {
 public:
  explicit Sorter(EventualKeys& out) : out_(out) {}

  Status add(const Tries& tries) {
    const Operation& first = *tries.front();
    bool known = false;
    for (const Operation* one : tries) {
      if (one->commands != first.commands || one->multi != first.multi) {
        return fail(Code::corrupt, fmt::format("id {} names two operations, in lines {} and {}",
                                               first.id, first.line, one->line));
      }
      known = known || one->outcome == Outcome::applied;
    }
    ++out_.operations;
    if (!known) ++out_.unknown;
    for (std::size_t i = 0; i < first.commands.size(); ++i) {
      if (Status s = add(tries, i); !s) return s;
    }
    return {};
  }

  Status add(const Final& final, const std::string& name, const Answer& value) {
    auto key = key_of(name, value.kind == Answer::Kind::array ? Type::set : Type::unknown);
    if (!key) return tl::unexpected(key.error());
    const auto kind =
        value.kind == Answer::Kind::array ? EventualRead::Kind::members : EventualRead::Kind::value;
    (*key)->reads.push_back({.kind = kind,
                             .answer = value,
                             .node = final.node,
                             .start = history_time_max,
                             .end = history_time_max,
                             .final = true,
                             .named = fmt::format("the final value at {}", final.node)});
    return {};
  }

 private:
  Result<EventualKey*> key_of(const std::string& name, Type type) {
    EventualKey& key = out_.keys[name];
    if (key.type == Type::unknown) key.type = type;
    if (type != Type::unknown && key.type != type)
      return fail(Code::corrupt, fmt::format("{} is used as two types", name));
    return &key;
  }

  Status add(const Tries& tries, std::size_t index) {
    const Operation& first = *tries.front();
    const Command& command = first.commands[index];
    const auto row = row_of(command);
    if (!row) return tl::unexpected(row.error());
    auto key = key_of(command[1], (*row)->type);
    if (!key) return tl::unexpected(key.error());
    if ((*row)->writes) return add_write(**key, *(*row)->writes, tries, index);
    // A read under an id is answered as it was the first time.
    const Answer* const answer = answer_to(first, index);
    if (!first.id.empty() || answer == nullptr) return {};
    (*key)->reads.push_back({.kind = *(*row)->reads,
                             .member = command.size() > 2 ? command[2] : "",
                             .answer = *answer,
                             .node = first.node,
                             .start = first.start,
                             .end = *first.end,
                             .after = first.after,
                             .named = to_text(first)});
    return {};
  }

  static Status add_write(EventualKey& key, EventualWrite::Kind kind, const Tries& tries,
                          std::size_t index) {
    const Operation& first = *tries.front();
    const Command& command = first.commands[index];
    EventualWrite write{.kind = kind, .first_start = first.start, .tries = tries.size()};
    if (kind == EventualWrite::Kind::increment) {
      const auto delta = increment_of(command);
      if (!delta) return fail(Code::corrupt, fmt::format("{} needs an integer", command[0]));
      write.delta = *delta;
    } else if (command.size() > 2) {
      write.value = command[2];
    }
    write.only_start = first.start;
    write.only_node = first.node;
    write.named = to_text(first);
    for (const Operation* one : tries) {
      write.first_start = std::min(write.first_start, one->start);
      const Answer* const answer = answer_to(*one, index);
      if (answer == nullptr) continue;
      if (answer->kind == Answer::Kind::error) return {};  // of the state: it changed nothing
      const auto [at, fresh] = write.acknowledged.try_emplace(one->node, *one->end);
      if (!fresh) at->second = std::min(at->second, *one->end);
    }
    key.writes.push_back(std::move(write));
    return {};
  }

  EventualKeys& out_;
};

}  // namespace

Result<EventualKeys> eventual_keys(const History& history, std::span<const Operation> tries) {
  EventualKeys all;
  Sorter sorter(all);
  for (const Tries& one : group(tries)) {
    if (Status s = sorter.add(one); !s) return tl::unexpected(s.error());
  }
  for (const Final& final : history.finals) {
    for (const auto& [key, value] : final.values) {
      if (!is_eventual(history, key)) continue;
      if (Status s = sorter.add(final, key, value); !s) return tl::unexpected(s.error());
    }
  }
  return all;
}

}  // namespace holdfast::verify
