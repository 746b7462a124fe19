// SPDX-License-Identifier: Apache-2.0
#include "node/credentials.h"

#include <utility>

#include "base/limits.h"
#include "node/secret_file.h"

namespace holdfast::node {

Result<Credentials> load_credentials(const Options& options) {
  Credentials credentials;
  if (!options.cluster_secret_file.empty()) {
    auto secret = read_secret_file(options.cluster_secret_file, "the cluster's secret",
                                   limits::cluster_secret_bytes_min);
    if (!secret) return tl::unexpected(secret.error());
    credentials.secret = mesh::Secret(std::move(*secret));
  }
  const bool any =
      !options.mesh_ca.empty() || !options.mesh_cert.empty() || !options.mesh_key.empty();
  if (!any) return credentials;
  if (options.mesh_ca.empty() || options.mesh_cert.empty() || options.mesh_key.empty())
    return fail(Code::err, "TLS between nodes takes --mesh-ca, --mesh-cert and --mesh-key");
  auto tls = mesh::TlsIdentity::load(options.mesh_ca, options.mesh_cert, options.mesh_key);
  if (!tls) return tl::unexpected(tls.error());
  credentials.tls = std::move(*tls);
  return credentials;
}

}  // namespace holdfast::node
