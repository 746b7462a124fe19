// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "command/lookup.h"
#include "command/multi_pop.h"
#include "command/parse.h"
#include "command/row.h"
#include "value/list.h"

/// What the commands about lists share.
namespace holdfast::command {

enum class End : std::uint8_t { left, right };

inline std::optional<End> end_named(std::string_view word) {
  if (equals_nocase(word, "LEFT")) return End::left;
  if (equals_nocase(word, "RIGHT")) return End::right;
  return std::nullopt;
}

inline std::size_t size_of(const List* list) {
  return list == nullptr ? 0 : list->size();
}

inline void push(List& list, End end, std::string_view item) {
  end == End::left ? list.push_front(item) : list.push_back(item);
}

/// Of a list that has some.
inline std::string item_at(const List& list, End end) {
  IntegerText room;
  return std::string(list.at(end == End::left ? 0 : list.size() - 1, room));
}

/// Where an index that may count from the end lies; nothing: outside.
inline std::optional<std::size_t> place_of(std::int64_t index, std::size_t size) {
  const auto count = static_cast<std::int64_t>(size);
  if (index < 0) index += count;
  if (index < 0 || index >= count) return std::nullopt;
  return static_cast<std::size_t>(index);
}

/// From start to stop, both in it, which may count from the end; what lies outside is cut off.
struct Stretch {
  std::size_t from = 0;
  std::size_t size = 0;
};
inline Stretch stretch_of(std::int64_t start, std::int64_t stop, std::size_t size) {
  const auto count = static_cast<std::int64_t>(size);
  start = std::max<std::int64_t>(start < 0 ? start + count : start, 0);
  stop = std::min(stop < 0 ? stop + count : stop, count - 1);
  if (start > stop) return {};
  return {static_cast<std::size_t>(start), static_cast<std::size_t>(stop - start + 1)};
}

/// Takes up to `n` items off one end of the list that is there, one after the other; none are
/// left of an empty one.
void take(Context& ctx, std::string_view key, End from, std::size_t n, Reply& reply);

/// Answers with the key and items off the end that was asked for.
void take_of_first(Context& ctx, std::string_view key, const MultiPop& pop, Reply& reply);

/// LMOVE, where the source is a list that has items and the destination a list or nothing.
void move_item(Context& ctx, std::string_view source, std::string_view destination, End from,
               End to, Reply& reply);

/// Why lists have no meaning in an eventual keyspace.
inline constexpr std::string_view order_is_agreed =
    "needs a strong keyspace: replicas that cannot talk do not agree on the order of a list";

/// The row of a command that changes lists.
constexpr Row list_row(const char* name, std::uint16_t code, int arity, KeySpec keys,
                       std::uint32_t flags, WriteFunction function, const char* syntax,
                       const char* summary, const char* complexity, std::string_view on_eventual,
                       const char* event) {
  return {.name = name,
          .code = code,
          .arity = arity,
          .keys = keys,
          .access = Access::write,
          .flags = flags,
          .strong = function,
          .group = "list",
          .since = "0.1",
          .syntax = syntax,
          .summary = summary,
          .complexity = complexity,
          .on_eventual = on_eventual,
          .event = event};
}

}  // namespace holdfast::command
