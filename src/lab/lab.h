// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/error.h"
#include "lab/scenario.h"
#include "lab/scenes.h"
#include "lab/stage.h"
#include "lab/verdict.h"

namespace holdfast::lab {

/// Starts a cluster of its own, plays the scenario there, and ends it. Blocks. An
/// error: it could not be played; what the guarantees did is in the result.
Result<Played> play_headless(const StageOptions& options, const Scenario& scenario,
                             const std::vector<Like>& likes);

/// Starts a cluster of its own and the page over it, until SIGINT or SIGTERM.
/// `ready` is told the page's address. Blocks.
Status show_page(const StageOptions& options, std::uint16_t port, const std::vector<Like>& likes,
                 const std::function<void(const std::string& address)>& ready);

}  // namespace holdfast::lab
