// SPDX-License-Identifier: Apache-2.0
#include "command/families.h"
#include "command/list_items.h"

namespace holdfast::command {
namespace {

// -- BLPOP, BRPOP

std::optional<std::string_view> key_to_pop(Table& table, Instant now, Args args, Attempt attempt,
                                           Reply& reply) {
  if (!timeout_argument(args.back(), reply)) return std::nullopt;
  return first_of_type(table, args.subspan(1, args.size() - 2), Type::list, now, attempt, reply);
}

template <End from>
void pop(Context& ctx, Args args, Reply& reply) {
  const auto key = key_to_pop(ctx.table, ctx.now, args, ctx.attempt, reply);
  if (!key) return;
  reply.array(2);
  reply.bulk(*key);
  take(ctx, *key, from, 1, reply);
}

bool pop_finds_nothing(Table& table, Instant now, Args args, Reply& reply) {
  return !key_to_pop(table, now, args, Attempt::first, reply);
}

// -- BLMPOP

std::optional<std::string_view> key_of_many(Table& table, Instant now, Args args, Attempt attempt,
                                            MultiPop& pop, Reply& reply) {
  return key_to_pop_many(table, now, args, true, attempt, Type::list, "LEFT", "RIGHT", pop, reply);
}

void pop_many(Context& ctx, Args args, Reply& reply) {
  MultiPop pop;
  const auto key = key_of_many(ctx.table, ctx.now, args, ctx.attempt, pop, reply);
  if (key) take_of_first(ctx, *key, pop, reply);
}

bool pop_many_finds_nothing(Table& table, Instant now, Args args, Reply& reply) {
  MultiPop pop;
  return !key_of_many(table, now, args, Attempt::first, pop, reply);
}

// -- BLMOVE, BRPOPLPUSH

struct Ends {
  End from = End::right;
  End to = End::left;
};

std::optional<Ends> ends_of(Args args, Reply& reply) {
  if (args.size() == 4) return Ends{};
  const auto from = end_named(args[3]);
  const auto to = end_named(args[4]);
  if (from && to) return Ends{*from, *to};
  reply.raw_error(errors::syntax);
  return std::nullopt;
}

/// Nothing: there is nothing to move, or it cannot be, and the reply says so.
std::optional<Ends> ends_to_move(Table& table, Instant now, Args args, Attempt attempt,
                                 Reply& reply) {
  const auto ends = ends_of(args, reply);
  if (!ends || !timeout_argument(args.back(), reply)) return std::nullopt;
  const Value* const source = table.find(args[1], now);
  if (source == nullptr || (source->type() != Type::list && attempt >= Attempt::again)) {
    reply.null();
    return std::nullopt;
  }
  if (!find_list(table, args[1], now, reply) || !find_list(table, args[2], now, reply))
    return std::nullopt;
  return ends;
}

void move(Context& ctx, Args args, Reply& reply) {
  const auto ends = ends_to_move(ctx.table, ctx.now, args, ctx.attempt, reply);
  if (ends) move_item(ctx, args[1], args[2], ends->from, ends->to, reply);
}

bool move_finds_nothing(Table& table, Instant now, Args args, Reply& reply) {
  return !ends_to_move(table, now, args, Attempt::first, reply);
}

constexpr Row row(const char* name, std::uint16_t code, int arity, KeySpec keys,
                  std::uint32_t flags, WriteFunction function, UnchangedFunction finds_nothing,
                  Waits waits, const char* syntax, const char* summary, const char* complexity,
                  const char* event = "") {
  Row made = list_row(name, code, arity, keys, flags, function, syntax, summary, complexity,
                      taken_by_no_one_else, event);
  made.unchanged = finds_nothing;
  made.waits = waits;
  return made;
}

constexpr KeySpec all_but_last{1, -2, 1};
constexpr KeySpec two_keys{1, 2, 1};
constexpr Waits for_any{.timeout_at = -1, .type = Type::list};
constexpr Waits for_many{.timeout_at = 1, .type = Type::list};
constexpr Waits for_source{.timeout_at = -1, .type = Type::list, .at_first_key_only = true};

constexpr Row rows[] = {
    row("BLPOP", 434, -3, all_but_last, flag_noscript, pop<End::left>, pop_finds_nothing, for_any,
        "key [key ...] timeout", "Take the first item of the first list that is there, or wait",
        "O(keys)", "lpop"),
    row("BRPOP", 435, -3, all_but_last, flag_noscript, pop<End::right>, pop_finds_nothing, for_any,
        "key [key ...] timeout", "Take the last item of the first list that is there, or wait",
        "O(keys)", "rpop"),
    row("BLMOVE", 436, 6, two_keys, flag_denyoom | flag_noscript, move, move_finds_nothing,
        for_source, "source destination <LEFT | RIGHT> <LEFT | RIGHT> timeout",
        "Take an item off an end of a list, or wait for one, and put it to an end of another",
        "O(1)"),
    row("BRPOPLPUSH", 437, 4, two_keys, flag_denyoom | flag_noscript, move, move_finds_nothing,
        for_source, "source destination timeout",
        "Take the last item of a list, or wait for one, and put it in front of another", "O(1)",
        "rpop lpush"),
    row("BLMPOP", 438, -5, {.count_at = 2}, flag_none, pop_many, pop_many_finds_nothing, for_many,
        "timeout numkeys key [key ...] <LEFT | RIGHT> [COUNT count]",
        "Take items out of the first of several lists that is there, or wait",
        "O(keys + items taken)"),
};

}  // namespace

std::span<const Row> list_wait_rows() {
  return rows;
}

}  // namespace holdfast::command
