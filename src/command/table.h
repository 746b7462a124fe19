// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/functional/function_ref.h>

#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "command/row.h"

namespace holdfast {

/// All commands, gathered once at start from the families (each family's file
/// ends with its rows). Immutable afterwards; read from any thread.
class CommandTable {
 public:
  /// Asserts that names and codes are unique and rows complete: a name, an
  /// arity, the function that its access needs, a code if it is logged, group,
  /// since and summary, and for a write what eventual keyspaces make of it.
  explicit CommandTable(std::initializer_list<std::span<const Row>> families);
  ~CommandTable();

  /// By name, in any case; nullptr when there is none that a client may send.
  /// O(1), no allocation.
  const Row* find(std::string_view name) const;
  /// "CLIENT", "LIST": the subcommand's row, else the command's own.
  const Row* find(std::string_view name, std::string_view subcommand) const;
  /// By the number in logs.
  const Row* by_code(std::uint16_t code) const;
  std::span<const Row* const> rows() const;  // sorted by name; without internal ones
  /// Whether there are subcommands of that name ("CLIENT"), whatever its case.
  bool has_subcommands(std::string_view name) const;

 private:
  CommandTable(const CommandTable&) = delete;
  CommandTable& operator=(const CommandTable&) = delete;

  struct Impl;
  Impl* impl_;
};

/// kErr with Redis' wording when the count of arguments is wrong.
Status check_arity(const Row& row, Args args);

/// Where the keys are among these arguments: `alone`, unless that is 0, and
/// first, first + step, … before end, and `behind`, unless that is 0.
struct KeyRange {
  std::size_t alone = 0;
  std::size_t first = 0;
  std::size_t end = 0;
  std::size_t step = 1;
  std::size_t behind = 0;
};
KeyRange key_range(const Row& row, Args args);

/// Calls `each` with every key among the arguments, in order; no allocation.
/// The count of arguments may be wrong: then these are the keys that are there.
template <typename Each>
void for_each_key(const Row& row, Args args, Each&& each) {
  const KeyRange range = key_range(row, args);
  if (range.alone != 0) each(args[range.alone]);
  for (std::size_t i = range.first; i < range.end; i += range.step) each(args[i]);
  if (range.behind != 0) each(args[range.behind]);
}

/// Calls `each` with every pattern of keys that SORT's options name, without "->field": what
/// stands before its ':' says in which keyspace they are.
void for_each_key_pattern(const Row& row, Args args,
                          absl::FunctionRef<void(std::string_view pattern)> each);

/// The keys among the arguments.
std::vector<std::string_view> keys_of(const Row& row, Args args);

/// How long a command with these arguments may wait: 0 for ever. Nothing: it does not wait, or its
/// time is none, which it will say itself.
std::optional<Millis> wait_of(const Row& row, Args args);

/// The refusal of a write that has no meaning in an eventual keyspace.
Error unsupported_on_eventual(const Row& row);

/// Whether a reply is null, of either kind: what a command that waits says of nothing to take.
bool is_null(std::string_view reply);
/// What CLIENT UNBLOCK … ERROR makes of a wait.
inline constexpr std::string_view unblocked = "UNBLOCKED client unblocked via CLIENT UNBLOCK";

/// The refusals of an operation whose keyspace is another since it was asked for: it
/// did nothing.
Error keyspace_dropped();
Error keyspace_made_meanwhile();
Error owner_changed();

/// The part of a key before its first ':'; the whole key names no keyspace
/// when it has none (then "default").
std::string_view keyspace_of(std::string_view key);

/// The data families of this folder.
std::span<const Row> string_rows();
std::span<const Row> version_rows();  // not a part of Redis
std::span<const Row> hash_rows();
std::span<const Row> set_rows();
std::span<const Row> sorted_set_rows();
std::span<const Row> list_rows();
std::span<const Row> key_rows();  // DEL, EXISTS, TYPE, expiry, OBJECT, MEMORY USAGE
std::span<const Row> id_rows();   // OUTCOME, VOID

}  // namespace holdfast
