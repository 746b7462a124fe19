// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "cli/csv.h"
#include "cli/row_template.h"

namespace holdfast::cli {

/// Which rows are sent: `column=value` or `column!=value`.
struct Condition {
  std::size_t column = 0;
  bool equal = true;
  std::string value;

  static Result<Condition> parse(std::string_view text, std::span<const std::string> columns);
  bool holds(std::string_view field) const { return (field == value) == equal; }
};

/// A file's rows as operations, the whole file as often as is asked. Pure.
class Operations {
 public:
  struct Options {
    CsvReader::Options csv;
    std::vector<std::string> columns;  // empty: the first line names them
    std::vector<std::string> commands;
    std::optional<std::string> id;
    std::vector<std::string> conditions;  // all must hold
    std::uint64_t repeat = 1;
  };
  /// `text` must outlive it.
  static Result<Operations> open(std::string_view text, const Options& options);

  struct Operation {
    std::string requests;   // RESP
    std::uint64_t row = 0;  // from 1, in the file
  };
  /// The next operation, nothing at the end. An error is about one row and
  /// names it; the next call goes on.
  Result<std::optional<Operation>> next();

  std::size_t replies_per_operation() const { return template_.replies(); }
  bool has_ids() const { return template_.has_id(); }
  /// How much was read, 0 to 1, repeats included.
  double progress() const;

 private:
  Operations(std::string_view text, const Options& options)
      : reader_(text, options.csv), size_(text.size()), repeat_(options.repeat) {}

  CsvReader reader_;
  std::size_t size_;
  std::uint64_t repeat_;
  std::uint64_t pass_ = 0;
  std::uint64_t row_ = 0;
  bool header_ = false;
  std::size_t columns_ = 0;
  OperationTemplate template_;
  std::vector<Condition> conditions_;
};

}  // namespace holdfast::cli
