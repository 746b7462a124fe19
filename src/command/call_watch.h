// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "command/row.h"

namespace holdfast {

/// Told of commands as they run, by whoever runs them: for figures about a node, which are no part
/// of any state. What it answers changes nothing.
class CallWatch {
 public:
  virtual ~CallWatch() = default;
  /// Before a command of the log runs. Whether ended() is to be told.
  virtual bool begins(const Row& row) = 0;
  virtual void ended(const Row& row, Args args, ServiceId caller) = 0;
  /// A function was called; `failed`: it answered an error.
  virtual void called(ServiceId caller, std::string_view function, bool failed) = 0;
};

}  // namespace holdfast
