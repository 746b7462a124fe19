// SPDX-License-Identifier: Apache-2.0
#include "command/multi_pop.h"

#include "command/lookup.h"
#include "command/parse.h"

namespace holdfast::command {
namespace {

/// A count of at least 1.
std::optional<std::size_t> count_argument(std::string_view text, std::string_view refusal,
                                          Reply& reply) {
  const auto number = parse_integer(text);
  if (number && *number >= 1) return static_cast<std::size_t>(*number);
  reply.raw_error(refusal);
  return std::nullopt;
}

}  // namespace

std::optional<MultiPop> multi_pop(Args args, std::size_t at, std::string_view first,
                                  std::string_view second, Reply& reply) {
  const auto syntax = [&]() -> std::optional<MultiPop> {
    reply.raw_error(errors::syntax);
    return std::nullopt;
  };
  const auto keys = count_argument(args[at], "ERR numkeys should be greater than 0", reply);
  if (!keys) return std::nullopt;
  if (*keys > args.size() || at + 1 + *keys >= args.size()) return syntax();
  MultiPop pop{.keys = args.subspan(at + 1, *keys)};
  const Args options = args.subspan(at + 1 + *keys);
  pop.at_second = equals_nocase(options[0], second);
  if (!pop.at_second && !equals_nocase(options[0], first)) return syntax();
  if (options.size() == 1) return pop;
  if (!equals_nocase(options[1], "COUNT") || options.size() < 3) return syntax();
  const auto count = count_argument(options[2], "ERR count should be greater than 0", reply);
  if (!count) return std::nullopt;
  if (options.size() > 3) return syntax();
  pop.n = *count;
  return pop;
}

std::optional<std::string_view> key_to_pop_many(Table& table, Instant now, Args args, bool waits,
                                                Attempt attempt, Type type, std::string_view first,
                                                std::string_view second, MultiPop& pop,
                                                Reply& reply) {
  const auto asked = multi_pop(args, waits ? 2 : 1, first, second, reply);
  if (!asked || (waits && !timeout_argument(args[1], reply))) return std::nullopt;
  pop = *asked;
  return first_of_type(table, pop.keys, type, now, attempt, reply);
}

}  // namespace holdfast::command
