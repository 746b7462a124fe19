// SPDX-License-Identifier: Apache-2.0
#include "tls/channel.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/assert.h"

namespace holdfast::tls {
namespace {

constexpr std::size_t record_bytes = 16 * 1024;  // at most
// What each record adds to what it says, at most (RFC 8446, 5.2).
constexpr std::size_t record_overhead_bytes = 5 + 256;
constexpr char handshake_record = 22;
// An alert as every version of TLS reads it: fatal, protocol_version.
constexpr std::array<unsigned char, 7> no_such_version{21, 3, 1, 0, 2, 2, 70};

std::string last_error() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "the other end closed" : reason;
}

}  // namespace

void Channel::Free::operator()(ssl_st* ssl) const {
  SSL_free(ssl);
}

Channel::Channel() = default;
Channel::Channel(Channel&&) noexcept = default;
Channel& Channel::operator=(Channel&&) noexcept = default;
Channel::~Channel() = default;

Channel::Channel(const RenewableIdentity* identity) {
  if (identity == nullptr) return;
  identity_ = identity->now();
  ssl_.reset(SSL_new(identity_->context()));
  HF_ASSERT(ssl_ != nullptr);
  SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
}

Channel Channel::dialing(const RenewableIdentity* identity) {
  Channel channel(identity);
  if (channel.is_plain()) return channel;
  SSL_set_connect_state(channel.ssl_.get());
  SSL_do_handshake(channel.ssl_.get());  // its first words
  return channel;
}

Channel Channel::accepting(const RenewableIdentity* identity) {
  Channel channel(identity);
  channel.accepts_ = true;
  if (!channel.is_plain()) SSL_set_accept_state(channel.ssl_.get());
  return channel;
}

bool Channel::has_output() const {
  return ssl_ != nullptr && BIO_ctrl_pending(SSL_get_wbio(ssl_.get())) > 0;
}

bool Channel::has_ended() const {
  return (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0 && !broken_;
}

bool Channel::is_open() const {
  return SSL_is_init_finished(ssl_.get()) != 0 && !broken_;
}

std::string Channel::peer_name() const {
  X509* const certificate = SSL_get0_peer_certificate(ssl_.get());
  if (certificate == nullptr || SSL_get_verify_result(ssl_.get()) != X509_V_OK) return {};
  const X509_NAME* const subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0) return {};
  unsigned char* text = nullptr;
  const int bytes =
      ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  if (bytes < 0) return {};
  // With any zero byte: what ends a C string must not end a name.
  std::string name(reinterpret_cast<const char*>(text), static_cast<std::size_t>(bytes));
  OPENSSL_free(text);
  return name;
}

Result<std::size_t> Channel::failed(int outcome) {
  const int why = SSL_get_error(ssl_.get(), outcome);
  if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return 0;
  if (why != SSL_ERROR_ZERO_RETURN) broken_ = true;
  const long verified = SSL_get_verify_result(ssl_.get());
  if (verified == X509_V_OK) return fail(Code::unavailable, "TLS: " + last_error());
  ERR_clear_error();
  return fail(Code::unavailable, fmt::format("TLS: its certificate is not to be trusted: {}",
                                             X509_verify_cert_error_string(verified)));
}

// OpenSSL would wait for the length of a record first, and end without a word.
Result<std::size_t> Channel::refuse_what_is_no_tls() {
  if (!broken_) {
    const auto bytes = static_cast<int>(no_such_version.size());
    HF_ASSERT(BIO_write(SSL_get_wbio(ssl_.get()), no_such_version.data(), bytes) == bytes);
  }
  broken_ = true;
  return fail(Code::unavailable, "TLS: what the other end speaks is none");
}

void Channel::feed(std::string_view wire) {
  if (wire.empty()) return;
  if (!std::exchange(has_heard_, true)) is_tls_ = !accepts_ || wire.front() == handshake_record;
  has_input_ = true;
  const int taken = BIO_write(SSL_get_rbio(ssl_.get()), wire.data(), static_cast<int>(wire.size()));
  HF_ASSERT(taken == static_cast<int>(wire.size()));  // it grows
}

Result<std::size_t> Channel::read(std::span<char> room) {
  has_input_ = false;
  if (!is_tls_) return refuse_what_is_no_tls();
  ERR_clear_error();
  if (SSL_is_init_finished(ssl_.get()) == 0) {
    if (const int outcome = SSL_do_handshake(ssl_.get()); outcome != 1) return failed(outcome);
    write(std::exchange(early_, {}));
  }
  const int n = SSL_read(ssl_.get(), room.data(), static_cast<int>(room.size()));
  if (n <= 0) return failed(n);
  has_input_ = true;
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

void Channel::append_output(std::string& bytes) {
  BIO* const out = SSL_get_wbio(ssl_.get());
  const std::size_t pending = BIO_ctrl_pending(out);
  if (pending == 0) return;
  const std::size_t before = bytes.size();
  bytes.resize(before + pending);
  const int n = BIO_read(out, bytes.data() + before, static_cast<int>(pending));
  HF_ASSERT(n == static_cast<int>(pending));
}

void Channel::seal(std::string& bytes) {
  if (is_plain()) return;
  if (!is_open()) {
    if (!broken_) early_ += bytes;
    bytes.clear();
    return append_output(bytes);
  }
  ERR_clear_error();
  if (bytes.size() <= record_bytes) {
    write(bytes);
    bytes.clear();
    return append_output(bytes);
  }
  // Record by record, since what OpenSSL holds in between it keeps room for ever after.
  std::string sealed;
  const std::size_t records = bytes.size() / record_bytes + 2;
  sealed.reserve(bytes.size() + records * record_overhead_bytes);
  for (std::string_view rest = bytes; !rest.empty();) {
    const std::string_view piece = rest.substr(0, record_bytes);
    write(piece);
    append_output(sealed);
    rest.remove_prefix(piece.size());
  }
  bytes = std::move(sealed);
}

void Channel::end() {
  if (is_plain() || !is_open()) return;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
}

}  // namespace holdfast::tls
