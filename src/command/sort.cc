// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "command/families.h"
#include "command/key_pattern.h"
#include "command/lookup.h"
#include "command/parse.h"
#include "value/value.h"

namespace holdfast::command {
namespace {

struct Options {
  bool descending = false;
  bool by_bytes = false;  // ALPHA
  bool sorts = true;      // not with BY a pattern that names no key
  std::optional<std::string_view> by;
  std::vector<KeyPattern> gets;
  std::int64_t first = 0;
  std::int64_t count = -1;  // all
  std::optional<std::string_view> store;
};

std::optional<Options> options_of(Args args, bool may_store, Reply& reply) {
  Options options;
  for (std::size_t i = 2; i < args.size(); ++i) {
    const std::string_view word = args[i];
    const std::size_t left = args.size() - i - 1;
    if (equals_nocase(word, "ASC") || equals_nocase(word, "DESC")) {
      options.descending = equals_nocase(word, "DESC");
    } else if (equals_nocase(word, "ALPHA")) {
      options.by_bytes = true;
    } else if (equals_nocase(word, "LIMIT") && left >= 2) {
      const auto first = integer_argument(args[i + 1], reply);
      if (!first) return std::nullopt;
      const auto count = integer_argument(args[i + 2], reply);
      if (!count) return std::nullopt;
      options.first = *first;
      options.count = *count;
      i += 2;
    } else if (may_store && equals_nocase(word, "STORE") && left >= 1) {
      options.store = args[++i];
    } else if (equals_nocase(word, "BY") && left >= 1) {
      options.by = args[++i];
      options.sorts = options.sorts && KeyPattern(*options.by).names_keys();
    } else if (equals_nocase(word, "GET") && left >= 1) {
      options.gets.emplace_back(args[++i]);
    } else {
      reply.raw_error(errors::syntax);
      return std::nullopt;
    }
  }
  return options;
}

// What is sorted, copied: what BY and GET look up may move it. In the order of sorted sets; of
// sets in that of their places, which is the same on every node.
std::optional<std::vector<std::string>> items_of(const Value* value, Reply& reply) {
  std::vector<std::string> items;
  if (value == nullptr) return items;
  switch (value->type()) {
    case Type::set: {
      const Set& set = value->as_set();
      for (std::size_t i = 0; i < set.size(); ++i) items.emplace_back(set.at(i));
      return items;
    }
    case Type::sorted_set: {
      const SortedSet& set = value->as_sorted_set();
      for (const std::uint32_t place : set.slice(0, set.size())) {
        items.emplace_back(set.member_at(place));
      }
      return items;
    }
    case Type::list: {
      const List& list = value->as_list();
      list.walk(0, list.size(), [&](std::size_t, std::string_view item) {
        items.emplace_back(item);
        return true;
      });
      return items;
    }
    case Type::string:
    case Type::hash:
      break;
  }
  reply.raw_error(errors::wrong_type);
  return std::nullopt;
}

std::optional<std::string> look_up(Table& table, Instant now, const KeyPattern& pattern,
                                   std::string_view element) {
  if (pattern.is_element()) return std::string(element);
  if (!pattern.names_keys()) return std::nullopt;
  const Value* value = table.find(pattern.key_for(element), now);
  if (value == nullptr) return std::nullopt;
  if (pattern.field().empty()) {
    if (value->type() != Type::string) return std::nullopt;
    IntegerText room;
    return std::string(value->text(room));
  }
  if (value->type() != Type::hash) return std::nullopt;
  const auto found = value->as_hash().find(pattern.field());
  return found ? std::optional<std::string>(*found) : std::nullopt;
}

// A number as strtod reads one, up to a zero byte. Nothing: it is none.
std::optional<double> weight_of(const std::string& text) {
  char* end = nullptr;
  errno = 0;
  const double number = std::strtod(text.c_str(), &end);
  if (*end != '\0' || errno == ERANGE || std::isnan(number)) return std::nullopt;
  return number;
}

struct Item {
  std::string text;
  double weight = 0;                // where numbers are compared
  std::optional<std::string> name;  // where bytes are, and BY says which
};

int sign_of(std::weak_ordering order) {
  return order < 0 ? -1 : order > 0 ? 1 : 0;
}

// Where Redis leaves it open what comes first, the elements' bytes decide.
int compare(const Item& a, const Item& b, const Options& options) {
  int order = 0;
  if (!options.by_bytes) {
    order = a.weight < b.weight ? -1 : a.weight > b.weight ? 1 : 0;
  } else if (options.by) {
    order = sign_of(a.name <=> b.name);
  }
  if (order == 0) order = sign_of(a.text <=> b.text);
  return options.descending ? -order : order;
}

// False: an element has no number to go by.
bool weigh(Table& table, Instant now, const Options& options, std::vector<Item>& items) {
  if (options.by_bytes && !options.by) return true;
  const KeyPattern by(options.by.value_or("#"));
  for (Item& item : items) {
    std::optional<std::string> found = look_up(table, now, by, item.text);
    if (options.by_bytes) {
      item.name = std::move(found);
    } else if (found) {
      const auto weight = weight_of(*found);
      if (!weight) return false;
      item.weight = *weight;
    }
  }
  return true;
}

// The elements that are asked for, in order. Nothing, and the error written: they cannot be sorted.
std::optional<std::vector<std::string>> sorted(Table& table, Instant now, std::string_view key,
                                               Options options, Reply& reply) {
  const Value* value = table.find(key, now);
  // A result that is kept is to have an order.
  if (!options.sorts && options.store && value != nullptr && value->type() == Type::set) {
    options.sorts = options.by_bytes = true;
    options.by.reset();
  }
  auto texts = items_of(value, reply);
  if (!texts) return std::nullopt;
  if (options.sorts) {
    std::vector<Item> items;
    items.reserve(texts->size());
    for (std::string& text : *texts) items.push_back({.text = std::move(text), .name = {}});
    if (!weigh(table, now, options, items)) {
      reply.raw_error("ERR One or more scores can't be converted into double");
      return std::nullopt;
    }
    std::ranges::sort(
        items, [&options](const Item& a, const Item& b) { return compare(a, b, options) < 0; });
    for (std::size_t i = 0; i < items.size(); ++i) (*texts)[i] = std::move(items[i].text);
  } else if (options.descending && value != nullptr && value->type() != Type::set) {
    std::ranges::reverse(*texts);
  }
  const auto size = static_cast<std::int64_t>(texts->size());
  const std::int64_t first = std::clamp<std::int64_t>(options.first, 0, size);
  const std::int64_t count =
      options.count < 0 ? size - first : std::min(options.count, size - first);
  texts->erase(texts->begin() + first + count, texts->end());
  texts->erase(texts->begin(), texts->begin() + first);
  return texts;
}

// What is told or kept of them: themselves, or what GET names.
using Told = std::vector<std::optional<std::string>>;
Told told(Table& table, Instant now, const std::vector<KeyPattern>& gets,
          std::vector<std::string> items) {
  Told all;
  for (std::string& item : items) {
    for (const KeyPattern& get : gets) all.push_back(look_up(table, now, get, item));
    if (gets.empty()) all.emplace_back(std::move(item));
  }
  return all;
}

void reply_sorted(Table& table, Instant now, std::string_view key, const Options& options,
                  Reply& reply) {
  auto items = sorted(table, now, key, options, reply);
  if (!items) return;
  const Told all = told(table, now, options.gets, std::move(*items));
  reply.array(all.size());
  for (const auto& one : all) one ? reply.bulk(*one) : reply.null();
}

void store_sorted(Context& ctx, std::string_view key, const Options& options, Reply& reply) {
  auto items = sorted(ctx.table, ctx.now, key, options, reply);
  if (!items) return;
  const Told all = told(ctx.table, ctx.now, options.gets, std::move(*items));
  ctx.table.erase(*options.store);
  if (all.empty()) return reply.integer(0);
  auto list = std::make_unique<List>();
  for (const auto& one : all) list->push_back(one ? std::string_view(*one) : std::string_view());
  ctx.table.put(*options.store, Value::list(std::move(list)));
  reply.integer(static_cast<std::int64_t>(all.size()));
}

void sort(Context& ctx, Args args, Reply& reply) {
  const auto options = options_of(args, true, reply);
  if (!options) return;
  options->store ? store_sorted(ctx, args[1], *options, reply)
                 : reply_sorted(ctx.table, ctx.now, args[1], *options, reply);
}

void sort_ro(Table& table, Instant now, Args args, Reply& reply) {
  const auto options = options_of(args, false, reply);
  if (options) reply_sorted(table, now, args[1], *options, reply);
}

// Without STORE it is a read.
bool sort_changes_nothing(Table& table, Instant now, Args args, Reply& reply) {
  const auto options = options_of(args, true, reply);
  if (options && options->store) return false;
  if (options) reply_sorted(table, now, args[1], *options, reply);
  return true;
}

void merge_sort(EventualContext& ctx, Args args, Reply& reply) {
  if (sort_changes_nothing(ctx.table, ctx.now, args, reply)) return;
  reply.error({Code::unsupported, "SORT with STORE needs a strong keyspace: it makes a list"});
}

constexpr Row rows[] = {
    {.name = "SORT",
     .code = 470,
     .arity = -2,
     .keys = {.first = 1, .last = 1, .step = 1, .among_options = true},
     .access = Access::write,
     .flags = flag_denyoom,
     .strong = sort,
     .unchanged = sort_changes_nothing,
     .eventual = merge_sort,
     .group = "generic",
     .since = "0.1",
     .syntax = "key [BY key-pattern] [LIMIT offset count] [GET key-pattern [GET key-pattern ...]] "
               "[ASC | DESC] [ALPHA] [STORE destination]",
     .summary = "The elements of a list, set or sorted set in order, or what keys named after them "
                "hold; keys of other keyspaces count as missing",
     .complexity = "O(N + M log M), N elements, M of them told",
     .on_eventual = "this replica's view; STORE needs a strong keyspace",
     .event = "sortstore"},
    {.name = "SORT_RO",
     .code = 471,
     .arity = -2,
     .keys = {.first = 1, .last = 1, .step = 1, .among_options = true},
     .access = Access::read,
     .read = sort_ro,
     .group = "generic",
     .since = "0.1",
     .syntax = "key [BY key-pattern] [LIMIT offset count] [GET key-pattern [GET key-pattern ...]] "
               "[ASC | DESC] [ALPHA]",
     .summary = "SORT that stores nothing",
     .complexity = "O(N + M log M), N elements, M of them told",
     .on_eventual = "this replica's view"},
};

}  // namespace

std::span<const Row> sort_rows() {
  return rows;
}

}  // namespace holdfast::command
