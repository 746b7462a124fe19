// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>

#include "command/families.h"
#include "command/lookup.h"
#include "command/parse.h"
#include "value/value.h"

namespace holdfast::command {
namespace {

void strlen_(Table& table, Instant now, Args args, Reply& reply) {
  const auto value = find_string(table, args[1], now, reply);
  if (!value) return;
  reply.integer(*value == nullptr ? 0 : static_cast<std::int64_t>((*value)->text_bytes()));
}

// Negative places count from the end; what lies outside is cut off.
std::string_view range_of(std::string_view text, std::int64_t start, std::int64_t end) {
  const auto size = static_cast<std::int64_t>(text.size());
  if (start < 0 && end < 0 && start > end) return {};
  start = std::max<std::int64_t>(start < 0 ? start + size : start, 0);
  end = std::min(std::max<std::int64_t>(end < 0 ? end + size : end, 0), size - 1);
  if (start > end) return {};
  return text.substr(static_cast<std::size_t>(start), static_cast<std::size_t>(end - start + 1));
}

void getrange(Table& table, Instant now, Args args, Reply& reply) {
  const auto start = integer_argument(args[2], reply);
  if (!start) return;
  const auto end = integer_argument(args[3], reply);
  if (!end) return;
  const auto value = find_string(table, args[1], now, reply);
  if (!value) return;
  IntegerText room;
  const std::string_view text = *value == nullptr ? std::string_view() : (*value)->text(room);
  reply.bulk(range_of(text, *start, *end));
}

// Writes `patch` at that place of what is there, and replies the length.
void write_at(Context& ctx, std::string_view key, std::size_t at, std::string_view patch,
              Reply& reply) {
  std::size_t length = 0;
  edit_string(ctx, key, at + patch.size(), [&](std::span<char> bytes) {
    std::ranges::copy(patch, bytes.begin() + static_cast<std::ptrdiff_t>(at));
    length = bytes.size();
  });
  reply.integer(static_cast<std::int64_t>(length));
}

void append(Context& ctx, Args args, Reply& reply) {
  const auto value = find_string(ctx.table, args[1], ctx.now, reply);
  if (!value) return;
  const std::size_t old = *value == nullptr ? 0 : (*value)->text_bytes();
  if (too_long(old, args[2].size(), reply)) return;
  write_at(ctx, args[1], old, args[2], reply);
}

void setrange(Context& ctx, Args args, Reply& reply) {
  const auto offset = integer_argument(args[2], reply);
  if (!offset) return;
  if (*offset < 0) return reply.raw_error("ERR offset is out of range");
  const auto value = find_string(ctx.table, args[1], ctx.now, reply);
  if (!value) return;
  if (args[3].empty()) {
    return reply.integer(*value == nullptr ? 0 : static_cast<std::int64_t>((*value)->text_bytes()));
  }
  const auto at = static_cast<std::size_t>(*offset);
  if (too_long(at, args[3].size(), reply)) return;
  write_at(ctx, args[1], at, args[3], reply);
}

constexpr Row rows[] = {
    {.name = "STRLEN",
     .code = 140,
     .arity = 2,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_fast,
     .read = strlen_,
     .group = "string",
     .since = "0.1",
     .syntax = "key",
     .summary = "A string's length in bytes; 0 when there is none",
     .complexity = "O(1)",
     .on_eventual = "this replica's view"},
    {.name = "GETRANGE",
     .code = 141,
     .arity = 4,
     .keys = first_key,
     .access = Access::read,
     .read = getrange,
     .group = "string",
     .since = "0.1",
     .syntax = "key start end",
     .summary = "A part of a string; negative places count from its end",
     .complexity = "O(bytes replied)",
     .on_eventual = "this replica's view"},
    {.name = "SUBSTR",
     .code = 142,
     .arity = 4,
     .keys = first_key,
     .access = Access::read,
     .read = getrange,
     .group = "string",
     .since = "0.1",
     .syntax = "key start end",
     .summary = "GETRANGE by its old name",
     .complexity = "O(bytes replied)",
     .on_eventual = "this replica's view"},
    {.name = "APPEND",
     .code = 143,
     .arity = 3,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_denyoom | flag_fast,
     .strong = append,
     .group = "string",
     .since = "0.1",
     .syntax = "key value",
     .summary = "Lengthen a string; reply its length",
     .complexity = "O(bytes of the string)",
     .on_eventual = rewrites_a_part},
    {.name = "SETRANGE",
     .code = 144,
     .arity = 4,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_denyoom,
     .strong = setrange,
     .group = "string",
     .since = "0.1",
     .syntax = "key offset value",
     .summary = "Overwrite a part of a string",
     .complexity = "O(bytes written), or of the string where it grows",
     .on_eventual = rewrites_a_part},
};

}  // namespace

std::span<const Row> substring_rows() {
  return rows;
}

}  // namespace holdfast::command
