// SPDX-License-Identifier: Apache-2.0
#include "command/table.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "base/assert.h"
#include "command/key_pattern.h"
#include "command/parse.h"

namespace holdfast {
namespace {

// Names are compared as two machine words: the first and the last 8 bytes,
// overlapping for short names. Up to 16 bytes that is the whole name.
struct Words {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};

template <typename Word>
std::uint64_t load(const char* bytes) {
  Word word = 0;
  std::memcpy(&word, bytes, sizeof(word));
  return word;
}

Words words_of(std::string_view name) {
  const char* p = name.data();
  const std::size_t n = name.size();
  if (n >= 8) return {load<std::uint64_t>(p), load<std::uint64_t>(p + n - 8)};
  if (n >= 4) return {load<std::uint32_t>(p), load<std::uint32_t>(p + n - 4)};
  if (n == 0) return {};
  const auto byte = [p](std::size_t i) { return std::uint64_t{static_cast<unsigned char>(p[i])}; };
  return {byte(0) | byte(n / 2) << 8 | byte(n - 1) << 16, 0};
}

constexpr std::uint64_t case_bits = 0x2020'2020'2020'2020;

std::uint64_t hash_of(Words words, std::size_t length) {
  constexpr std::uint64_t k = 0x9E37'79B9'7F4A'7C15;  // 2^64 over the golden ratio
  std::uint64_t h = ((words.first & ~case_bits) ^ length) * k;
  h ^= h >> 32;
  h = (h ^ (words.last & ~case_bits)) * k;
  return h ^ (h >> 29);
}

struct Entry {
  Words words;
  Words letters;  // the case bit at every letter: where input may differ
  const Row* row = nullptr;

  explicit Entry(const Row* of) : words(words_of(of->name)), row(of) {
    std::string mask(of->name);
    for (char& c : mask) c = c >= 'A' && c <= 'Z' ? '\x20' : '\0';
    letters = words_of(mask);
  }

  bool is(std::string_view name, Words given) const {
    if (name.size() != row->name.size()) return false;
    if (((given.first ^ words.first) & ~letters.first) != 0) return false;
    if (((given.last ^ words.last) & ~letters.last) != 0) return false;
    return name.size() <= 16 || command::equals_nocase(name, row->name);
  }
};

bool complete(const Row& row) {
  if (row.name.empty() || row.arity == 0) return false;
  if (row.group.empty() || row.since.empty() || row.summary.empty()) return false;
  const bool logged = row.access == Access::write || (row.flags & flag_write_ids) != 0 ||
                      (row.flags & flag_write_catalog) != 0;
  if (logged && row.code == 0) return false;
  switch (row.access) {
    case Access::read: {
      constexpr std::uint32_t alone = flag_no_multi | flag_noscript;
      return row.read != nullptr || (row.node != nullptr && (row.flags & alone) == alone);
    }
    case Access::write:
      if (row.waits.timeout_at != 0 && row.unchanged == nullptr) return false;
      return row.strong != nullptr && !row.on_eventual.empty();
    case Access::ids:
      return row.ids != nullptr;
    case Access::catalog:
      return row.catalog != nullptr;
    case Access::node:
      return row.node != nullptr;
    case Access::workflow:
      return row.workflow != nullptr;
    case Access::message:
      return row.node != nullptr && row.strong != nullptr && row.eventual != nullptr &&
             row.code != 0;
    case Access::session:
      return row.read == nullptr || row.code != 0;
    case Access::wrapper:
    case Access::function:
      return true;  // some are the session's own affair
  }
  return false;
}

// Calls `each` with every option of SORT that has an argument, and where that is.
template <typename Each>
void for_each_sort_option(Args args, Each each) {
  for (std::size_t i = 2; i + 1 < args.size(); ++i) {
    const std::string_view word = args[i];
    if (command::equals_nocase(word, "LIMIT")) {
      i += 2;
    } else if (command::equals_nocase(word, "BY") || command::equals_nocase(word, "GET") ||
               command::equals_nocase(word, "STORE")) {
      each(word, ++i);
    }
  }
}

}  // namespace

struct CommandTable::Impl {
  std::vector<const Row*> rows;      // sorted by name
  std::vector<Entry> entries;        // in the order of rows
  std::vector<std::uint16_t> slots;  // open addressing: place in entries + 1; 0 is free
  std::vector<const Row*> by_code;

  void index() {
    slots.assign(std::bit_ceil(rows.size() * 4 + 1), 0);
    for (const Row* row : rows) {
      register_code(row);
      entries.emplace_back(row);
      std::size_t slot = hash_of(entries.back().words, row->name.size()) & (slots.size() - 1);
      while (slots[slot] != 0) slot = (slot + 1) & (slots.size() - 1);
      slots[slot] = static_cast<std::uint16_t>(entries.size());
    }
  }

  void register_code(const Row* row) {
    if (row->code == 0) return;
    if (by_code.size() <= row->code) by_code.resize(row->code + std::size_t{1});
    HF_ASSERT(by_code[row->code] == nullptr);
    by_code[row->code] = row;
  }

