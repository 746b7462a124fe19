// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <cstring>
#include <string>
#include <vector>

#include "command/bits.h"
#include "command/families.h"
#include "command/lookup.h"
#include "command/parse.h"
#include "value/value.h"

namespace holdfast::command {
namespace {

constexpr std::size_t word_bits = 64;

bool bit_at(std::string_view text, std::size_t bit) {
  return (static_cast<unsigned char>(text[bit / 8]) >> (7 - bit % 8) & 1) != 0;
}

// Eight bytes, the first the highest.
std::uint64_t word_at(std::string_view text, std::size_t byte) {
  std::uint64_t word = 0;
  std::memcpy(&word, text.data() + byte, sizeof(word));
  return __builtin_bswap64(word);
}

// A part of a text, in bits; none where end <= begin.
struct BitRange {
  std::size_t begin = 0;
  std::size_t end = 0;
};

std::int64_t count_bits(std::string_view text, BitRange range) {
  std::int64_t count = 0;
  std::size_t bit = range.begin;
  while (bit < range.end && (bit % 8 != 0 || range.end - bit < word_bits)) {
    if (bit % 8 == 0 && range.end - bit >= 8) {
      count += std::popcount(static_cast<unsigned char>(text[bit / 8]));
      bit += 8;
    } else {
      count += bit_at(text, bit++) ? 1 : 0;
    }
  }
  for (; range.end > bit && range.end - bit >= word_bits; bit += word_bits) {
    count += std::popcount(word_at(text, bit / 8));
  }
  return bit < range.end ? count + count_bits(text, {bit, range.end}) : count;
}

// The first bit that is `wanted`.
std::optional<std::size_t> find_bit(std::string_view text, BitRange range, bool wanted) {
  for (std::size_t bit = range.begin; bit < range.end;) {
    if (bit % 8 == 0 && range.end - bit >= word_bits) {
      const std::uint64_t word = word_at(text, bit / 8);
      const auto before = static_cast<std::size_t>(std::countl_zero(wanted ? word : ~word));
      bit += before;
      if (before < word_bits) return bit;
    } else {
      if (bit_at(text, bit) == wanted) return bit;
      ++bit;
    }
  }
  return std::nullopt;
}

// BYTE or BIT: whether places count bits. Nothing, and the error written: neither.
std::optional<bool> counts_bits(std::string_view word, Reply& reply) {
  const bool bits = equals_nocase(word, "BIT");
  if (bits || equals_nocase(word, "BYTE")) return bits;
  reply.raw_error(errors::syntax);
  return std::nullopt;
}

// Places from `start` to `end`, negative ones from the end; what lies outside is cut off.
BitRange range_of(std::string_view text, std::int64_t start, std::int64_t end, bool bits) {
  const auto size = static_cast<std::int64_t>(text.size() * (bits ? 8 : 1));
  start = std::max<std::int64_t>(start < 0 ? start + size : start, 0);
  end = std::min(std::max<std::int64_t>(end < 0 ? end + size : end, 0), size - 1);
  if (start > end) return {};
  const std::size_t unit = bits ? 1 : 8;
  return {static_cast<std::size_t>(start) * unit, (static_cast<std::size_t>(end) + 1) * unit};
}

void setbit(Context& ctx, Args args, Reply& reply) {
  const auto offset = bit_offset(args[2], 0, reply);
  if (!offset) return;
  if (args[3] != "0" && args[3] != "1") {
    return reply.raw_error("ERR bit is not an integer or out of range");
  }
  const bool wanted = args[3] == "1";
  IntegerText room;
  const auto text = find_text(ctx.table, args[1], ctx.now, room, reply);
  if (!text) return;
  const bool is_there = *offset / 8 < text->size();
  const bool old = is_there && bit_at(*text, *offset);
  reply.integer(old ? 1 : 0);
  if (is_there && old == wanted) return;  // nothing changes
  edit_string(ctx, args[1], *offset / 8 + 1, [&](std::span<char> bytes) {
    char& byte = bytes[*offset / 8];
    const auto mask = static_cast<char>(1U << (7 - *offset % 8));
    byte = static_cast<char>(wanted ? byte | mask : byte & ~mask);
  });
}

void getbit(Table& table, Instant now, Args args, Reply& reply) {
  const auto offset = bit_offset(args[2], 0, reply);
  if (!offset) return;
  IntegerText room;
  const auto text = find_text(table, args[1], now, room, reply);
  if (!text) return;
  reply.integer(*offset / 8 < text->size() && bit_at(*text, *offset) ? 1 : 0);
}

void bitcount(Table& table, Instant now, Args args, Reply& reply) {
  const auto value = find_string(table, args[1], now, reply);
  if (!value) return;
  if (*value == nullptr) return reply.integer(0);  // Redis looks no further, and so do we
  IntegerText room;
  const std::string_view text = (*value)->text(room);
  if (args.size() == 2) return reply.integer(count_bits(text, {0, text.size() * 8}));
  if (args.size() != 4 && args.size() != 5) return reply.raw_error(errors::syntax);
  const auto start = integer_argument(args[2], reply);
  if (!start) return;
  const auto end = integer_argument(args[3], reply);
  if (!end) return;
  if (*start < 0 && *end < 0 && *start > *end) return reply.integer(0);
  const auto bits = args.size() == 5 ? counts_bits(args[4], reply) : false;
  if (bits) reply.integer(count_bits(text, range_of(text, *start, *end, *bits)));
}

void bitpos(Table& table, Instant now, Args args, Reply& reply) {
  const auto wanted = integer_argument(args[2], reply);
  if (!wanted) return;
  if (*wanted != 0 && *wanted != 1) {
    return reply.raw_error("ERR The bit argument must be 1 or 0.");
  }
  const auto value = find_string(table, args[1], now, reply);
  if (!value) return;
  // Nothing is as good as zeros without end.
  if (*value == nullptr) return reply.integer(*wanted == 1 ? -1 : 0);
  IntegerText room;
  const std::string_view text = (*value)->text(room);
  BitRange range{0, text.size() * 8};
  if (args.size() > 6) return reply.raw_error(errors::syntax);
  if (args.size() > 3) {
    const auto start = integer_argument(args[3], reply);
    if (!start) return;
    const auto bits = args.size() == 6 ? counts_bits(args[5], reply) : false;
    if (!bits) return;
    const auto end = args.size() > 4 ? integer_argument(args[4], reply) : -1;
    if (!end) return;
    range = range_of(text, *start, *end, *bits);
    if (range.begin == range.end) return reply.integer(-1);
  } else if (text.empty()) {
    return reply.integer(-1);
  }
  const auto found = find_bit(text, range, *wanted == 1);
  // Behind the text there are zeros, unless it was said where to end.
  const bool behind = *wanted == 0 && args.size() < 5;
  reply.integer(found    ? static_cast<std::int64_t>(*found)
                : behind ? static_cast<std::int64_t>(range.end)
                         : -1);
}

enum class BitOperation : std::uint8_t { all, any, one, none };

std::optional<BitOperation> bit_operation(std::string_view word) {
  if (equals_nocase(word, "AND")) return BitOperation::all;
  if (equals_nocase(word, "OR")) return BitOperation::any;
  if (equals_nocase(word, "XOR")) return BitOperation::one;
  if (equals_nocase(word, "NOT")) return BitOperation::none;
  return std::nullopt;
}

// Shorter texts count as if zeros were behind them.
void combine(BitOperation operation, std::string& into, std::string_view text) {
  char* const out = into.data();
  const std::size_t both = text.size();
  switch (operation) {
    case BitOperation::all:
      for (std::size_t i = 0; i < both; ++i) out[i] = static_cast<char>(out[i] & text[i]);
      std::fill(out + both, out + into.size(), '\0');
      return;
    case BitOperation::any:
      for (std::size_t i = 0; i < both; ++i) out[i] = static_cast<char>(out[i] | text[i]);
      return;
    case BitOperation::one:
      for (std::size_t i = 0; i < both; ++i) out[i] = static_cast<char>(out[i] ^ text[i]);
      return;
    case BitOperation::none:
      for (std::size_t i = 0; i < both; ++i) out[i] = static_cast<char>(~text[i]);
      return;
  }
}

void bitop(Context& ctx, Args args, Reply& reply) {
  const auto operation = bit_operation(args[1]);
  if (!operation) return reply.raw_error(errors::syntax);
  if (*operation == BitOperation::none && args.size() != 4) {
    return reply.raw_error("ERR BITOP NOT must be called with a single source key.");
  }
  const Args keys = args.subspan(3);
  std::size_t length = 0;
  for (const std::string_view key : keys) {
    const auto value = find_string(ctx.table, key, ctx.now, reply);
    if (!value) return;
    if (*value != nullptr) length = std::max(length, (*value)->text_bytes());
  }
  std::string result(length, '\0');
  for (std::size_t i = 0; i < keys.size(); ++i) {
    IntegerText room;
    const Value* value = ctx.table.find(keys[i], ctx.now);
    const std::string_view text = value == nullptr ? std::string_view() : value->text(room);
    const bool first = i == 0 && *operation != BitOperation::none;
    first ? static_cast<void>(result.replace(0, text.size(), text))
          : combine(*operation, result, text);
  }
  if (length == 0) {
    ctx.table.erase(args[2]);
  } else {
    replace(ctx.table, args[2], Value::string(result));
  }
  reply.integer(static_cast<std::int64_t>(length));
}

constexpr std::string_view local_view = "this replica's view";

constexpr Row rows[] = {
    {.name = "SETBIT",
     .code = 460,
     .arity = 4,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_denyoom,
     .strong = setbit,
     .group = "bitmap",
     .since = "0.1",
     .syntax = "key bit-offset bit",
     .summary = "Set or clear a bit of a string, which grows as needed; reply what it was",
     .complexity = "O(1), or O(bytes of the string) where it grows",
     .on_eventual = rewrites_a_part},
    {.name = "GETBIT",
     .code = 461,
     .arity = 3,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_fast,
     .read = getbit,
     .group = "bitmap",
     .since = "0.1",
     .syntax = "key bit-offset",
     .summary = "A bit of a string; 0 behind its end",
     .complexity = "O(1)",
     .on_eventual = local_view},
    {.name = "BITCOUNT",
     .code = 462,
     .arity = -2,
     .keys = first_key,
     .access = Access::read,
     .read = bitcount,
     .group = "bitmap",
     .since = "0.1",
     .syntax = "key [start end [BYTE | BIT]]",
     .summary = "How many bits of a string, or of a part of it, are set",
     .complexity = "O(bytes counted)",
     .on_eventual = local_view},
    {.name = "BITPOS",
     .code = 463,
     .arity = -3,
     .keys = first_key,
     .access = Access::read,
     .read = bitpos,
     .group = "bitmap",
     .since = "0.1",
     .syntax = "key bit [start [end [BYTE | BIT]]]",
     .summary = "The first bit that is set, or that is not",
     .complexity = "O(bytes looked at)",
     .on_eventual = local_view},
    {.name = "BITOP",
     .code = 464,
     .arity = -4,
     .keys = {2, -1, 1},
     .access = Access::write,
     .flags = flag_denyoom,
     .strong = bitop,
     .group = "bitmap",
     .since = "0.1",
     .syntax = "<AND | OR | XOR | NOT> destination key [key ...]",
     .summary = "Combine strings bit by bit into a key; reply its length",
     .complexity = "O(bytes of all)",
     .on_eventual = rewrites_a_part,
     .event = "set"},
};

}  // namespace

std::optional<std::size_t> bit_offset(std::string_view text, std::size_t unit, Reply& reply) {
  const bool in_units = unit != 0 && text.starts_with('#');
  const auto number = parse_integer(in_units ? text.substr(1) : text);
  constexpr std::int64_t end = static_cast<std::int64_t>(limits::bulk_bytes_max) * 8;
  const auto scale = in_units ? static_cast<std::int64_t>(unit) : 1;
  if (!number || *number < 0 || *number >= end || *number * scale >= end) {
    reply.raw_error("ERR bit offset is not an integer or out of range");
    return std::nullopt;
  }
  return static_cast<std::size_t>(*number * scale);
}

std::span<const Row> bit_rows() {
  return rows;
}

}  // namespace holdfast::command
