// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "server/reply_form.h"

namespace holdfast::server {

/// How a reply becomes JSON.
struct JsonStyle {
  /// As Upstash's clients expect it: what RESP2 has none of (maps, sets, booleans, doubles) is as
  /// in RESP2. Otherwise maps are objects, booleans and doubles are what JSON has.
  bool resp2 = true;
  /// Upstash-Encoding: base64: all strings but the reply OK.
  bool base64 = false;
  /// Fields of objects that hold JSON as a text (a workflow's input, result, definition) are that
  /// JSON; an empty one is null.
  bool embedded = false;
};

/// Appends a canonical reply (base/reply.h). A string's bytes that are no UTF-8 become U+FFFD, but
/// in base64; integers that a double does not hold exactly are strings, since JavaScript would
/// round them without a word.
void append_json(std::string& out, std::string_view canonical, const Shape& shape, JsonStyle style);

/// A JSON string.
void append_json_string(std::string& out, std::string_view text);

void append_base64(std::string& out, std::string_view bytes);

}  // namespace holdfast::server
