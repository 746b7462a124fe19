// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "command/bits.h"
#include "command/families.h"
#include "command/lookup.h"
#include "command/parse.h"
#include "value/value.h"

namespace holdfast::command {
namespace {

// The integers that a field of some bits holds. Unsigned ones have 63 bits at most, so that every
// value is one of 64 bits with a sign.
struct Kind {
  bool is_signed = false;
  unsigned bits = 1;

  std::int64_t max() const {
    constexpr std::int64_t all = std::numeric_limits<std::int64_t>::max();
    return all >> (is_signed ? 64 - bits : 63 - bits);
  }
  std::int64_t min() const { return is_signed ? -max() - 1 : 0; }

  // What the lowest bits are as such an integer.
  std::int64_t of_bits(std::uint64_t word) const {
    const unsigned unused = 64 - bits;
    word <<= unused;
    return is_signed ? static_cast<std::int64_t>(word) >> unused
                     : static_cast<std::int64_t>(word >> unused);
  }
};

enum class Overflow : std::uint8_t { wrap, saturate, fail };

struct Step {
  enum class What : std::uint8_t { get, set, add };
  What what = What::get;
  Overflow overflow = Overflow::wrap;
  Kind kind;
  std::size_t offset = 0;
  std::int64_t number = 0;
};

std::optional<Kind> kind_argument(std::string_view text, Reply& reply) {
  const Kind kind{.is_signed = text.starts_with('i')};
  if (kind.is_signed || text.starts_with('u')) {
    const auto bits = parse_integer(text.substr(1));
    if (bits && *bits >= 1 && *bits <= (kind.is_signed ? 64 : 63)) {
      return Kind{kind.is_signed, static_cast<unsigned>(*bits)};
    }
  }
  reply.raw_error(
      "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but "
      "i64 is.");
  return std::nullopt;
}

std::optional<Overflow> overflow_argument(std::string_view text, Reply& reply) {
  if (equals_nocase(text, "WRAP")) return Overflow::wrap;
  if (equals_nocase(text, "SAT")) return Overflow::saturate;
  if (equals_nocase(text, "FAIL")) return Overflow::fail;
  reply.raw_error("ERR Invalid OVERFLOW type specified");
  return std::nullopt;
}

std::optional<std::vector<Step>> steps_of(Args args, Reply& reply) {
  std::vector<Step> steps;
  Overflow overflow = Overflow::wrap;
  for (std::size_t i = 2; i < args.size();) {
    const std::size_t left = args.size() - i - 1;
    Step step;
    if (equals_nocase(args[i], "OVERFLOW") && left >= 1) {
      const auto chosen = overflow_argument(args[i + 1], reply);
      if (!chosen) return std::nullopt;
      overflow = *chosen;
      i += 2;
      continue;
    }
    if (equals_nocase(args[i], "SET") && left >= 3) {
      step.what = Step::What::set;
    } else if (equals_nocase(args[i], "INCRBY") && left >= 3) {
      step.what = Step::What::add;
    } else if (!equals_nocase(args[i], "GET") || left < 2) {
      reply.raw_error(errors::syntax);
      return std::nullopt;
    }
    const auto kind = kind_argument(args[i + 1], reply);
    if (!kind) return std::nullopt;
    const auto offset = bit_offset(args[i + 2], kind->bits, reply);
    if (!offset) return std::nullopt;
    step.overflow = overflow;
    step.kind = *kind;
    step.offset = *offset;
    i += 3;
    if (step.what != Step::What::get) {
      const auto number = integer_argument(args[i], reply);
      if (!number) return std::nullopt;
      step.number = *number;
      ++i;
    }
    steps.push_back(step);
  }
  return steps;
}

bool only_gets(const std::vector<Step>& steps) {
  for (const Step& step : steps) {
    if (step.what != Step::What::get) return false;
  }
  return true;
}

// Behind the end there are zeros.
std::int64_t field_at(std::string_view text, const Step& step) {
  std::uint64_t word = 0;
  for (std::size_t bit = step.offset; bit < step.offset + step.kind.bits; ++bit) {
    const auto byte = bit / 8 < text.size() ? static_cast<unsigned char>(text[bit / 8])
                                            : static_cast<unsigned char>(0);
    word = word << 1 | (byte >> (7 - bit % 8) & 1U);
  }
  return step.kind.of_bits(word);
}

void put_field(std::span<char> bytes, const Step& step, std::int64_t number) {
  auto word = static_cast<std::uint64_t>(number);
  for (std::size_t bit = step.offset + step.kind.bits; bit-- > step.offset; word >>= 1) {
    char& byte = bytes[bit / 8];
    const auto mask = static_cast<char>(1U << (7 - bit % 8));
    byte = static_cast<char>((word & 1) != 0 ? byte | mask : byte & ~mask);
  }
}

// What is to be in the field for a step that changes it; nothing: it must not be.
std::optional<std::int64_t> changed(const Step& step, std::int64_t old) {
  const Kind& kind = step.kind;
  const bool adds = step.what == Step::What::add;
  const std::int64_t start = adds ? old : 0;
  std::int64_t sum = 0;
  const bool past_64_bits = __builtin_add_overflow(start, step.number, &sum);
  bool above = past_64_bits ? step.number > 0 : sum > kind.max();
  bool below = past_64_bits ? step.number < 0 : sum < kind.min();
  // A negative number to set is a huge one to an unsigned field.
  if (!adds && below && !kind.is_signed) std::swap(above, below);
  if (!above && !below) return sum;
  switch (step.overflow) {
    case Overflow::wrap:
      return kind.of_bits(static_cast<std::uint64_t>(start) +
                          static_cast<std::uint64_t>(step.number));
    case Overflow::saturate:
      return above ? kind.max() : kind.min();
    case Overflow::fail:
      return std::nullopt;
  }
  return std::nullopt;
}

void run(const Step& step, std::span<char> bytes, Reply& reply) {
  const std::int64_t old = field_at({bytes.data(), bytes.size()}, step);
  if (step.what == Step::What::get) return reply.integer(old);
  const auto number = changed(step, old);
  if (!number) return reply.null();
  put_field(bytes, step, *number);
  reply.integer(step.what == Step::What::set ? old : *number);
}

void read_fields(Table& table, Instant now, std::string_view key, const std::vector<Step>& steps,
                 Reply& reply) {
  IntegerText room;
  const auto text = find_text(table, key, now, room, reply);
  if (!text) return;
  reply.array(steps.size());
  for (const Step& step : steps) reply.integer(field_at(*text, step));
}

void bitfield(Context& ctx, Args args, Reply& reply) {
  const auto steps = steps_of(args, reply);
  if (!steps) return;
  if (only_gets(*steps)) return read_fields(ctx.table, ctx.now, args[1], *steps, reply);
  if (!find_string(ctx.table, args[1], ctx.now, reply)) return;
  std::size_t end = 0;  // the last bit that is written, and one
  for (const Step& step : *steps) {
    if (step.what != Step::What::get) end = std::max(end, step.offset + step.kind.bits);
  }
  reply.array(steps->size());
  edit_string(ctx, args[1], (end + 7) / 8, [&](std::span<char> bytes) {
    for (const Step& step : *steps) run(step, bytes, reply);
  });
}

void bitfield_ro(Table& table, Instant now, Args args, Reply& reply) {
  const auto steps = steps_of(args, reply);
  if (!steps) return;
  if (!only_gets(*steps)) {
    return reply.raw_error("ERR BITFIELD_RO only supports the GET subcommand");
  }
  read_fields(table, now, args[1], *steps, reply);
}

// Only GET: a read by another name.
bool bitfield_changes_nothing(Table& table, Instant now, Args args, Reply& reply) {
  const auto steps = steps_of(args, reply);
  if (!steps || !only_gets(*steps)) {
    reply.clear();
    return false;
  }
  read_fields(table, now, args[1], *steps, reply);
  return true;
}

constexpr Row rows[] = {
    {.name = "BITFIELD",
     .code = 465,
     .arity = -2,
     .keys = first_key,
     .access = Access::write,
     .flags = flag_denyoom,
     .strong = bitfield,
     .unchanged = bitfield_changes_nothing,
     .group = "bitmap",
     .since = "0.1",
     .syntax = "key [<GET bit-type field-offset | [OVERFLOW <WRAP | SAT | FAIL>] <SET bit-type "
               "field-offset number | INCRBY bit-type field-offset number>> ...]",
     .summary = "Read and change integers of any width within a string",
     .complexity = "O(operations), and O(bytes of the string) where it grows",
     .on_eventual = "needs a strong keyspace: it rewrites the string that it found, and concurrent "
                    "ones would lose each other's part; BITFIELD_RO reads",
     .event = "setbit"},
    {.name = "BITFIELD_RO",
     .code = 466,
     .arity = -2,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_fast,
     .read = bitfield_ro,
     .group = "bitmap",
     .since = "0.1",
     .syntax = "key [GET bit-type field-offset ...]",
     .summary = "Read integers of any width within a string",
     .complexity = "O(operations)",
     .on_eventual = "this replica's view"},
};

}  // namespace

std::span<const Row> bitfield_rows() {
  return rows;
}

}  // namespace holdfast::command
