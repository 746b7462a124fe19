// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/wire.h"
#include "value/list.h"

namespace holdfast {

// Lists of several pieces, as they are stored (docs/formats/value.md).

/// Behind the form.
void put_list_head(const List& list, std::string& out);
/// False: the number is free.
bool put_list_piece(const List& list, std::size_t number, std::string& out);

/// A list while its pieces come, in growing order of their numbers, which is not that of its items.
class ListOfPieces {
 public:
  /// Of what put_list_head() wrote; nothing: damaged.
  static std::optional<ListOfPieces> of(wire::Reader& head);

  std::uint64_t numbers() const { return numbers_; }
  /// False: damaged.
  bool take(std::uint32_t number, wire::Reader& piece);
  /// null: damaged.
  std::unique_ptr<List> finish() &&;

 private:
  struct Taken {
    std::uint32_t number;
    std::uint64_t next;
    Pack pack;
  };

  std::uint64_t items_ = 0;
  std::uint64_t numbers_ = 0;
  std::uint64_t first_ = 0;
  std::vector<Taken> taken_;
};

}  // namespace holdfast
