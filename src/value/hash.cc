// SPDX-License-Identifier: Apache-2.0
#include "value/hash.h"

namespace holdfast {

std::optional<std::string_view> Hash::find(std::string_view field) const {
  const std::size_t place = fields_.find(field);
  if (place == DenseTable<Item>::npos) return std::nullopt;
  return fields_.at(place).value.view();
}

bool Hash::put(std::string_view field, std::string_view value) {
  const std::size_t place = fields_.find(field);
  if (place != DenseTable<Item>::npos) {
    fields_.at(place).value = SmallString(value);
    return false;
  }
  fields_.append({SmallString(field), SmallString(value)});
  return true;
}

bool Hash::erase(std::string_view field) {
  const std::size_t place = fields_.find(field);
  if (place == DenseTable<Item>::npos) return false;
  fields_.erase_at(place);
  return true;
}

}  // namespace holdfast
