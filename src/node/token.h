// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/units.h"
#include "eventual/clock.h"

namespace holdfast::node {

/// What a connection has seen: everything up to a place in the strong log, and
/// what a replica had merged. TOKEN gives it as opaque text, AFTER takes it.
struct Token {
  Position strong;
  eventual::VersionVector eventual;

  /// Printable, without spaces. docs/formats/token.md.
  std::string encode() const;
  /// Nothing when the text is no token.
  static std::optional<Token> decode(std::string_view text);
};

}  // namespace holdfast::node
