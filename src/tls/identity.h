// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "base/error.h"

struct ssl_ctx_st;

namespace holdfast::tls {

/// PEM files. The certificate's own may hold those between it and its signer, too.
struct Files {
  std::string ca;  // who signs the other ends' certificates
  std::string certificate;
  std::string key;
};

/// What this end of connections shows, and whom it believes. Any thread.
class Identity {
 public:
  using Loaded = Result<std::shared_ptr<const Identity>>;

  /// Between nodes: TLS 1.3, both ends show certificates. Whoever has one that the CA
  /// signed is a node of the cluster, so nobody else's should be signed by it.
  /// kErr says what is wrong with which file.
  static Loaded for_nodes(const Files& files);
  /// To serve clients: TLS 1.3, or 1.2 with ephemeral keys and authenticated encryption.
  /// Where there is a CA a client may show a certificate, of that CA's alone; it need not.
  static Loaded for_clients(const Files& files);

  ssl_ctx_st* context() const { return context_.get(); }

 private:
  explicit Identity(std::shared_ptr<ssl_ctx_st> context) : context_(std::move(context)) {}
  std::shared_ptr<ssl_ctx_st> context_;
};

/// An identity whose files may be read again: new connections take what is there then,
/// those that there are keep what they have. One thread.
class RenewableIdentity {
 public:
  using Load = Identity::Loaded (*)(const Files& files);
  static Result<std::shared_ptr<RenewableIdentity>> load(Load how, Files files);

  const std::shared_ptr<const Identity>& now() const { return now_; }
  /// An error: what is wrong with which file; then all stays as it was.
  Status renew();

 private:
  RenewableIdentity(Load how, Files files, std::shared_ptr<const Identity> first)
      : load_(how), files_(std::move(files)), now_(std::move(first)) {}

  Load load_;
  Files files_;
  std::shared_ptr<const Identity> now_;
};

}  // namespace holdfast::tls
