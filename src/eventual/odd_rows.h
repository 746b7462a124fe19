// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "base/spilling_memory.h"
#include "table/store.h"

namespace holdfast::eventual {

/// The rows that a checkpoint of what is unstable writes out of turn: those that went since the
/// one before, and those that change or go while it is being written.
class OddRows {
 public:
  /// The store's row is to be erased, with the next checkpoint.
  void gone(std::string_view row_key) { gone_.rows.emplace_back(row_key); }
  /// The same of all rows whose keys begin so.
  void gone_all(std::string_view prefix) { gone_.prefixes.emplace_back(prefix); }
  /// A row of the checkpoint that is being written, as it was when that began.
  void early(std::string row_key, std::string row) {
    early_.emplace_back(std::move(row_key), std::move(row));
  }

  void begin();
  /// Up to `max` rows, and all that come early; how many. Fewer than `max`: all that there are by
  /// now.
  std::size_t write(CheckpointRows& rows, std::size_t max);
  void end(bool committed);

 private:
  struct Gone {
    SpillingVector<SpillingText> rows, prefixes;
  };
  Gone gone_, pending_;                                  // with the next one; with this one
  std::size_t rows_written_ = 0, prefixes_written_ = 0;  // of pending_
  SpillingVector<std::pair<std::string, std::string>> early_;
};

}  // namespace holdfast::eventual
