// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <vector>

#include "command/families.h"
#include "command/glob.h"
#include "command/lookup.h"
#include "command/parse.h"
#include "command/random.h"
#include "value/hash.h"

namespace holdfast::command {
namespace {

std::size_t size_of(const Hash* hash) {
  return hash == nullptr ? 0 : hash->size();
}

void hgetall(Table& table, Instant now, Args args, Reply& reply) {
  const auto hash = find_hash(table, args[1], now, reply);
  if (!hash) return;
  reply.map(size_of(*hash));
  for (std::size_t i = 0; i < size_of(*hash); ++i) {
    reply.bulk((*hash)->field_at(i));
    reply.bulk((*hash)->value_at(i));
  }
}

void hkeys(Table& table, Instant now, Args args, Reply& reply) {
  const auto hash = find_hash(table, args[1], now, reply);
  if (!hash) return;
  reply.array(size_of(*hash));
  for (std::size_t i = 0; i < size_of(*hash); ++i) reply.bulk((*hash)->field_at(i));
}

void hvals(Table& table, Instant now, Args args, Reply& reply) {
  const auto hash = find_hash(table, args[1], now, reply);
  if (!hash) return;
  reply.array(size_of(*hash));
  for (std::size_t i = 0; i < size_of(*hash); ++i) reply.bulk((*hash)->value_at(i));
}

void reply_random(const Hash& hash, std::size_t place, bool with_values, Reply& reply) {
  if (with_values) reply.array(2);
  reply.bulk(hash.field_at(place));
  if (with_values) reply.bulk(hash.value_at(place));
}

// A negative count may repeat fields, a positive one does not.
void hrandfield_many(const Hash& hash, std::int64_t count, bool with_values, Random random,
                     Reply& reply) {
  if (count < 0) {
    const auto places = repeated_places(
        random, hash.size(), static_cast<std::uint64_t>(-count), [&](std::size_t place) {
          return hash.field_at(place).size() + hash.value_at(place).size();
        });
    if (!places) return reply.raw_error(errors::out_of_range);
    reply.array(places->size());
    for (const std::size_t place : *places) reply_random(hash, place, with_values, reply);
    return;
  }
  const std::size_t n = std::min(static_cast<std::size_t>(count), hash.size());
  reply.array(n);
  RandomPlaces places(random, hash.size());
  for (std::size_t i = 0; i < n; ++i) reply_random(hash, places.next(), with_values, reply);
}

void hrandfield(Table& table, Instant now, Args args, Reply& reply) {
  std::int64_t count = 1;
  const bool with_values = args.size() == 4;
  if (args.size() >= 3) {
    const auto number = signed_count_argument(args[2], reply);
    if (!number) return;
    if (args.size() > 4 || (with_values && !equals_nocase(args[3], "WITHVALUES"))) {
      return reply.raw_error(errors::syntax);
    }
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max() / 2;
    if (with_values && (*number < -most || *number > most)) {
      return reply.raw_error(errors::out_of_range);
    }
    count = *number;
  }
  const auto hash = find_hash(table, args[1], now, reply);
  if (!hash) return;
  const bool one = args.size() == 2;
  if (*hash == nullptr) return one ? reply.null() : reply.array(0);
  Random random = random_of_read(table, now, reply);
  if (one) return reply.bulk((*hash)->field_at(random.below((*hash)->size())));
  hrandfield_many(**hash, count, with_values, random, reply);
}

// The cursor is how many places are left: the walk goes downward, so that what
// an erase moves into a gap is met still (value/set.h).
void hscan(Table& table, Instant now, Args args, Reply& reply) {
  const auto cursor = cursor_argument(args[2], reply);
  if (!cursor) return;
  const auto hash = find_hash(table, args[1], now, reply);
  if (!hash) return;
  const auto options = *hash == nullptr ? ScanOptions{} : scan_options(args, 3, reply);
  if (!options) return;
  const std::size_t size = size_of(*hash);
  const std::size_t from = *cursor == 0 ? size : std::min<std::size_t>(*cursor, size);
  const std::size_t end = from - std::min(options->count, from);
  std::vector<std::size_t> places;
  for (std::size_t i = from; i-- > end;) {
    if (!options->match || glob_match(*options->match, (*hash)->field_at(i))) places.push_back(i);
  }
  reply.array(2);
  reply.bulk(std::to_string(end));
  reply.array(places.size() * 2);
  for (const std::size_t place : places) {
    reply.bulk((*hash)->field_at(place));
    reply.bulk((*hash)->value_at(place));
  }
}

constexpr std::string_view local_view = "this replica's view";

constexpr Row rows[] = {
    {.name = "HGETALL",
     .code = 220,
     .arity = 2,
     .keys = first_key,
     .access = Access::read,
     .read = hgetall,
     .group = "hash",
     .since = "0.1",
     .syntax = "key",
     .summary = "All fields and their values",
     .complexity = "O(fields)",
     .on_eventual = local_view},
    {.name = "HKEYS",
     .code = 221,
     .arity = 2,
     .keys = first_key,
     .access = Access::read,
     .read = hkeys,
     .group = "hash",
     .since = "0.1",
     .syntax = "key",
     .summary = "All fields",
     .complexity = "O(fields)",
     .on_eventual = local_view},
    {.name = "HVALS",
     .code = 222,
     .arity = 2,
     .keys = first_key,
     .access = Access::read,
     .read = hvals,
     .group = "hash",
     .since = "0.1",
     .syntax = "key",
     .summary = "All values",
     .complexity = "O(fields)",
     .on_eventual = local_view},
    {.name = "HRANDFIELD",
     .code = 223,
     .arity = -2,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_flat_pairs,
     .read = hrandfield,
     .group = "hash",
     .since = "0.1",
     .syntax = "key [count [WITHVALUES]]",
     .summary = "Fields by chance; a negative count may repeat them",
     .complexity = "O(fields replied)",
     .on_eventual = local_view},
    {.name = "HSCAN",
     .code = 224,
     .arity = -3,
     .keys = first_key,
     .access = Access::read,
     .read = hscan,
     .group = "hash",
     .since = "0.1",
     .syntax = "key cursor [MATCH pattern] [COUNT count]",
     .summary = "Walk a hash in steps; every field that stays is met",
     .complexity = "O(count)",
     .on_eventual = local_view},
};

}  // namespace

std::span<const Row> field_walk_rows() {
  return rows;
}

}  // namespace holdfast::command
