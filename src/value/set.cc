// SPDX-License-Identifier: Apache-2.0
#include "value/set.h"

namespace holdfast {

bool Set::insert(std::string_view member) {
  if (contains(member)) return false;
  members_.append({SmallString(member)});
  return true;
}

bool Set::erase(std::string_view member) {
  const std::size_t place = members_.find(member);
  if (place == npos) return false;
  members_.erase_at(place);
  return true;
}

}  // namespace holdfast
