// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "base/error.h"
#include "value/pieces.h"
#include "value/value.h"

namespace holdfast {

class Hash;
class List;
class Set;
class SortedSet;

// Large values are stored in pieces: a head, and their items, piece by piece
// (docs/formats/value.md). The rest are stored whole, by encode() in value/value.h.

/// null: it is stored whole.
Pieces* pieces_of(Value& value);

/// The items of a collection, in the order of their places. Refers to the collection itself, which
/// stays where it is when its value moves.
class Items {
 public:
  explicit Items(const Value& value);
  std::size_t size() const;
  void encode(std::size_t from, std::size_t end, std::string& out) const;
  /// Of one with pieces. False: none has that number at present.
  bool encode_piece(std::size_t piece, std::string& out) const;

 private:
  std::variant<const Hash*, const Set*, const SortedSet*, const List*> of_;
};

/// Of one with pieces.
void encode_head(const Value& value, std::string& out);
/// Whether stored bytes are a head, not a value.
bool is_head(std::string_view bytes);

/// Makes a value of its head and its pieces, in the order of their numbers. kCorrupt: damaged.
class PiecedValue {
 public:
  static Result<PiecedValue> of(std::string_view head);
  PiecedValue(PiecedValue&&) noexcept;
  ~PiecedValue();

  /// Its pieces' numbers are less.
  std::uint64_t numbers() const;
  Status take(std::uint32_t number, std::string_view piece);
  /// All of its pieces count as stored.
  Result<Value> finish() &&;

 private:
  struct Impl;
  explicit PiecedValue(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast
