// SPDX-License-Identifier: Apache-2.0
#include "value/hash.h"

#include "value/recorder.h"

namespace holdfast {

std::optional<std::string_view> Hash::find(std::string_view field) const {
  const std::size_t place = fields_.find(field);
  if (place == DenseTable<Item>::npos) return std::nullopt;
  return fields_.at(place).value.view();
}

bool Hash::put(std::string_view field, std::string_view value) {
  const std::size_t place = fields_.find(field);
  const bool there = place != DenseTable<Item>::npos;
  if (Recorder* const recorder = Recorder::of_thread) {
    recorder->field_put(*this, field,
                        there ? std::optional(fields_.at(place).value.view()) : std::nullopt);
  }
  if (there) {
    fields_.change_at(place).value = SmallString(value);
    return false;
  }
  fields_.append({SmallString(field), SmallString(value)});
  return true;
}

bool Hash::erase(std::string_view field) {
  const std::size_t place = fields_.find(field);
  if (place == DenseTable<Item>::npos) return false;
  if (Recorder* const recorder = Recorder::of_thread) recorder->field_erased(*this, place);
  fields_.erase_at(place);
  return true;
}

void Hash::restore(std::size_t place, std::string_view field, std::string_view value) {
  fields_.restore_at(place, {SmallString(field), SmallString(value)});
}

}  // namespace holdfast
