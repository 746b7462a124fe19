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

template <End from>
void pop(Context& ctx, Args args, Reply& reply) {
  if (args.size() > 3) return wrong_arity(from == End::left ? "lpop" : "rpop", reply);
  const bool counted = args.size() == 3;
  std::size_t n = 1;
  if (counted) {
    const auto number = positive_argument(args[2], reply);
    if (!number) return;
    n = static_cast<std::size_t>(*number);
  }
  const auto found = find_list(ctx.table, args[1], ctx.now, reply);
  if (!found) return;
  if (*found == nullptr) return counted ? reply.null_array() : reply.null();
  if (counted) reply.array(std::min(n, (*found)->size()));
  if (n > 0) take(ctx, args[1], from, n, reply);
}

void lmpop(Context& ctx, Args args, Reply& reply) {
  const auto pop = multi_pop(args, 1, "LEFT", "RIGHT", reply);
  if (!pop) return;
  const auto key = first_of_type(ctx.table, pop->keys, Type::list, ctx.now, Attempt::only, reply);
  if (key) take_of_first(ctx, *key, *pop, reply);
}

void move(Context& ctx, Args args, End from, End to, Reply& reply) {
  const auto source = find_list(ctx.table, args[1], ctx.now, reply);
  if (!source) return;
  if (*source == nullptr) return reply.null();
  if (find_list(ctx.table, args[2], ctx.now, reply))
    move_item(ctx, args[1], args[2], from, to, reply);
}

void lmove(Context& ctx, Args args, Reply& reply) {
  const auto from = end_named(args[3]);
  const auto to = end_named(args[4]);
  if (!from || !to) return reply.raw_error(errors::syntax);
  move(ctx, args, *from, *to, reply);
}

void rpoplpush(Context& ctx, Args args, Reply& reply) {
  move(ctx, args, End::right, End::left, reply);
}

constexpr Row row(const char* name, std::uint16_t code, int arity, KeySpec keys,
                  std::uint32_t flags, WriteFunction function, const char* syntax,
                  const char* summary, const char* complexity, const char* event = "") {
  return list_row(name, code, arity, keys, flags, function, syntax, summary, complexity,
                  taken_by_no_one_else, event);
}

constexpr KeySpec two_keys{1, 2, 1};

constexpr Row rows[] = {
    row("LPOP", 412, -2, first_key, flag_fast, pop<End::left>, "key [count]",
        "Take the first items out", "O(items taken)"),
    row("RPOP", 413, -2, first_key, flag_fast, pop<End::right>, "key [count]",
        "Take the last items out", "O(items taken)"),
    row("LMOVE", 414, 5, two_keys, flag_denyoom, lmove,
        "source destination <LEFT | RIGHT> <LEFT | RIGHT>",
        "Take an item off an end of a list and put it to an end of another", "O(1)"),
    row("RPOPLPUSH", 415, 3, two_keys, flag_denyoom, rpoplpush, "source destination",
        "Take the last item of a list and put it in front of another", "O(1)", "rpop lpush"),
    row("LMPOP", 416, -4, counted_keys, flag_none, lmpop,
        "numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
        "Take items out of the first of several lists that is there", "O(keys + items taken)"),
};

}  // namespace

std::span<const Row> list_end_rows() {
  return rows;
}

}  // namespace holdfast::command
