// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "command/table.h"
#include "server/front.h"
#include "sim/network.h"

namespace holdfast::sim {

/// Where a simulated node's clients come: sessions as the server's, on simulated
/// connections. `wake`: another turn is wanted.
std::unique_ptr<server::Front> make_process_front(Network& network, std::shared_ptr<Party> party,
                                                  const CommandTable& commands,
                                                  server::Front::Options options,
                                                  std::function<void()> wake);

}  // namespace holdfast::sim
