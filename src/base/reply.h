// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace holdfast {

/// Room for what double_text() writes.
struct DoubleText {
  char bytes[32];
};
/// A number's decimal as Redis 7.0 writes it, 17 digits at most: whole ones below 10^17 as integers
/// are. Reading it gives the number again. Lives as long as `room`.
std::string_view double_text(double value, DoubleText& room);

/// Appends a reply in its canonical form, which is RESP3 with RESP2's two
/// nulls (`$-1` and `*-1`) kept apart. Commands write this one form; the
/// server sends it as it is, or turns it into RESP2 or JSON, and a request id
/// remembers it byte for byte. See docs/formats/reply.md.
/// Specification: RESP3, github.com/redis/redis-specifications.
class Reply {
 public:
  explicit Reply(std::string& out) : out_(out), start_(out.size()) {}

  void ok() { out_.append("+OK\r\n", 5); }
  void simple(std::string_view text);
  void error(const Error& error);
  /// As Redis would send it: first word (upper case) is the code.
  void raw_error(std::string_view text);
  void integer(std::int64_t value);
  void bulk(std::string_view bytes);
  void null();
  void null_array();
  void boolean(bool value);
  void real(double value);
  /// The same text as a bulk string.
  void bulk_real(double value);
  void verbatim_text(std::string_view text);
  /// `n` replies follow (2n for a map).
  void array(std::size_t n);
  void map(std::size_t n);
  void set(std::size_t n);
  void push(std::size_t n);

  /// Whether what was written since construction is an error.
  bool is_error() const { return out_.size() > start_ && out_[start_] == '-'; }
  std::string_view written() const { return std::string_view(out_).substr(start_); }
  /// Forgets what was written since construction.
  void clear() { out_.resize(start_); }
  std::string& buffer() { return out_; }

 private:
  void header(char kind, std::int64_t n);
  std::string& out_;
  std::size_t start_;
};

}  // namespace holdfast
