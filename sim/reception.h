// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "mesh/reception.h"
#include "sim/network.h"

namespace holdfast::sim {

/// Where other nodes come to a simulated one. It hears greetings as
/// mesh::CheckpointServer does; checkpoints are not streamed but taken by
/// Environment::fetch_checkpoint().
class ProcessReception : public mesh::Reception {
 public:
  virtual const Options& options() const = 0;
};

std::unique_ptr<mesh::Reception> make_process_reception(Network& network,
                                                        std::shared_ptr<Party> party,
                                                        mesh::Reception::Options options);

}  // namespace holdfast::sim
