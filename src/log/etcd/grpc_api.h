// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "log/etcd/api.h"

namespace holdfast::etcd {

struct ConnectOptions {
  std::vector<std::string> endpoints;        // HOST:PORT of the members
  std::string ca_file, cert_file, key_file;  // PEM; a CA turns TLS on
  std::string user, password;                // empty: none signs in
  /// Called from a thread of gRPC's when deliver() has something to do.
  std::function<void()> wake;
};

/// etcd over gRPC. One member is talked to at a time; after a failure the next.
/// A thread of its own waits for gRPC and hands answers over. kErr when a PEM
/// file cannot be read; whether a member answers turns out later.
Result<std::shared_ptr<Api>> connect(ConnectOptions options);

}  // namespace holdfast::etcd
