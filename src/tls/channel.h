// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "tls/identity.h"

struct ssl_st;

namespace holdfast::tls {

/// What lies between what a connection says and its socket: nothing, or TLS (RFC 8446,
/// RFC 5246). Bytes in, bytes out; the sockets are others'. One thread at a time.
class Channel {
 public:
  Channel();  // nothing
  /// This end dialed, or accepted. Without an identity: nothing.
  static Channel dialing(const RenewableIdentity* identity);
  static Channel accepting(const RenewableIdentity* identity);
  Channel(Channel&&) noexcept;
  Channel& operator=(Channel&&) noexcept;
  ~Channel();

  bool is_plain() const { return ssl_ == nullptr; }

  // Only where it is not plain:

  /// Bytes have come from the other end.
  void feed(std::string_view wire);
  /// What they say; 0: nothing yet, and nothing before more is fed. Afterwards there may
  /// be something to send. kUnavailable: the other end is none to talk to, and why; or it
  /// says nothing more (has_ended).
  Result<std::size_t> read(std::span<char> room);
  /// Whether read() may give something though nothing new was fed.
  bool has_input() const { return has_input_; }
  /// The other end has said that nothing follows, as somebody who cuts a connection
  /// cannot.
  bool has_ended() const;
  /// Whether both ends have agreed, and now can send each other something. Where they had,
  /// this is false while the other is in the middle of changing its keys.
  bool is_open() const;
  /// Once it was open: the subject's common name in the certificate that the other end has
  /// shown and that was verified. Empty: none, or not one name.
  std::string peer_name() const;

  /// Makes of what is to be sent the bytes for the socket, those before them that both
  /// ends agree with. None, as long as they have not: then they come later.
  void seal(std::string& bytes);
  /// Whether seal() would give something though there is nothing new.
  bool has_output() const;
  /// Nothing more will be sent: the next seal(), of nothing, says so to the other end.
  void end();

 private:
  struct Free {
    void operator()(ssl_st* ssl) const;
  };
  explicit Channel(const RenewableIdentity* identity);
  Result<std::size_t> failed(int outcome);
  Result<std::size_t> refuse_what_is_no_tls();
  void write(std::string_view plain);
  void append_output(std::string& bytes);

  std::shared_ptr<const Identity> identity_;
  std::unique_ptr<ssl_st, Free> ssl_;
  std::string early_;  // to be sent once both ends have agreed
  bool accepts_ = false;
  bool has_heard_ = false;
  bool is_tls_ = true;  // what the other end has begun with
  bool has_input_ = false;
  bool broken_ = false;
};

}  // namespace holdfast::tls
