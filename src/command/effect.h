// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/units.h"

namespace holdfast {

/// What an operation does to an eventual keyspace, decided once, at the node
/// where it first arrived; every replica merges the same effects. Numbers are
/// stable: they are in logs. "Removes" always means: what this operation had
/// seen, never what is concurrent (3-contract section 5, docs/eventual.md).
enum class EffectKind : std::uint8_t {
  put_string = 1,     // key, text, flag keep_expiry. Removes everything at the key.
  add = 2,            // key, number: an increment
  clear = 3,          // key: removes everything at the key (DEL)
  put_field = 4,      // key, element, text. Removes the field's writes and increments.
  add_field = 5,      // key, element, number
  remove_field = 6,   // key, element
  add_member = 7,     // key, element
  remove_member = 8,  // key, element
  expire = 9,         // key, number: milliseconds since 1970; the last writer wins
  persist = 10,       // key: as expire, but never
  put_score = 11,     // key, element, text: double_text() of the score. As put_field.
  add_score = 12,     // key, element, number
  remove_score = 13,  // key, element
};

struct Effect {
  EffectKind kind{};
  std::string_view key;
  std::string_view element;  // field or member, of a set or a sorted one
  std::string_view text;
  std::int64_t number = 0;
  bool keep_expiry = false;  // put_string: SET … KEEPTTL, INCRBY's sibling commands never need it
};

/// Takes effects as a command decides them. Views need live only for the call;
/// the effect is visible in the table when it returns, so a later command of
/// the same MULTI sees it.
class EffectSink {
 public:
  virtual ~EffectSink() = default;
  virtual void emit(const Effect& effect) = 0;
};

}  // namespace holdfast
