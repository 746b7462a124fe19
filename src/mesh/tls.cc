// SPDX-License-Identifier: Apache-2.0
#include "mesh/tls.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace holdfast::mesh {
namespace {

constexpr std::size_t record_bytes = 16 * 1024;  // at most

std::string last_error() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "the other end closed" : reason;
}

tl::unexpected<Error> unusable(const std::string& file, std::string_view what) {
  return fail(Code::err, fmt::format("{}: {}: {}", file, what, last_error()));
}

}  // namespace

Result<std::shared_ptr<const TlsIdentity>> TlsIdentity::load(const std::string& ca,
                                                             const std::string& certificate,
                                                             const std::string& key) {
  ERR_clear_error();
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_method()), SSL_CTX_free);
  HF_ASSERT(context != nullptr);
  SSL_CTX* const made = context.get();
  SSL_CTX_set_min_proto_version(made, TLS1_3_VERSION);
  // Both ends are asked for their certificates, and a connection lives long: nothing is resumed.
  SSL_CTX_set_verify(made, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_num_tickets(made, 0);
  SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(made, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (SSL_CTX_load_verify_file(made, ca.c_str()) != 1)
    return unusable(ca, "no certificates of who signs");
  if (SSL_CTX_use_certificate_chain_file(made, certificate.c_str()) != 1)
    return unusable(certificate, "no certificate");
  if (SSL_CTX_use_PrivateKey_file(made, key.c_str(), SSL_FILETYPE_PEM) != 1)
    return unusable(key, "no key");
  if (SSL_CTX_check_private_key(made) != 1) return unusable(key, "not the certificate's key");
  return std::shared_ptr<const TlsIdentity>(new TlsIdentity(std::move(context)));
}

void Channel::Free::operator()(ssl_st* ssl) const {
  SSL_free(ssl);
}

Channel::Channel() = default;
Channel::Channel(Channel&&) noexcept = default;
Channel& Channel::operator=(Channel&&) noexcept = default;
Channel::~Channel() = default;

Channel::Channel(const std::shared_ptr<const TlsIdentity>& identity, End end)
    : identity_(identity) {
  if (identity == nullptr) return;
  ssl_.reset(SSL_new(identity->context()));
  HF_ASSERT(ssl_ != nullptr);
  SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  if (end == End::accepter) {
    SSL_set_accept_state(ssl_.get());
  } else {
    SSL_set_connect_state(ssl_.get());
    SSL_do_handshake(ssl_.get());  // its first words
  }
}

bool Channel::has_output() const {
  return ssl_ != nullptr && BIO_ctrl_pending(SSL_get_wbio(ssl_.get())) > 0;
}

Result<std::size_t> Channel::failed(int outcome) const {
  const int why = SSL_get_error(ssl_.get(), outcome);
  if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return 0;
  const long verified = SSL_get_verify_result(ssl_.get());
  if (verified == X509_V_OK) return fail(Code::unavailable, "TLS: " + last_error());
  ERR_clear_error();
  return fail(Code::unavailable, fmt::format("TLS: its certificate is not to be trusted: {}",
                                             X509_verify_cert_error_string(verified)));
}

void Channel::feed(std::string_view wire) {
  if (wire.empty()) return;
  const int taken = BIO_write(SSL_get_rbio(ssl_.get()), wire.data(), static_cast<int>(wire.size()));
  HF_ASSERT(taken == static_cast<int>(wire.size()));  // it grows
}

Result<std::size_t> Channel::read(std::span<char> room) {
  ERR_clear_error();
  if (SSL_is_init_finished(ssl_.get()) == 0) {
    if (const int outcome = SSL_do_handshake(ssl_.get()); outcome != 1) return failed(outcome);
    write(std::exchange(early_, {}));
  }
  const int n = SSL_read(ssl_.get(), room.data(), static_cast<int>(room.size()));
  if (n <= 0) return failed(n);
  return static_cast<std::size_t>(n);
}

void Channel::write(std::string_view plain) {
  while (!plain.empty()) {
    const int n =
        SSL_write(ssl_.get(), plain.data(), static_cast<int>(std::min(plain.size(), record_bytes)));
    HF_ASSERT(n > 0);  // into memory, which grows
    plain.remove_prefix(static_cast<std::size_t>(n));
  }
}

void Channel::seal(std::string& bytes) {
  if (is_plain()) return;
  if (SSL_is_init_finished(ssl_.get()) == 0) {
    early_ += bytes;
  } else {
    write(bytes);
  }
  BIO* const out = SSL_get_wbio(ssl_.get());
  bytes.resize(BIO_ctrl_pending(out));
  if (bytes.empty()) return;
  const int n = BIO_read(out, bytes.data(), static_cast<int>(bytes.size()));
  HF_ASSERT(n == static_cast<int>(bytes.size()));
}

}  // namespace holdfast::mesh
