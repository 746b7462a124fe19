// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
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
  /// Asserts that names and codes are unique and rows complete.
  explicit CommandTable(std::initializer_list<std::span<const Row>> families);
  ~CommandTable();

  /// By name, in any case; nullptr when there is none. O(1), no allocation.
  const Row* find(std::string_view name) const;
  /// "CLIENT", "LIST": the subcommand's row, else the command's own.
  const Row* find(std::string_view name, std::string_view subcommand) const;
  /// By the number in logs.
  const Row* by_code(std::uint16_t code) const;
  std::span<const Row* const> rows() const;  // sorted by name

 private:
  struct Impl;
  Impl* impl_;
};

/// kErr with Redis' wording when the count of arguments is wrong.
Status check_arity(const Row& row, Args args);

/// The keys among the arguments.
std::vector<std::string_view> keys_of(const Row& row, Args args);

/// The part of a key before its first ':'; the whole key names no keyspace
/// when it has none (then "default").
std::string_view keyspace_of(std::string_view key);

/// The data families of this folder.
std::span<const Row> string_rows();
std::span<const Row> hash_rows();
std::span<const Row> set_rows();
std::span<const Row> key_rows();  // DEL, EXISTS, TYPE, expiry
std::span<const Row> id_rows();   // OUTCOME, VOID

}  // namespace holdfast
