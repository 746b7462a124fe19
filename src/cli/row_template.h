// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace holdfast::cli {

/// A row of the file: its fields and its number, from 1.
struct Row {
  std::span<const std::string_view> fields;
  std::uint64_t number = 0;
};

/// Text with places for a row's fields: `{name}` is the column's field,
/// `{name*100}` the field as a decimal number times a whole one, `{#row}` the
/// row's number, `{{` and `}}` a brace.
class RowTemplate {
 public:
  static Result<RowTemplate> parse(std::string_view text, std::span<const std::string> columns);
  /// Appends the text for the row. An error says why this row has none.
  Status expand(const Row& row, std::string& out) const;

 private:
  struct Part {
    enum class Kind : std::uint8_t { text, field, scaled, row_number } kind = Kind::text;
    std::string text;
    std::size_t column = 0;
    std::int64_t factor = 1;
  };
  static Result<Part> parse_place(std::string_view place, std::span<const std::string> columns);

  std::vector<Part> parts_;
};

/// What is sent for a row: one command, or several as one MULTI, with or
/// without a request id.
class OperationTemplate {
 public:
  /// `commands`: each a line as in redis-cli, where '…' and "…" hold spaces
  /// together. Places are filled after a line is split, so a field is never
  /// more than one argument.
  static Result<OperationTemplate> parse(std::span<const std::string> commands,
                                         const std::optional<std::string>& id,
                                         std::span<const std::string> columns);

  /// Appends the operation as RESP requests.
  Status append(const Row& row, std::string& out) const;
  /// How many replies an operation has; the last is its own.
  std::size_t replies() const { return commands_.size() > 1 ? commands_.size() + 2 : 1; }
  bool has_id() const { return id_.has_value(); }

 private:
  using Command = std::vector<RowTemplate>;
  static Result<Command> parse_command(std::string_view line, std::span<const std::string> columns);
  Status append_command(const Command& command, const Row& row, std::string_view id,
                        std::string& out) const;

  std::vector<Command> commands_;
  std::optional<RowTemplate> id_;
};

/// The line's words; '…' and "…" (with \n, \r, \t, \", \\, \xHH) as in redis-cli.
Result<std::vector<std::string>> split_line(std::string_view line);

}  // namespace holdfast::cli
