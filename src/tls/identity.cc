// SPDX-License-Identifier: Apache-2.0
#include "tls/identity.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <string_view>

#include "base/assert.h"

namespace holdfast::tls {
namespace {

using Context = std::shared_ptr<SSL_CTX>;

tl::unexpected<Error> unusable(const std::string& file, std::string_view what) {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return fail(Code::err, fmt::format("{}: {}: {}", file, what,
                                     reason == nullptr ? "nothing is known of why" : reason));
}

// A key that needs a passphrase would have one asked for on the terminal.
int no_passphrase(char*, int, int, void*) {
  return 0;
}

Context make_context() {
  ERR_clear_error();
  Context context(SSL_CTX_new(TLS_method()), SSL_CTX_free);
  HF_ASSERT(context != nullptr);
  SSL_CTX* const made = context.get();
  // A connection lives long: nothing is resumed, so there is nothing to keep, or to steal.
  SSL_CTX_set_num_tickets(made, 0);
  SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(made, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(made, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                             SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_default_passwd_cb(made, no_passphrase);
  return context;
}

Status use(SSL_CTX* context, const Files& files) {
  if (SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1)
    return unusable(files.certificate, "no certificate");
  if (SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) != 1)
    return unusable(files.key, "no key");
  if (SSL_CTX_check_private_key(context) != 1)
    return unusable(files.key, "not the certificate's key");
  return {};
}

Status believe(SSL_CTX* context, const std::string& ca) {
  if (SSL_CTX_load_verify_file(context, ca.c_str()) != 1)
    return unusable(ca, "no certificates of who signs");
  return {};
}

}  // namespace

Identity::Loaded Identity::for_nodes(const Files& files) {
  const Context context = make_context();
  SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  if (Status s = believe(context.get(), files.ca); !s) return tl::unexpected(s.error());
  if (Status s = use(context.get(), files); !s) return tl::unexpected(s.error());
  return std::shared_ptr<const Identity>(new Identity(context));
}

Identity::Loaded Identity::for_clients(const Files& files) {
  const Context context = make_context();
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  // Of TLS 1.2; what there is in 1.3 is all of this kind.
  HF_ASSERT(SSL_CTX_set_cipher_list(context.get(), "ECDHE+AESGCM:ECDHE+CHACHA20") == 1);
  if (Status s = use(context.get(), files); !s) return tl::unexpected(s.error());
  if (!files.ca.empty()) {
    if (Status s = believe(context.get(), files.ca); !s) return tl::unexpected(s.error());
    // Tells a client that has several certificates which of them to show.
    STACK_OF(X509_NAME)* const signers = SSL_load_client_CA_file(files.ca.c_str());
    if (signers == nullptr) return unusable(files.ca, "no certificates of who signs");
    SSL_CTX_set_client_CA_list(context.get(), signers);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  }
  return std::shared_ptr<const Identity>(new Identity(context));
}

Result<std::shared_ptr<RenewableIdentity>> RenewableIdentity::load(Load how, Files files) {
  auto first = how(files);
  if (!first) return tl::unexpected(first.error());
  return std::shared_ptr<RenewableIdentity>(
      new RenewableIdentity(how, std::move(files), std::move(*first)));
}

Status RenewableIdentity::renew() {
  auto next = load_(files_);
  if (!next) return tl::unexpected(next.error());
  now_ = std::move(*next);
  return {};
}

}  // namespace holdfast::tls
