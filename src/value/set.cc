// SPDX-License-Identifier: Apache-2.0
#include "value/set.h"

#include "value/recorder.h"

namespace holdfast {

bool Set::insert(std::string_view member) {
  if (contains(member)) return false;
  if (Recorder* const recorder = Recorder::of_thread) recorder->member_inserted(*this, member);
  members_.append({SmallString(member)});
  return true;
}

bool Set::erase(std::string_view member) {
  const std::size_t place = members_.find(member);
  if (place == npos) return false;
  if (Recorder* const recorder = Recorder::of_thread) recorder->member_erased(*this, place);
  members_.erase_at(place);
  return true;
}

void Set::restore(std::size_t place, std::string_view member) {
  members_.restore_at(place, {SmallString(member)});
}

}  // namespace holdfast
