// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <limits>
#include <vector>

#include "command/families.h"
#include "command/list_items.h"

namespace holdfast::command {
namespace {

void llen(Table& table, Instant now, Args args, Reply& reply) {
  const auto list = find_list(table, args[1], now, reply);
  if (list) reply.integer(static_cast<std::int64_t>(size_of(*list)));
}

// As Redis, it looks at the index only where there is a list.
void lindex(Table& table, Instant now, Args args, Reply& reply) {
  const auto list = find_list(table, args[1], now, reply);
  if (!list) return;
  if (*list == nullptr) return reply.null();
  const auto index = integer_argument(args[2], reply);
  if (!index) return;
  const auto place = place_of(*index, (*list)->size());
  if (!place) return reply.null();
  IntegerText room;
  reply.bulk((*list)->at(*place, room));
}

void lrange(Table& table, Instant now, Args args, Reply& reply) {
  const auto start = integer_argument(args[2], reply);
  if (!start) return;
  const auto stop = integer_argument(args[3], reply);
  if (!stop) return;
  const auto list = find_list(table, args[1], now, reply);
  if (!list) return;
  const Stretch stretch = stretch_of(*start, *stop, size_of(*list));
  reply.array(stretch.size);
  if (stretch.size == 0) return;
  (*list)->walk(stretch.from, stretch.size, [&](std::size_t, std::string_view item) {
    reply.bulk(item);
    return true;
  });
}

struct Search {
  std::int64_t rank = 1;               // the first match that counts; negative: from the end
  std::optional<std::size_t> matches;  // COUNT: so many; 0: all
  std::size_t items_max = 0;           // MAXLEN: looks at so many; 0: all
};

std::optional<std::size_t> search_count(std::string_view text, std::string_view refusal,
                                        Reply& reply) {
  const auto number = integer_argument(text, reply);
  if (number && *number >= 0) return static_cast<std::size_t>(*number);
  reply.clear();
  reply.raw_error(refusal);
  return std::nullopt;
}

std::optional<Search> search_of(Args args, Reply& reply) {
  Search search;
  for (std::size_t i = 3; i < args.size(); i += 2) {
    if (i + 1 == args.size()) {
      reply.raw_error(errors::syntax);
      return std::nullopt;
    }
    if (equals_nocase(args[i], "RANK")) {
      const auto rank = signed_count_argument(args[i + 1], reply);
      if (!rank) return std::nullopt;
      search.rank = *rank;
      if (*rank != 0) continue;
      reply.raw_error(
          "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or "
          "use negative to start from the end of the list");
      return std::nullopt;
    }
    if (equals_nocase(args[i], "COUNT")) {
      search.matches = search_count(args[i + 1], "ERR COUNT can't be negative", reply);
      if (!search.matches) return std::nullopt;
    } else if (equals_nocase(args[i], "MAXLEN")) {
      const auto most = search_count(args[i + 1], "ERR MAXLEN can't be negative", reply);
      if (!most) return std::nullopt;
      search.items_max = *most;
    } else {
      reply.raw_error(errors::syntax);
      return std::nullopt;
    }
  }
  return search;
}

std::vector<std::size_t> found_in(const List& list, std::string_view wanted, const Search& search) {
  std::vector<std::size_t> found;
  constexpr std::size_t all = std::numeric_limits<std::size_t>::max();
  std::size_t enough = search.matches.value_or(1);
  if (enough == 0) enough = all;
  auto to_skip = static_cast<std::uint64_t>(std::llabs(search.rank)) - 1;
  const auto look = [&](std::size_t index, std::string_view item) {
    if (item != wanted) return true;
    if (to_skip > 0) {
      --to_skip;
      return true;
    }
    found.push_back(index);
    return found.size() < enough;
  };
  const std::size_t n = search.items_max == 0 ? all : search.items_max;
  search.rank > 0 ? list.walk(0, n, look) : list.walk_back(list.size() - 1, n, look);
  return found;
}

void lpos(Table& table, Instant now, Args args, Reply& reply) {
  const auto search = search_of(args, reply);
  if (!search) return;
  const auto list = find_list(table, args[1], now, reply);
  if (!list) return;
  std::vector<std::size_t> found;
  if (*list != nullptr) found = found_in(**list, args[2], *search);
  if (search->matches) {
    reply.array(found.size());
  } else if (found.empty()) {
    return reply.null();
  }
  for (const std::size_t index : found) reply.integer(static_cast<std::int64_t>(index));
}

constexpr Row row(const char* name, std::uint16_t code, int arity, std::uint32_t flags,
                  ReadFunction function, const char* syntax, const char* summary,
                  const char* complexity) {
  return {.name = name,
          .code = code,
          .arity = arity,
          .keys = first_key,
          .access = Access::read,
          .flags = flags | flag_strong_only,
          .read = function,
          .group = "list",
          .since = "0.1",
          .syntax = syntax,
          .summary = summary,
          .complexity = complexity,
          .on_eventual = order_is_agreed};
}

constexpr Row rows[] = {
    row("LLEN", 430, 2, flag_fast, llen, "key", "How many items a list has", "O(1)"),
    row("LRANGE", 431, 4, flag_none, lrange, "key start stop",
        "The items from one index to another, negative ones from the end", "O(items + log N)"),
    row("LINDEX", 432, 3, flag_none, lindex, "key index",
        "The item at an index, a negative one from the end", "O(log N)"),
    row("LPOS", 433, -3, flag_none, lpos,
        "key element [RANK rank] [COUNT num-matches] [MAXLEN len]",
        "Where an item that is equal lies", "O(N)"),
};

}  // namespace

std::span<const Row> list_read_rows() {
  return rows;
}

}  // namespace holdfast::command
