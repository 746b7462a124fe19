// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "command/row.h"
#include "workflow/engine.h"

namespace holdfast::workflow {

/// What WORKFLOW commands run on. A caller has the workflows and runs of its own service alone.
struct Context {
  Engine& engine;
  Moment at;
  ServiceId caller;
  Functions* functions = nullptr;  // of a read: null
};

/// The WORKFLOW commands; those that nodes append themselves among them.
std::span<const Row> rows();

/// Those that nodes append, which no client can name.
const Row& report_row();
const Row& go_on_row();
/// The arguments of WORKFLOW REPORT: what a driver's attempt came to.
std::vector<std::string> report_command(const RunName& name, const AttemptName& attempt,
                                        const Outcome& outcome);
/// The arguments of WORKFLOW GO-ON.
std::vector<std::string> go_on_command(const RunName& name);

}  // namespace holdfast::workflow
