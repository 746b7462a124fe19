// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "base/error.h"
#include "log/etcd/etcd_log.h"
#include "node/engine.h"
#include "node/options.h"

namespace holdfast::node {

/// The strong log in etcd, and what it is reached by.
struct SharedLog {
  std::shared_ptr<etcd::Api> api;
  std::unique_ptr<etcd::EtcdLog> log;
};
/// `wake`: called from any thread when the log's deliver() has something to do.
Result<SharedLog> open_shared_log(const Options& options, const Engine& engine,
                                  std::function<void()> wake);

}  // namespace holdfast::node
