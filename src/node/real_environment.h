// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "node/environment.h"

namespace holdfast::node {

/// This machine and this process: sockets and timers on an io_context that wait()
/// runs, RocksDB, the kernel's files and clocks, signals, gRPC to etcd.
std::unique_ptr<Environment> make_real_environment();

}  // namespace holdfast::node
