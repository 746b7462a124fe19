// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/error.h"
#include "mesh/secret.h"
#include "mesh/tls.h"
#include "node/options.h"

namespace holdfast::node {

/// What this node shows the cluster's others, and knows them by.
struct Credentials {
  mesh::Secret secret;
  std::shared_ptr<const mesh::TlsIdentity> tls;
  /// Whether just anybody who can connect could be one of them.
  bool none() const { return secret.empty() && tls == nullptr; }
};

/// From the files that the options name. kErr: what is wrong with which.
Result<Credentials> load_credentials(const Options& options);

}  // namespace holdfast::node
