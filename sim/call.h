// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "verify/history.h"

namespace holdfast::sim {

/// One operation of a client: what it sends until it is answered.
struct Call {
  std::vector<verify::Command> commands;
  bool multi = false;
  std::string id;
  bool repeatable = false;  // safe to send again without an id
  std::string as;           // the service that does it; empty: the client's own
  bool strong = false;
  bool read = false;
  std::string tally_key;  // where it is one of a tally's
  std::uint64_t tally_place = 0;
  bool by_function = false;  // sent as one call of a function that does the same
  bool probe = false;        // a read, elsewhere, that must show the tally's place

  bool safe_to_repeat() const { return !id.empty() || repeatable; }
};

}  // namespace holdfast::sim
