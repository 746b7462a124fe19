// SPDX-License-Identifier: Apache-2.0
#include "command/families.h"

#include <initializer_list>
#include <vector>

#include "command/table.h"

namespace holdfast {
namespace {

std::vector<Row> joined(std::initializer_list<std::span<const Row>> files) {
  std::vector<Row> rows;
  for (const auto file : files) rows.insert(rows.end(), file.begin(), file.end());
  return rows;
}

}  // namespace

std::span<const Row> string_rows() {
  static const std::vector<Row> rows =
      joined({command::text_rows(), command::counter_rows(), command::substring_rows(),
              command::bit_rows(), command::bitfield_rows(), command::lcs_rows()});
  return rows;
}

std::span<const Row> hash_rows() {
  static const std::vector<Row> rows = joined({command::field_rows(), command::field_walk_rows()});
  return rows;
}

std::span<const Row> set_rows() {
  static const std::vector<Row> rows = joined({command::member_rows(), command::algebra_rows()});
  return rows;
}

std::span<const Row> sorted_set_rows() {
  static const std::vector<Row> rows =
      joined({command::score_rows(), command::score_walk_rows(), command::score_range_rows(),
              command::score_end_rows(), command::score_algebra_rows()});
  return rows;
}

std::span<const Row> list_rows() {
  static const std::vector<Row> rows =
      joined({command::item_rows(), command::list_read_rows(), command::list_end_rows(),
              command::list_wait_rows()});
  return rows;
}

std::span<const Row> key_rows() {
  static const std::vector<Row> rows =
      joined({command::keyword_rows(), command::expiry_rows(), command::object_rows(),
              command::sort_rows(), command::dump_rows()});
  return rows;
}

}  // namespace holdfast
