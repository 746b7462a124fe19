// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace holdfast::server::http {

/// The pieces of RFC 9110 and 9112 that frame a request, read strictly: where
/// the RFC lets a recipient be lenient, we are not, since a proxy in front may
/// read the same bytes otherwise (request smuggling).

/// A refusal: the status to answer with, and why.
struct Refusal {
  int status = 400;
  std::string_view why;
};
using Check = std::optional<Refusal>;  // nothing: fine

struct StartLine {
  std::string_view method;
  std::string_view target;
  int minor_version = 1;  // of HTTP/1
};
Check parse_start_line(std::string_view line, StartLine& out);

struct Field {
  std::string_view name;
  std::string_view value;  // without the space around it
};
Check parse_field(std::string_view line, Field& out);

/// What a request's fields say about its end and its connection. Fed with each
/// field, then asked.
struct Framing {
  int hosts = 0;
  bool has_length = false;
  std::uint64_t length = 0;
  bool chunked = false;
  bool says_close = false;
  bool says_keep_alive = false;

  Check add(const Field& field);
  Check finish(int minor_version) const;
};

/// "5", "1e;name=value": the size, at most 2^60.
Check parse_chunk_size(std::string_view line, std::uint64_t& out);

/// A field of a chunked body's end may not say what the head should have said.
Check check_trailer(const Field& field);

bool equals_nocase(std::string_view a, std::string_view b);

}  // namespace holdfast::server::http
