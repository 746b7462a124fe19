// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>

#include "command/encoding.h"
#include "command/families.h"
#include "command/lookup.h"
#include "command/parse.h"

namespace holdfast::command {
namespace {

// Redis keeps each type in several encodings, and tools ask which. Ours are
// others; the answer is what Redis 7.0 with its default limits would choose
// for this content made anew.
constexpr std::size_t embedded_bytes_max = 44;
constexpr std::size_t listpack_entries_max = 128;
constexpr std::size_t listpack_element_bytes_max = 64;
constexpr std::size_t intset_entries_max = 512;

}  // namespace

std::string_view encoding_of(const Value& value) {
  switch (value.type()) {
    case Type::string:
      if (value.as_integer()) return "int";
      return value.text_bytes() <= embedded_bytes_max ? "embstr" : "raw";
    case Type::hash: {
      const Hash& hash = value.as_hash();
      if (hash.size() > listpack_entries_max) return "hashtable";
      for (std::size_t i = 0; i < hash.size(); ++i) {
        if (std::max(hash.field_at(i).size(), hash.value_at(i).size()) >
            listpack_element_bytes_max) {
          return "hashtable";
        }
      }
      return "listpack";
    }
    case Type::set: {
      const Set& set = value.as_set();
      if (set.size() > intset_entries_max) return "hashtable";
      for (std::size_t i = 0; i < set.size(); ++i) {
        if (!parse_integer(set.at(i))) return "hashtable";
      }
      return "intset";
    }
    case Type::sorted_set: {
      const SortedSet& set = value.as_sorted_set();
      if (set.size() > listpack_entries_max) return "skiplist";
      for (std::size_t i = 0; i < set.size(); ++i) {
        if (set.member_at(i).size() > listpack_element_bytes_max) return "skiplist";
      }
      return "listpack";
    }
    case Type::list:
      return "quicklist";
  }
  return "unknown";
}

namespace {

void object_encoding(Table& table, Instant now, Args args, Reply& reply) {
  const Value* value = table.find(args[2], now);
  if (value == nullptr) return reply.null();
  reply.bulk(encoding_of(*value));
}

// Values are not shared.
void object_refcount(Table& table, Instant now, Args args, Reply& reply) {
  if (table.find(args[2], now) == nullptr) return reply.null();
  reply.integer(1);
}

// Last use is not kept: a read changes nothing here.
void object_idletime(Table& table, Instant now, Args args, Reply& reply) {
  if (table.find(args[2], now) == nullptr) return reply.null();
  reply.integer(0);
}

// Nor how often.
void object_freq(Table& table, Instant now, Args args, Reply& reply) {
  if (table.find(args[2], now) == nullptr) return reply.null();
  reply.raw_error(
      "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that "
      "when switching between policies at runtime LRU and LFU data will take some time to adjust.");
}

void help(std::initializer_list<std::string_view> lines, Reply& reply) {
  reply.array(lines.size());
  for (const std::string_view line : lines) reply.simple(line);
}

void object_help(server::Session& /*session*/, Args /*args*/, Reply& reply) {
  help({"OBJECT <subcommand> [<arg> ...]. Subcommands are:", "ENCODING <key>",
        "    How Redis would keep what the key holds.", "FREQ <key>",
        "    Refused, as without a policy that counts: use of a key is not.", "IDLETIME <key>",
        "    0: last use of a key is not kept.", "REFCOUNT <key>", "    1: values are not shared.",
        "HELP", "    These lines."},
       reply);
}

void memory_help(server::Session& /*session*/, Args /*args*/, Reply& reply) {
  help({"MEMORY <subcommand> [<arg> ...]. Subcommands are:", "USAGE <key> [SAMPLES <count>]",
        "    Bytes that the key and its value take, roughly. SAMPLES changes nothing.", "HELP",
        "    These lines."},
       reply);
}

// What the table keeps for each key besides: the key's and the value's place,
// version, and their share of empty slots.
constexpr std::size_t entry_bytes = 64;

void memory_usage(Table& table, Instant now, Args args, Reply& reply) {
  for (std::size_t i = 3; i < args.size(); i += 2) {
    if (!equals_nocase(args[i], "SAMPLES") || i + 1 == args.size()) {
      return reply.raw_error(errors::syntax);
    }
    const auto samples = integer_argument(args[i + 1], reply);
    if (!samples) return;
    if (*samples < 0) return reply.raw_error(errors::syntax);
  }
  const Value* value = table.find(args[2], now);
  if (value == nullptr) return reply.null();
  const std::size_t bytes = entry_bytes + args[2].size() + value->heap_bytes();
  reply.integer(static_cast<std::int64_t>(bytes));
}

constexpr std::string_view local_view = "this replica's view";

constexpr Row rows[] = {
    {.name = "OBJECT ENCODING",
     .code = 440,
     .arity = 3,
     .keys = second_key,
     .access = Access::read,
     .read = object_encoding,
     .group = "generic",
     .since = "0.1",
     .syntax = "key",
     .summary = "How Redis would keep what the key holds",
     .complexity = "O(elements), for few of them",
     .on_eventual = local_view},
    {.name = "OBJECT REFCOUNT",
     .code = 441,
     .arity = 3,
     .keys = second_key,
     .access = Access::read,
     .read = object_refcount,
     .group = "generic",
     .since = "0.1",
     .syntax = "key",
     .summary = "1: values are not shared",
     .complexity = "O(1)",
     .on_eventual = local_view},
    {.name = "OBJECT FREQ",
     .code = 474,
     .arity = 3,
     .keys = second_key,
     .access = Access::read,
     .read = object_freq,
     .group = "generic",
     .since = "0.1",
     .syntax = "key",
     .summary = "Refused, as in Redis without an LFU policy: use of a key is not counted",
     .complexity = "O(1)",
     .on_eventual = local_view},
    {.name = "OBJECT IDLETIME",
     .code = 442,
     .arity = 3,
     .keys = second_key,
     .access = Access::read,
     .read = object_idletime,
     .group = "generic",
     .since = "0.1",
     .syntax = "key",
     .summary = "0: last use of a key is not kept",
     .complexity = "O(1)",
     .on_eventual = local_view},
    {.name = "OBJECT HELP",
     .arity = 2,
     .access = Access::session,
     .flags = flag_loading,
     .session = object_help,
     .group = "generic",
     .since = "0.1",
     .summary = "The subcommands of OBJECT",
     .complexity = "O(1)"},
    {.name = "MEMORY USAGE",
     .code = 443,
     .arity = -3,
     .keys = second_key,
     .access = Access::read,
     .read = memory_usage,
     .group = "server",
     .since = "0.1",
     .syntax = "key [SAMPLES count]",
     .summary = "Bytes that a key and its value take, roughly",
     .complexity = "O(elements)",
     .on_eventual = local_view},
    {.name = "MEMORY HELP",
     .arity = 2,
     .access = Access::session,
     .flags = flag_loading,
     .session = memory_help,
     .group = "server",
     .since = "0.1",
     .summary = "The subcommands of MEMORY",
     .complexity = "O(1)"},
};

}  // namespace

std::span<const Row> object_rows() {
  return rows;
}

}  // namespace holdfast::command
