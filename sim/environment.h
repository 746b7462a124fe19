// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "node/environment.h"

namespace holdfast::sim {

class Process;

/// What a simulated node stands on. The process outlives it.
std::unique_ptr<node::Environment> make_process_environment(Process& process);

}  // namespace holdfast::sim
