// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "mesh/secret.h"

struct ssl_ctx_st;
struct ssl_st;

namespace holdfast::mesh {

/// What a node shows to others, and knows them by: a certificate and its key, and who
/// signs the cluster's certificates. Whoever has one of those is a node of the cluster,
/// so nobody else's should be signed by it. Any thread.
class TlsIdentity {
 public:
  /// PEM files. kErr says what is wrong with which.
  static Result<std::shared_ptr<const TlsIdentity>> load(const std::string& ca,
                                                         const std::string& certificate,
                                                         const std::string& key);
  ssl_ctx_st* context() const { return context_.get(); }

 private:
  explicit TlsIdentity(std::shared_ptr<ssl_ctx_st> context) : context_(std::move(context)) {}
  std::shared_ptr<ssl_ctx_st> context_;
};

/// What lies between a connection's frames and its socket: nothing, or TLS 1.3 in which
/// both ends show certificates (RFC 8446). Bytes in, bytes out; the sockets are others'.
/// One thread at a time.
class Channel {
 public:
  Channel();  // nothing
  /// Without an identity: nothing.
  Channel(const std::shared_ptr<const TlsIdentity>& identity, End end);
  Channel(Channel&&) noexcept;
  Channel& operator=(Channel&&) noexcept;
  ~Channel();

  bool is_plain() const { return ssl_ == nullptr; }

  // Only where it is not plain:
  /// Bytes have come from the other end.
  void feed(std::string_view wire);
  /// What they say; 0: nothing yet. Then there may be something to send. kUnavailable:
  /// the other end is none to talk to, and why.
  Result<std::size_t> read(std::span<char> room);

  /// Makes of what is to be sent the bytes for the socket, those before them that both
  /// ends agree with. None, as long as they have not: then they come later.
  void seal(std::string& bytes);
  /// Whether seal() would give something though there is nothing new.
  bool has_output() const;

 private:
  struct Free {
    void operator()(ssl_st* ssl) const;
  };
  Result<std::size_t> failed(int outcome) const;
  void write(std::string_view plain);

  std::shared_ptr<const TlsIdentity> identity_;
  std::unique_ptr<ssl_st, Free> ssl_;
  std::string early_;  // to be sent once both ends have agreed
};

}  // namespace holdfast::mesh
