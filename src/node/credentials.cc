// SPDX-License-Identifier: Apache-2.0
#include "node/credentials.h"

#include <string_view>
#include <utility>

#include "base/limits.h"
#include "base/logging.h"
#include "node/secret_file.h"

namespace holdfast::node {
namespace {

using Renewable = std::shared_ptr<tls::RenewableIdentity>;

Status load(tls::RenewableIdentity::Load load, tls::Files files, Renewable& to) {
  auto loaded = tls::RenewableIdentity::load(load, std::move(files));
  if (!loaded) return tl::unexpected(loaded.error());
  to = std::move(*loaded);
  return {};
}

Status load_mesh(const Options& options, Credentials& credentials) {
  tls::Files files{options.mesh_ca, options.mesh_cert, options.mesh_key};
  if (files.ca.empty() && files.certificate.empty() && files.key.empty()) return {};
  if (files.ca.empty() || files.certificate.empty() || files.key.empty())
    return fail(Code::err, "TLS between nodes takes --mesh-ca, --mesh-cert and --mesh-key");
  return load(tls::Identity::for_nodes, std::move(files), credentials.mesh);
}

Status load_clients(const Options& options, Credentials& credentials) {
  tls::Files files{options.tls_ca, options.tls_cert, options.tls_key};
  if (files.ca.empty() && files.certificate.empty() && files.key.empty()) return {};
  if (files.certificate.empty() || files.key.empty())
    return fail(Code::err, "TLS for clients takes --tls-cert and --tls-key");
  return load(tls::Identity::for_clients, std::move(files), credentials.clients);
}

void renew(std::string_view whose, const Renewable& identity) {
  if (identity == nullptr) return;
  if (const Status s = identity->renew(); !s) {
    logging::error("the certificates for {} stay as they were: {}", whose, s.error().message);
  } else {
    logging::info("the certificates for {} were read again", whose);
  }
}

}  // namespace

Result<Credentials> load_credentials(const Options& options) {
  Credentials credentials;
  if (!options.cluster_secret_file.empty()) {
    auto secret = read_secret_file(options.cluster_secret_file, "the cluster's secret",
                                   limits::cluster_secret_bytes_min);
    if (!secret) return tl::unexpected(secret.error());
    credentials.secret = mesh::Secret(std::move(*secret));
  }
  if (Status s = load_mesh(options, credentials); !s) return tl::unexpected(s.error());
  if (Status s = load_clients(options, credentials); !s) return tl::unexpected(s.error());
  return credentials;
}

void renew(const Credentials& credentials) {
  if (credentials.mesh == nullptr && credentials.clients == nullptr)
    return logging::info("there are no certificates to be read again");
  renew("nodes", credentials.mesh);
  renew("clients", credentials.clients);
}

}  // namespace holdfast::node
