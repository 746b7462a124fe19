// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/reply.h"
#include "workflow/json.h"
#include "workflow/progress.h"
#include "workflow/run.h"

namespace holdfast::workflow {

/// A function's reply, in its canonical form, as JSON: integers and doubles are numbers, strings
/// and statuses strings, arrays and sets arrays, maps objects, nulls null.
Json json_of_reply(std::string_view canonical);

/// The command that calls it: FCALL and its arguments.
std::vector<std::string> fcall_of(const FunctionRequest& request);
/// Of an attempt that the log refused before anybody was called.
Outcome refused(const Error& error);
/// Of an attempt that a node could not make, and will not be able to.
Outcome unsendable(const Error& error);
/// What the reply of a call says of an attempt. A refusal is for good, whoever gave it; but not
/// where the call was not made at all and may be made later (UNAVAILABLE, BUSY: `unavailable`), and
/// not where nobody knows (UNKNOWN: `unknown`).
Outcome outcome_of_reply(std::string_view canonical);

}  // namespace holdfast::workflow
