// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/functional/function_ref.h>

#include <string_view>

#include "base/units.h"

namespace holdfast::node {

class KeyspaceStates;

/// The keys of all keyspaces whose time has come since it was last looked, by the times at which
/// reads are made in strong and in eventual keyspaces; their tables may have them yet. One thread.
class DueKeys {
 public:
  /// These keys are not wanted.
  void pass(Instant strong_time, Instant eventual_time) { advance(strong_time, eventual_time); }
  /// O(such keys).
  void for_each(KeyspaceStates& keyspaces, Instant strong_time, Instant eventual_time,
                absl::FunctionRef<void(std::string_view key)> each);

 private:
  struct Times {
    Instant strong{};
    Instant eventual{};
  };
  /// Those until which was looked before.
  Times advance(Instant strong_time, Instant eventual_time);

  Times until_;
};

}  // namespace holdfast::node
