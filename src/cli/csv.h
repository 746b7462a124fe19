// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace holdfast::cli {

/// Reads delimited text: RFC 4180, with any one-byte delimiter, lines that end
/// in LF or CR LF, the last one's end optional, a UTF-8 byte order mark
/// ignored. Empty lines are skipped. Pure: it is given the text whole.
class CsvReader {
 public:
  struct Options {
    char delimiter = ',';
    std::optional<char> quote = '"';  // nothing: every character stands for itself
  };
  CsvReader(std::string_view text, Options options);

  /// The next row's fields; views hold until the next call. Nothing at the
  /// end. An error: a quoted field that never ends, or goes on behind its end;
  /// the reader is then at its end.
  Result<std::optional<std::vector<std::string_view>>> next();

  std::size_t offset() const { return at_; }
  std::uint64_t line() const { return line_; }  // of the last row's begin, from 1
  void rewind();

 private:
  Status read_quoted(std::vector<std::string_view>& fields);
  bool at_line_end() const;
  void skip_line_end();

  std::string_view text_;
  Options options_;
  std::size_t begin_ = 0;
  std::size_t at_ = 0;
  std::uint64_t line_ = 0;
  std::uint64_t next_line_ = 1;
  // Fields with a doubled quote, without it. A deque: views of them stay.
  std::deque<std::string> unescaped_;
};

}  // namespace holdfast::cli
