// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "command/families.h"
#include "command/list_items.h"

namespace holdfast::command {

void take(Context& ctx, std::string_view key, End from, std::size_t n, Reply& reply) {
  List& list = ctx.table.change(key, ctx.now)->as_list();
  n = std::min(n, list.size());
  const auto give = [&](std::size_t, std::string_view item) {
    reply.bulk(item);
    return true;
  };
  from == End::left ? list.walk(0, n, give) : list.walk_back(list.size() - 1, n, give);
  if (n == list.size()) {
    ctx.table.erase(key);
  } else {
    list.erase(from == End::left ? 0 : list.size() - n, n);
  }
}

void take_of_first(Context& ctx, std::string_view key, const MultiPop& pop, Reply& reply) {
  reply.array(2);
  reply.bulk(key);
  reply.array(std::min(pop.n, ctx.table.find(key, ctx.now)->as_list().size()));
  take(ctx, key, pop.at_second ? End::right : End::left, pop.n, reply);
}

void move_item(Context& ctx, std::string_view source, std::string_view destination, End from,
               End to, Reply& reply) {
  if (source == destination) {
    List& list = ctx.table.change(source, ctx.now)->as_list();
    const std::string item = item_at(list, from);
    list.erase(from == End::left ? 0 : list.size() - 1);
    push(list, to, item);
    return reply.bulk(item);
  }
  const std::string item = item_at(ctx.table.find(source, ctx.now)->as_list(), from);
  push(*list_to_fill(ctx, destination, reply), to, item);
  std::string taken;
  Reply unread(taken);
  take(ctx, source, from, 1, unread);
  reply.bulk(item);
}

namespace {

/// How many items to take off the list that is there. Nothing: none, and the reply says so.
template <End from>
std::optional<std::size_t> count_to_pop(Table& table, Instant now, Args args, Reply& reply) {
  if (args.size() > 3) {
    wrong_arity(from == End::left ? "lpop" : "rpop", reply);
    return std::nullopt;
  }
  const bool counted = args.size() == 3;
  std::size_t n = 1;
  if (counted) {
    const auto number = positive_argument(args[2], reply);
    if (!number) return std::nullopt;
    n = static_cast<std::size_t>(*number);
  }
  const auto found = find_list(table, args[1], now, reply);
  if (!found) return std::nullopt;
  if (*found != nullptr && n > 0) return std::min(n, (*found)->size());
  if (*found != nullptr) {
    reply.array(0);
  } else {
    counted ? reply.null_array() : reply.null();
  }
  return std::nullopt;
}

template <End from>
void pop(Context& ctx, Args args, Reply& reply) {
  const auto n = count_to_pop<from>(ctx.table, ctx.now, args, reply);
  if (!n) return;
  if (args.size() == 3) reply.array(*n);
  take(ctx, args[1], from, *n, reply);
}

template <End from>
bool pop_finds_nothing(Table& table, Instant now, Args args, Reply& reply) {
  return !count_to_pop<from>(table, now, args, reply);
}

std::optional<std::string_view> key_of_lmpop(Table& table, Instant now, Args args, MultiPop& pop,
                                             Reply& reply) {
  return key_to_pop_many(table, now, args, false, Attempt::only, Type::list, "LEFT", "RIGHT", pop,
                         reply);
}

void lmpop(Context& ctx, Args args, Reply& reply) {
  MultiPop pop;
  const auto key = key_of_lmpop(ctx.table, ctx.now, args, pop, reply);
  if (key) take_of_first(ctx, *key, pop, reply);
}

bool lmpop_finds_nothing(Table& table, Instant now, Args args, Reply& reply) {
  MultiPop pop;
  return !key_of_lmpop(table, now, args, pop, reply);
}

struct Ends {
  End from = End::right;
  End to = End::left;
};

/// Of LMOVE, or of RPOPLPUSH, which names none. Nothing: there is nothing to move, or it cannot
/// be, and the reply says so.
std::optional<Ends> ends_to_move(Table& table, Instant now, Args args, Reply& reply) {
  Ends ends;
  if (args.size() > 3) {
    const auto from = end_named(args[3]);
    const auto to = end_named(args[4]);
    if (!from || !to) {
      reply.raw_error(errors::syntax);
      return std::nullopt;
    }
    ends = {*from, *to};
  }
  const auto source = find_list(table, args[1], now, reply);
  if (!source) return std::nullopt;
  if (*source == nullptr) {
    reply.null();
    return std::nullopt;
  }
  return find_list(table, args[2], now, reply) ? std::optional(ends) : std::nullopt;
}

void move(Context& ctx, Args args, Reply& reply) {
  const auto ends = ends_to_move(ctx.table, ctx.now, args, reply);
  if (ends) move_item(ctx, args[1], args[2], ends->from, ends->to, reply);
}

bool move_finds_nothing(Table& table, Instant now, Args args, Reply& reply) {
  return !ends_to_move(table, now, args, reply);
}

constexpr Row row(const char* name, std::uint16_t code, int arity, KeySpec keys,
                  std::uint32_t flags, WriteFunction function, UnchangedFunction finds_nothing,
                  const char* syntax, const char* summary, const char* complexity,
                  const char* event = "") {
  Row made = list_row(name, code, arity, keys, flags, function, syntax, summary, complexity,
                      taken_by_no_one_else, event);
  made.unchanged = finds_nothing;
  return made;
}

constexpr KeySpec two_keys{1, 2, 1};

constexpr Row rows[] = {
    row("LPOP", 412, -2, first_key, flag_fast, pop<End::left>, pop_finds_nothing<End::left>,
        "key [count]", "Take the first items out", "O(items taken)"),
    row("RPOP", 413, -2, first_key, flag_fast, pop<End::right>, pop_finds_nothing<End::right>,
        "key [count]", "Take the last items out", "O(items taken)"),
    row("LMOVE", 414, 5, two_keys, flag_denyoom, move, move_finds_nothing,
        "source destination <LEFT | RIGHT> <LEFT | RIGHT>",
        "Take an item off an end of a list and put it to an end of another", "O(1)"),
    row("RPOPLPUSH", 415, 3, two_keys, flag_denyoom, move, move_finds_nothing, "source destination",
        "Take the last item of a list and put it in front of another", "O(1)", "rpop lpush"),
    row("LMPOP", 416, -4, counted_keys, flag_none, lmpop, lmpop_finds_nothing,
        "numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
        "Take items out of the first of several lists that is there", "O(keys + items taken)"),
};

}  // namespace

std::span<const Row> list_end_rows() {
  return rows;
}

}  // namespace holdfast::command
