// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "node/http_calls.h"
#include "sim/process.h"

namespace holdfast::sim {

/// A simulated node's way to the HttpService, over a network on which requests and answers are
/// slow, are lost, or come twice.
std::unique_ptr<node::HttpCalls> make_process_http_calls(Surroundings around,
                                                         std::shared_ptr<Party> party,
                                                         node::HttpCalls::Options options);

}  // namespace holdfast::sim
