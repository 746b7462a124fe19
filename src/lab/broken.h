// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/units.h"

namespace holdfast::lab {

/// How a link is, as words need it.
struct LinkState {
  std::string first, second;
  bool cut_forth = false, cut_back = false;
  Millis delay{0}, jitter{0};
  double loss = 0;
  double lost_replies = 0;
};

/// What is broken, in words, each thing once: a process all of whose links to
/// others are cut "is cut off", and the links are not told again. Pure.
std::vector<std::string> describe_broken(const std::vector<LinkState>& links,
                                         const std::vector<std::string>& paused,
                                         const std::vector<std::string>& stopped);

}  // namespace holdfast::lab