  const Row* find(std::string_view name) const {
    const Words words = words_of(name);
    std::size_t slot = hash_of(words, name.size()) & (slots.size() - 1);
    for (; slots[slot] != 0; slot = (slot + 1) & (slots.size() - 1)) {
      const Entry& entry = entries[slots[slot] - std::size_t{1}];
      if (entry.is(name, words)) return entry.row;
    }
    return nullptr;
  }
};

CommandTable::CommandTable(std::initializer_list<std::span<const Row>> families) : impl_(new Impl) {
  for (const std::span<const Row> family : families) {
    for (const Row& row : family) {
      HF_ASSERT(complete(row));
      if ((row.flags & flag_internal) != 0) {
        impl_->register_code(&row);
      } else {
        impl_->rows.push_back(&row);
      }
    }
  }
  HF_ASSERT(impl_->rows.size() < std::numeric_limits<std::uint16_t>::max());
  const auto by_name = [](const Row* row) { return row->name; };
  std::ranges::sort(impl_->rows, {}, by_name);
  HF_ASSERT(std::ranges::adjacent_find(impl_->rows, {}, by_name) == impl_->rows.end());
  impl_->index();
}

CommandTable::~CommandTable() {
  delete impl_;
}

const Row* CommandTable::find(std::string_view name) const {
  return impl_->find(name);
}

const Row* CommandTable::find(std::string_view name, std::string_view subcommand) const {
  char full[64];  // longer than any name
  const std::size_t size = name.size() + 1 + subcommand.size();
  if (size <= sizeof(full)) {
    name.copy(full, name.size());
    full[name.size()] = ' ';
    subcommand.copy(full + name.size() + 1, subcommand.size());
    if (const Row* row = impl_->find({full, size})) return row;
  }
  return impl_->find(name);
}

const Row* CommandTable::by_code(std::uint16_t code) const {
  return code < impl_->by_code.size() ? impl_->by_code[code] : nullptr;
}

std::span<const Row* const> CommandTable::rows() const {
  return impl_->rows;
}

bool CommandTable::has_subcommands(std::string_view name) const {
  return std::ranges::any_of(impl_->rows, [name](const Row* row) {
    return row->name.size() > name.size() && row->name[name.size()] == ' ' &&
           command::equals_nocase(name, row->name.substr(0, name.size()));
  });
}

Status check_arity(const Row& row, Args args) {
  const auto n = static_cast<std::int64_t>(args.size());
  if (row.arity > 0 ? n == row.arity : n >= -row.arity) return {};
  return fail(Code::err,
              "wrong number of arguments for '" + command::redis_name(row.name) + "' command");
}

KeyRange key_range(const Row& row, Args args) {
  const auto n = static_cast<std::int64_t>(args.size());
  const KeySpec& spec = row.keys;
  if (spec.count_at > 0) {
    const std::int64_t first = spec.count_at + 1;
    KeyRange range{.alone = n > spec.first ? static_cast<std::size_t>(spec.first) : 0};
    if (n <= first) return range;
    const std::int64_t count =
        parse_integer(args[static_cast<std::size_t>(spec.count_at)]).value_or(0);
    if (count <= 0) return range;
    range.first = static_cast<std::size_t>(first);
    range.end = static_cast<std::size_t>(first + std::min(count, n - first));
    return range;
  }
  if (spec.first == 0) return {};
  const std::int64_t last =
      std::min<std::int64_t>(spec.last < 0 ? n + spec.last : spec.last, n - 1);
  if (last < spec.first) return {};
  std::size_t behind = 0;
  if (spec.among_options) {
    for_each_sort_option(args, [&](std::string_view word, std::size_t at) {
      if (command::equals_nocase(word, "STORE")) behind = at;
    });
  }
  return {.first = static_cast<std::size_t>(spec.first),
          .end = static_cast<std::size_t>(last + 1),
          .step = static_cast<std::size_t>(spec.step),
          .behind = behind};
}

void for_each_key_pattern(const Row& row, Args args,
                          absl::FunctionRef<void(std::string_view pattern)> each) {
  if (!row.keys.among_options) return;
  for_each_sort_option(args, [&](std::string_view word, std::size_t at) {
    if (!command::equals_nocase(word, "BY") && !command::equals_nocase(word, "GET")) return;
    const command::KeyPattern pattern(args[at]);
    if (pattern.names_keys()) each(pattern.key());
  });
}

std::vector<std::string_view> keys_of(const Row& row, Args args) {
  std::vector<std::string_view> keys;
  for_each_key(row, args, [&](std::string_view key) { keys.push_back(key); });
  return keys;
}

std::optional<Millis> wait_of(const Row& row, Args args) {
  const int at = row.waits.timeout_at;
  if (at == 0) return std::nullopt;
  std::string text;
  Reply unread(text);
  return command::timeout_argument(
      args[static_cast<std::size_t>(at < 0 ? at + static_cast<int>(args.size()) : at)], unread);
}

bool is_null(std::string_view reply) {
  return reply == "$-1\r\n" || reply == "*-1\r\n";
}

Error keyspace_dropped() {
  return {Code::unavailable, "the keyspace was dropped"};
}

Error keyspace_made_meanwhile() {
  return {Code::unavailable,
          "a keyspace of the key's name was made while this was under way: try again"};
}

Error owner_changed() {
  return {Code::no_permission, "the keyspace belongs to another service"};
}

Error unsupported_on_eventual(const Row& row) {
  return {Code::unsupported, std::string(row.name) + " " + std::string(row.on_eventual)};
}

std::string_view keyspace_of(std::string_view key) {
  const std::size_t colon = key.find(':');
  return colon == std::string_view::npos ? std::string_view("default") : key.substr(0, colon);
}

}  // namespace holdfast
