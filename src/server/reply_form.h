// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::server {

/// How a connection wants its replies.
enum class Form : std::uint8_t { resp2, resp3 };

/// What a reply's command says about its form.
struct Shape {
  bool silent = false;      // CLIENT REPLY OFF or SKIP: not sent
  bool flat_pairs = false;  // RESP2 sees an array of pairs as one flat array
  /// EXEC: which of its elements are flat_pairs; null: none.
  std::shared_ptr<const std::vector<bool>> flat_elements;
};

/// Appends a canonical reply (base/reply.h) as the form has it. RESP2 has no
/// maps, sets, booleans, doubles: they are sent as Redis sends them there.
/// RESP3 has one null.
void append_reply(std::string& out, std::string_view canonical, Form form, const Shape& shape);

/// Whether append_reply would change anything.
bool needs_conversion(std::string_view canonical, Form form, const Shape& shape);

}  // namespace holdfast::server
