// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "tls/identity.h"

/// For tests: a client as others have them, over OpenSSL itself and not over what is tested.
namespace holdfast::tls::testing {

class TlsClient {
 public:
  /// Believes the CA, shows the certificate where there is one. `newest`: of TLS's versions.
  explicit TlsClient(const Files& files, int newest = TLS1_3_VERSION)
      : context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
    SSL_CTX_set_max_proto_version(context_.get(), newest);
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    HF_ASSERT(SSL_CTX_load_verify_file(context_.get(), files.ca.c_str()) == 1);
    if (!files.certificate.empty()) {
      HF_ASSERT(SSL_CTX_use_certificate_chain_file(context_.get(), files.certificate.c_str()) == 1);
      HF_ASSERT(SSL_CTX_use_PrivateKey_file(context_.get(), files.key.c_str(), SSL_FILETYPE_PEM) ==
                1);
    }
    ssl_ = {SSL_new(context_.get()), SSL_free};
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl_.get());
  }

  /// For the socket: what has to be sent before, and `text`, once that can be.
  std::string say(std::string_view text) {
    to_say_ += text;
    step();
    return take();
  }
  void hear(std::string_view wire) {
    if (!wire.empty())
      BIO_write(SSL_get_rbio(ssl_.get()), wire.data(), static_cast<int>(wire.size()));
    step();
  }
  /// That nothing follows.
  std::string end() {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    return take();
  }
  /// Says that it changes its keys, and asks the other end to.
  std::string change_keys() {
    SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_REQUESTED);
    SSL_do_handshake(ssl_.get());
    return take();
  }

  bool agreed() const { return SSL_is_init_finished(ssl_.get()) != 0; }
  std::string version() const { return SSL_get_version(ssl_.get()); }
  std::string cipher() const { return SSL_get_cipher_name(ssl_.get()); }
  /// The server's certificate's serial number.
  long serial() const {
    return ASN1_INTEGER_get(X509_get_serialNumber(SSL_get0_peer_certificate(ssl_.get())));
  }
  std::string& heard() { return heard_; }
  /// Why it hears no more; "end": the other has said so.
  const std::string& why() const { return why_; }
  ssl_st* ssl() { return ssl_.get(); }

 private:
  void step() {
    if (!why_.empty()) return;
    ERR_clear_error();
    if (const int n = SSL_do_handshake(ssl_.get()); n != 1) return note(n);
    if (!to_say_.empty()) {
      const auto size = static_cast<int>(to_say_.size());
      HF_ASSERT(SSL_write(ssl_.get(), to_say_.data(), size) == size);
      to_say_.clear();
    }
    std::array<char, 20'000> room;
    while (true) {
      ERR_clear_error();
      const int n = SSL_read(ssl_.get(), room.data(), static_cast<int>(room.size()));
      if (n <= 0) return note(n);
      heard_.append(room.data(), static_cast<std::size_t>(n));
    }
  }
  void note(int outcome) {
    const int kind = SSL_get_error(ssl_.get(), outcome);
    if (kind == SSL_ERROR_WANT_READ) return;
    const char* const reason = ERR_reason_error_string(ERR_get_error());
    why_ = kind == SSL_ERROR_ZERO_RETURN ? "end" : reason == nullptr ? "error" : reason;
  }
  std::string take() {
    BIO* const out = SSL_get_wbio(ssl_.get());
    std::string wire(BIO_ctrl_pending(out), '\0');
    if (!wire.empty()) BIO_read(out, wire.data(), static_cast<int>(wire.size()));
    return wire;
  }

  std::shared_ptr<SSL_CTX> context_;
  std::shared_ptr<SSL> ssl_;
  std::string to_say_, heard_, why_;
};

}  // namespace holdfast::tls::testing
