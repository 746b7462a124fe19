// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "server/http_grammar.h"

namespace holdfast::server::http {

/// Finds where one request ends in a growing input, checking each line as it
/// comes. Pure. What it lets through is framed beyond doubt: take_apart() need
/// not ask again (and Beast reads it alike, as the fuzz target checks).
class Reader {
 public:
  explicit Reader(std::size_t body_bytes_max) : body_bytes_max_(body_bytes_max) {}

  enum class Status : std::uint8_t { partial, request, bad };

  /// `input` holds all bytes from the request's first on.
  Status read(std::string_view input);

  /// The request's bytes: skipped() empty lines' first, size() in all.
  std::size_t skipped() const { return skipped_; }
  std::size_t size() const { return at_; }
  const Refusal& refusal() const { return refusal_; }
  bool keeps_alive() const { return keeps_alive_; }
  /// Of those, the bytes up to the end of the head, once that is whole.
  std::size_t head_size() const { return head_size_; }
  /// The head is whole, the body is not.
  bool in_body() const { return phase_ > Phase::fields; }

  void next() { *this = Reader(body_bytes_max_); }

 private:
  enum class Phase : std::uint8_t {
    start,
    fields,
    body,  // until body_end_
    chunk_size,
    chunk,  // until body_end_, and CRLF
    trailers,
    done,
  };

  Status read_line(std::string_view line);
  Status end_of_head();
  Status read_body(std::string_view input);
  Status read_chunk(std::string_view input);
  Status refuse(const Refusal& refusal) {
    refusal_ = refusal;
    return Status::bad;
  }

  std::size_t body_bytes_max_;
  Phase phase_ = Phase::start;
  std::size_t skipped_ = 0;
  std::size_t head_size_ = 0;
  std::size_t at_ = 0;           // read so far
  std::size_t searched_ = 0;     // no line end before here
  std::size_t lines_bytes_ = 0;  // of head and trailers
  std::size_t fields_ = 0;
  std::size_t body_bytes_ = 0;
  std::uint64_t body_end_ = 0;
  int minor_version_ = 1;
  Framing framing_;
  bool keeps_alive_ = false;
  Refusal refusal_;
};

}  // namespace holdfast::server::http
