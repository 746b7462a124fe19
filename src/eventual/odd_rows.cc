// SPDX-License-Identifier: Apache-2.0
#include "eventual/odd_rows.h"

#include <iterator>

namespace holdfast::eventual {
namespace {

void append(SpillingVector<SpillingText>& to, SpillingVector<SpillingText>& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

}  // namespace

void OddRows::begin() {
  pending_ = std::exchange(gone_, Gone());
  rows_written_ = prefixes_written_ = 0;
}

std::size_t OddRows::write(CheckpointRows& rows, std::size_t max) {
  std::size_t done = 0;
  for (; prefixes_written_ < pending_.prefixes.size(); ++prefixes_written_) {
    if (done++ >= max) return done;
    rows.erase_prefix(Family::open, pending_.prefixes[prefixes_written_]);
  }
  // Before what comes early: a row that was written again since must stay.
  for (; rows_written_ < pending_.rows.size(); ++rows_written_) {
    if (done++ >= max) return done;
    rows.erase(Family::open, pending_.rows[rows_written_]);
  }
  for (const auto& [row_key, row] : early_) rows.put(Family::open, row_key, row);
  done += early_.size();
  early_.clear();
  return done;
}

void OddRows::end(bool committed) {
  // Nothing of it is in the store: all is to be written again. Erasing a row that is not there does
  // no harm.
  if (!committed) {
    append(gone_.rows, pending_.rows);
    append(gone_.prefixes, pending_.prefixes);
  }
  pending_ = Gone();
  early_.clear();
}

}  // namespace holdfast::eventual
