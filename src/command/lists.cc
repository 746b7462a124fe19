// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <vector>

#include "command/families.h"
#include "command/list_items.h"

namespace holdfast::command {
namespace {

void push_all(Context& ctx, Args args, End end, Reply& reply) {
  List* const list = list_to_fill(ctx, args[1], reply);
  if (list == nullptr) return;
  for (const std::string_view item : args.subspan(2)) push(*list, end, item);
  reply.integer(static_cast<std::int64_t>(list->size()));
}

template <End end>
void push_items(Context& ctx, Args args, Reply& reply) {
  const auto found = find_list(ctx.table, args[1], ctx.now, reply);
  if (found) push_all(ctx, args, end, reply);
}

bool finds_no_list(Table& table, Instant now, Args args, Reply& reply) {
  const auto found = find_list(table, args[1], now, reply);
  if (found && *found != nullptr) return false;
  if (found) reply.integer(0);
  return true;
}

template <End end>
void push_where_there(Context& ctx, Args args, Reply& reply) {
  if (!finds_no_list(ctx.table, ctx.now, args, reply)) push_all(ctx, args, end, reply);
}

void lset(Context& ctx, Args args, Reply& reply) {
  const auto found = find_list(ctx.table, args[1], ctx.now, reply);
  if (!found) return;
  if (*found == nullptr) return reply.raw_error("ERR no such key");
  const auto index = integer_argument(args[2], reply);
  if (!index) return;
  const auto place = place_of(*index, (*found)->size());
  if (!place) return reply.raw_error("ERR index out of range");
  ctx.table.change(args[1], ctx.now)->as_list().set(*place, args[3]);
  reply.ok();
}

void linsert(Context& ctx, Args args, Reply& reply) {
  const bool behind = equals_nocase(args[2], "AFTER");
  if (!behind && !equals_nocase(args[2], "BEFORE")) return reply.raw_error(errors::syntax);
  const auto found = find_list(ctx.table, args[1], ctx.now, reply);
  if (!found) return;
  if (*found == nullptr) return reply.integer(0);
  std::optional<std::size_t> pivot;
  (*found)->walk(0, (*found)->size(), [&](std::size_t index, std::string_view item) {
    if (item == args[3]) pivot = index;
    return !pivot;
  });
  if (!pivot) return reply.integer(-1);
  List& list = ctx.table.change(args[1], ctx.now)->as_list();
  list.insert(*pivot + (behind ? 1 : 0), args[4]);
  reply.integer(static_cast<std::int64_t>(list.size()));
}

void lrem(Context& ctx, Args args, Reply& reply) {
  const auto count = integer_argument(args[2], reply);
  if (!count) return;
  const auto found = find_list(ctx.table, args[1], ctx.now, reply);
  if (!found) return;
  if (*found == nullptr) return reply.integer(0);
  const auto number = static_cast<std::uint64_t>(*count);
  const std::size_t most = *count == 0  ? std::numeric_limits<std::size_t>::max()
                           : *count < 0 ? 0 - number
                                        : number;
  std::vector<std::size_t> equal;
  const auto look = [&](std::size_t index, std::string_view item) {
    if (item == args[3]) equal.push_back(index);
    return equal.size() < most;
  };
  const std::size_t size = (*found)->size();
  *count < 0 ? (*found)->walk_back(size - 1, size, look) : (*found)->walk(0, size, look);
  reply.integer(static_cast<std::int64_t>(equal.size()));
  if (equal.empty()) return;
  if (equal.size() == size) {
    ctx.table.erase(args[1]);
    return;
  }
  if (*count < 0) std::ranges::reverse(equal);
  ctx.table.change(args[1], ctx.now)->as_list().erase_all(equal);
}

void ltrim(Context& ctx, Args args, Reply& reply) {
  const auto start = integer_argument(args[2], reply);
  if (!start) return;
  const auto stop = integer_argument(args[3], reply);
  if (!stop) return;
  const auto found = find_list(ctx.table, args[1], ctx.now, reply);
  if (!found) return;
  reply.ok();
  if (*found == nullptr) return;
  const Stretch kept = stretch_of(*start, *stop, (*found)->size());
  if (kept.size == (*found)->size()) return;
  if (kept.size == 0) {
    ctx.table.erase(args[1]);
    return;
  }
  List& list = ctx.table.change(args[1], ctx.now)->as_list();
  const std::size_t end = kept.from + kept.size;
  list.erase(end, list.size() - end);
  list.erase(0, kept.from);
}

constexpr Row row(const char* name, std::uint16_t code, int arity, std::uint32_t flags,
                  WriteFunction function, const char* syntax, const char* summary,
                  const char* complexity, const char* event = "",
                  UnchangedFunction unchanged = nullptr) {
  Row made = list_row(name, code, arity, first_key, flags, function, syntax, summary, complexity,
                      order_is_agreed, event);
  made.unchanged = unchanged;
  return made;
}

constexpr std::uint32_t quick_and_grows = flag_fast | flag_denyoom;

constexpr Row rows[] = {
    row("LPUSH", 408, -3, quick_and_grows, push_items<End::left>, "key element [element ...]",
        "Put items in front of a list, one after the other", "O(items added)"),
    row("RPUSH", 409, -3, quick_and_grows, push_items<End::right>, "key element [element ...]",
        "Put items behind a list's last", "O(items added)"),
    row("LPUSHX", 410, -3, quick_and_grows, push_where_there<End::left>,
        "key element [element ...]", "Put items in front of a list that is there", "O(items added)",
        "lpush", finds_no_list),
    row("RPUSHX", 411, -3, quick_and_grows, push_where_there<End::right>,
        "key element [element ...]", "Put items behind the last of a list that is there",
        "O(items added)", "rpush", finds_no_list),
    row("LSET", 417, 4, flag_denyoom, lset, "key index element",
        "Put another item where one is, a negative index from the end", "O(log N)"),
    row("LINSERT", 418, 5, flag_denyoom, linsert, "key <BEFORE | AFTER> pivot element",
        "Put an item beside the first that is equal to another", "O(N)"),
    row("LREM", 419, 4, flag_none, lrem, "key count element",
        "Take equal items out: so many, from the end if negative, or with 0 all", "O(N)"),
    row("LTRIM", 429, 4, flag_none, ltrim, "key start stop",
        "Keep the items from one index to another alone", "O(items taken)"),
};

}  // namespace

std::span<const Row> item_rows() {
  return rows;
}

}  // namespace holdfast::command
