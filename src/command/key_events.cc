// SPDX-License-Identifier: Apache-2.0
#include "command/key_events.h"

#include <algorithm>

#include "command/parse.h"
#include "command/table.h"

namespace holdfast::key_events {
namespace {

using command::equals_nocase;

constexpr std::uint32_t all =
    generic | string | list | set | hash | sorted_set | expired | evicted | stream | module;

struct Letter {
  char letter;
  std::uint32_t kind;
};
// In the order in which Redis gives them back.
constexpr Letter letters_of[] = {{'g', generic}, {'$', string},     {'l', list},    {'s', set},
                                 {'h', hash},    {'z', sorted_set}, {'x', expired}, {'e', evicted},
                                 {'t', stream},  {'d', module},     {'n', added}};
constexpr Letter letters_behind[] = {{'K', by_key}, {'E', by_event}, {'m', missed}};

Kind kind_of_group(std::string_view group) {
  constexpr std::pair<std::string_view, Kind> kinds[] = {
      {"string", string}, {"bitmap", string},         {"hash", hash},
      {"set", set},       {"sorted-set", sorted_set}, {"list", list}};
  for (const auto& [of, kind] : kinds) {
    if (of == group) return kind;
  }
  return generic;
}

// Of any type, though a type's command tells them.
bool is_generic(std::string_view event) {
  constexpr std::string_view events[] = {"del",         "expire",    "persist",
                                         "rename_from", "rename_to", "copy_to"};
  return std::ranges::find(events, event) != std::end(events);
}

bool has_word(Args args, std::size_t from, std::initializer_list<std::string_view> words) {
  return std::ranges::any_of(args.subspan(std::min(from, args.size())), [&](auto arg) {
    return std::ranges::any_of(words, [&](auto word) { return equals_nocase(arg, word); });
  });
}

bool sets_time(Args args, std::size_t from) {
  return has_word(args, from, {"EX", "PX", "EXAT", "PXAT"});
}

bool is_zadd_option(std::string_view arg) {
  constexpr std::string_view options[] = {"NX", "XX", "GT", "LT", "CH", "INCR"};
  return std::ranges::any_of(options, [&](auto option) { return equals_nocase(arg, option); });
}

// Members may be called as its options are: those stand before the first score.
bool increments(Args args) {
  for (const std::string_view arg : args.subspan(std::min<std::size_t>(args.size(), 2))) {
    if (!is_zadd_option(arg)) return false;
    if (equals_nocase(arg, "INCR")) return true;
  }
  return false;
}

// The word behind the counted keys.
bool pops_from(const Row& row, Args args, std::string_view end) {
  const std::size_t at = key_range(row, args).end;
  return at < args.size() && equals_nocase(args[at], end);
}

// Where Redis names what a command did by what it was told.
std::optional<std::string> name_by_arguments(const Row& row, Args args, std::string_view key) {
  if (row.name == "LMOVE" || row.name == "BLMOVE") {
    const bool is_source = key == args[1];
    const std::string_view end = equals_nocase(args[is_source ? 3 : 4], "LEFT") ? "l" : "r";
    return std::string(end) + (is_source ? "pop" : "push");
  }
  if (row.name == "GETEX") return has_word(args, 2, {"PERSIST"}) ? "persist" : "expire";
  if (row.name == "ZADD" && increments(args)) return "zincr";
  if (row.name == "ZMPOP" || row.name == "BZMPOP")
    return pops_from(row, args, "MAX") ? "zpopmax" : "zpopmin";
  if (row.name == "LMPOP" || row.name == "BLMPOP")
    return pops_from(row, args, "RIGHT") ? "rpop" : "lpop";
  return std::nullopt;
}

// A row's names, one for each of its keys or one for all: "rename_from rename_to".
std::string name_for(const Row& row, Args args, std::string_view key) {
  if (auto name = name_by_arguments(row, args, key)) return *std::move(name);
  if (row.event.empty()) return command::redis_name(row.name);
  std::string_view names = row.event;
  std::string_view name;
  bool found = false;
  for_each_key(row, args, [&](std::string_view one) {
    if (found) return;
    if (!names.empty()) {
      name = names.substr(0, names.find(' '));
      names.remove_prefix(std::min(names.size(), name.size() + 1));
    }
    found = one == key;
  });
  return std::string(name);
}

// A list that an item is moved within is told of both.
std::string_view put_back(const Row& row, Args args) {
  const bool moves = row.name == "LMOVE" || row.name == "BLMOVE";
  const bool rotates = row.name == "RPOPLPUSH" || row.name == "BRPOPLPUSH";
  if ((!moves && !rotates) || args[1] != args[2]) return {};
  return rotates || equals_nocase(args[4], "LEFT") ? "lpush" : "rpush";
}

bool is_collection(Kind kind) {
  return kind == hash || kind == set || kind == sorted_set || kind == list;
}

std::string_view name_of(EffectKind kind) {
  switch (kind) {
    case EffectKind::put_string:
      return "set";
    case EffectKind::add:
      return "incrby";
    case EffectKind::clear:
      return "del";
    case EffectKind::put_field:
      return "hset";
    case EffectKind::add_field:
      return "hincrby";
    case EffectKind::remove_field:
      return "hdel";
    case EffectKind::add_member:
      return "sadd";
    case EffectKind::remove_member:
      return "srem";
    case EffectKind::expire:
      return "expire";
    case EffectKind::persist:
      return "persist";
    case EffectKind::put_score:
      return "zadd";
    case EffectKind::add_score:
      return "zincr";
    case EffectKind::remove_score:
      return "zrem";
  }
  return "";
}

Kind kind_of(EffectKind kind) {
  switch (kind) {
    case EffectKind::put_string:
    case EffectKind::add:
      return string;
    case EffectKind::put_field:
    case EffectKind::add_field:
    case EffectKind::remove_field:
      return hash;
    case EffectKind::add_member:
    case EffectKind::remove_member:
      return set;
    case EffectKind::put_score:
    case EffectKind::add_score:
    case EffectKind::remove_score:
      return sorted_set;
    case EffectKind::clear:
    case EffectKind::expire:
    case EffectKind::persist:
      return generic;
  }
  return generic;
}

}  // namespace

std::optional<std::uint32_t> parse(std::string_view letters) {
  std::uint32_t kinds = none;
  for (const char c : letters) {
    std::uint32_t kind = c == 'A' ? all : none;
    for (const Letter& one : letters_of) kind |= one.letter == c ? one.kind : none;
    for (const Letter& one : letters_behind) kind |= one.letter == c ? one.kind : none;
    if (kind == none) return std::nullopt;
    kinds |= kind;
  }
  return kinds;
}

std::string text_of(std::uint32_t kinds) {
  std::string text;
  if ((kinds & all) == all) {
    text = "A";
  } else {
    for (const Letter& one : letters_of) {
      if ((kinds & one.kind) != 0) text += one.letter;
    }
  }
  for (const Letter& one : letters_behind) {
    if ((kinds & one.kind) != 0) text += one.letter;
  }
  return text;
}

void Changes::note(std::string_view key) {
  if (std::ranges::find(keys_, key) == keys_.end()) keys_.emplace_back(key);
}

OfCommand::OfCommand(Sink* sink, Table& table, Instant now, const Row& row, Args args,
                     const Reply& reply)
    : sink_(row.access == Access::write ? sink : nullptr),
      table_(table),
      now_(now),
      row_(row),
      args_(args),
      reply_(reply) {
  if (sink_ == nullptr) return;
  for_each_key(row, args, [&](std::string_view key) {
    were_there_.emplace_back(key, table_.find(key, now_) != nullptr);
  });
  changes_.emplace(table_);
}

OfCommand::~OfCommand() {
  // To be refused, too, a command may have asked the table for a value to change.
  if (sink_ == nullptr || reply_.is_error()) return;
  for (const std::string& key : changes_->keys()) tell(key);
}

void OfCommand::tell(std::string_view key) {
  const auto found = std::ranges::find(were_there_, key, [](const auto& one) { return one.first; });
  const bool was_there = found != were_there_.end() && found->second;
  const bool is_there = table_.find(key, now_) != nullptr;
  if (!was_there && !is_there) return;  // it had expired, and is cleared away
  const std::string name = name_for(row_, args_, key);
  // These two make room first.
  if (!was_there || name == "rename_to" || name == "copy_to") sink_->happened(added, "new", key);
  const Kind kind = is_generic(name)      ? generic
                    : name == "sortstore" ? list
                                          : kind_of_group(row_.group);
  // A collection that a command has emptied is told of as changed, and gone; one that a result of
  // nothing replaces, only as gone.
  if (is_there || name == "rename_from" || (is_collection(kind) && !name.ends_with("store")))
    sink_->happened(kind, name, key);
  if (const auto put = put_back(row_, args_); !put.empty()) sink_->happened(kind, put, key);
  if (!is_there && name != "rename_from") sink_->happened(generic, "del", key);
  const bool timed =
      row_.name == "SETEX" || row_.name == "PSETEX" || (row_.name == "SET" && sets_time(args_, 3));
  if (is_there && timed) sink_->happened(generic, "expire", key);
}

OfEffects::OfEffects(Sink* sink, Table& table, Instant now)
    : sink_(sink), table_(table), now_(now) {
  if (sink_ != nullptr) changes_.emplace(table_);
}

void OfEffects::before(const Effect& effect) {
  if (sink_ == nullptr) return;
  changes_->clear();
  was_there_ = table_.find(effect.key, now_) != nullptr;
}

void OfEffects::after(const Effect& effect) {
  if (sink_ == nullptr || std::ranges::find(changes_->keys(), effect.key) == changes_->keys().end())
    return;
  const bool is_there = table_.find(effect.key, now_) != nullptr;
  if (!was_there_ && !is_there) return;
  if (!was_there_) sink_->happened(added, "new", effect.key);
  // One command has many effects of one kind; it is told of once.
  const bool again = last_key_ == effect.key && last_ == effect.kind;
  last_key_ = effect.key;
  last_ = effect.kind;
  if (!again) sink_->happened(kind_of(effect.kind), name_of(effect.kind), effect.key);
  if (!is_there && effect.kind != EffectKind::clear) sink_->happened(generic, "del", effect.key);
}

}  // namespace holdfast::key_events
