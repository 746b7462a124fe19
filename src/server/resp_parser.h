// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "command/row.h"

namespace holdfast::server {

/// Reads requests, RESP2 arrays of bulk strings or inline commands, out of a
/// growing input. Pure. Which requests there are does not depend on how the
/// input was cut into reads. Remembers how far it came, so a request that
/// arrives in many pieces is read once; allocates only for arguments that came.
///
/// Stricter than Redis: CRLF must be CRLF, a zero byte ends nothing, an inline
/// command of over 64 KiB is refused also when it came in one piece, and an
/// array of more than 1,048,576 elements at its head, and TLS at its first byte.
class RespParser {
 public:
  enum class Status : std::uint8_t {
    request,  // args() holds one; its bytes are the input's first size()
    nothing,  // the input's first size() bytes ask for nothing: an empty line
    partial,  // more input is needed
    bad,      // error() says why; there is no way to go on
  };

  /// `input` holds all bytes from the first that no finished request took. The
  /// views of args() point into it, or into the parser, until next().
  Status parse(std::string_view input);

  Args args() const { return args_; }
  std::size_t size() const { return at_; }
  /// As Redis words it, without "ERR Protocol error: ".
  const std::string& error() const { return error_; }

  /// Forgets the request: the next parse() begins with what follows it.
  void next();

  /// Before signing in, requests are held to small sizes.
  void set_signed_in(bool signed_in) { signed_in_ = signed_in; }

  /// Bytes allocated for arguments.
  std::size_t memory() const {
    return args_.capacity() * sizeof(std::string_view) + unquoted_.capacity();
  }

 private:
  Status parse_array(std::string_view input);
  Status parse_inline(std::string_view input);
  Status bad(std::string_view why);
  Status partial(std::size_t needed) {
    needed_ = needed;
    return Status::partial;
  }
  void rebase(const char* base);

  std::vector<std::string_view> args_;
  std::string unquoted_;        // an inline command's arguments, without their quotes
  const char* base_ = nullptr;  // where the input lay when args_ were taken
  std::size_t at_ = 0;          // read so far
  std::size_t left_ = 0;        // arguments still to come
  std::size_t needed_ = 0;      // less input than this brings nothing new
  std::string error_;
  bool signed_in_ = true;
};

}  // namespace holdfast::server
