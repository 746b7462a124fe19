// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/limits.h"

namespace holdfast::server {

/// JSON as RFC 8259 has it, piece by piece, as a request's body holds it: strict, no deeper than
/// limits::json_depth_max, and only UTF-8. Nothing is built, so that a command costs little more
/// than its bytes.
class JsonScanner {
 public:
  enum class Kind : std::uint8_t {
    begin_array,
    end_array,
    begin_object,
    end_object,
    name,  // in an object, before its value
    string,
    number,
    yes,
    no,
    null,
    end,  // of the text
    bad,  // why() says what is wrong, position() where
  };

  /// The text outlives the scanner.
  explicit JsonScanner(std::string_view text) : text_(text) {}

  Kind next();
  /// Of a name or string: what it stands for, until next(); of a number: as it is written.
  std::string_view text() const { return value_; }
  /// The byte at which the last piece begins, or something is wrong; from 0.
  std::size_t position() const { return began_; }
  std::string_view why() const { return why_; }

 private:
  enum class Due : std::uint8_t {
    value,
    first_value,  // or the end of the array
    name,
    first_name,  // or the end of the object
    comma,       // or the end of what is open
    nothing,
  };

  Kind value();
  Kind open(bool object);
  Kind close();
  Kind name();
  bool string();
  bool escape();
  bool unicode_escape();
  bool hex4(std::uint32_t& out);
  Kind number();
  Kind word(std::string_view word, Kind kind);
  Kind bad(std::string_view why, std::size_t at);
  Kind given(Kind kind);
  void skip_space();
  std::size_t digits();

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t began_ = 0;
  Due due_ = Due::value;
  std::bitset<limits::json_depth_max> objects_;  // of what is open: whether it is an object
  std::size_t depth_ = 0;
  std::string_view value_;
  std::string unescaped_;
  std::string_view why_;
};

/// The bytes of the UTF-8 character at text[at], which is no ASCII; 0: it is none.
std::size_t utf8_character(std::string_view text, std::size_t at);

}  // namespace holdfast::server
