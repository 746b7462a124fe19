// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/error.h"
#include "mesh/secret.h"
#include "node/options.h"
#include "tls/identity.h"

namespace holdfast::node {

/// What this node shows the cluster's others and its clients, and knows them by.
struct Credentials {
  mesh::Secret secret;
  std::shared_ptr<tls::RenewableIdentity> mesh;     // null: no TLS between nodes
  std::shared_ptr<tls::RenewableIdentity> clients;  // null: no TLS for them
  /// Whether just anybody who can connect could be one of the nodes.
  bool none() const { return secret.empty() && mesh == nullptr; }
};

/// From the files that the options name. kErr: what is wrong with which.
Result<Credentials> load_credentials(const Options& options);

/// Reads the PEM files again, for connections to come, and logs what came of it. With what
/// is wrong nothing changes.
void renew(const Credentials& credentials);

}  // namespace holdfast::node
