// SPDX-License-Identifier: Apache-2.0
#include "server/resp_connection.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

namespace holdfast::server {
namespace {

using boost::system::error_code;

constexpr std::size_t output_kept_max = 64_KiB;  // room that an empty output keeps

void empty(std::string& text) {
  text.clear();
  if (text.capacity() > output_kept_max) std::string().swap(text);
}

}  // namespace

void RespConnection::settle() {
  if (closed_) return release_if_idle();
  if (!session_.cut_off()) send();
  const bool sent_all = !writing_ && !session_.has_output();
  if (session_.cut_off() || (session_.finished() && sent_all)) return close();
  if (session_.wants_input() && !reading_ && !must_send_first()) read();
}

void RespConnection::read() {
  if (secured_ != nullptr) return read_secured();
  const std::span<char> room = session_.room();
  reading_ = true;
  socket_.async_read_some(boost::asio::buffer(room.data(), room.size()),
                          [this](const error_code& error, std::size_t n) {
                            reading_ = false;
                            if (closed_) return release_if_idle();
                            owner_.count_bytes(n, 0);
                            if (!error) {
                              session_.received(n);
                            } else if (error == boost::asio::error::eof) {
                              session_.end_of_input();
                            } else {
                              session_.cut({});
                            }
                            owner_.touch(*this);
                          });
}

void RespConnection::send() {
  if (secured_ != nullptr) return send_secured();
  while (!writing_ && session_.has_output() && !session_.cut_off()) {
    if (session_.has_chunk()) {
      sending_ = session_.take_chunk();
      send_now(sending_);
    } else {
      send_now(session_.output());
    }
  }
}

/// Gives the kernel what it takes of `bytes`; what it does not take becomes
/// sending_.
void RespConnection::send_now(std::string& bytes) {
  error_code error;
  const std::size_t n = socket_.write_some(boost::asio::buffer(bytes), error);
  if (error && error != boost::asio::error::would_block) return session_.cut({});
  owner_.count_bytes(0, n);
  if (n == bytes.size()) {
    empty(bytes);
    session_.sent(n, 0);
    return;
  }
  if (&bytes != &sending_) {
    empty(sending_);
    sending_.swap(bytes);
  }
  sent_ = n;
  session_.sent(n, sending_.size() - sent_);
  send_rest();
}

void RespConnection::send_rest() {
  writing_ = true;
  socket_.async_write_some(boost::asio::buffer(sending_.data() + sent_, sending_.size() - sent_),
                           [this](const error_code& error, std::size_t n) {
                             writing_ = false;
                             if (closed_) return release_if_idle();
                             owner_.count_bytes(0, n);
                             sent_ += n;
                             session_.sent(n, sending_.size() - sent_);
                             if (error) {
                               session_.cut({});
                             } else if (sent_ < sending_.size()) {
                               return send_rest();
                             } else {
                               empty(sending_);
                             }
                             owner_.touch(*this);
                           });
}

void RespConnection::close() {
  if (closed_) return;
  closed_ = true;
  if (secured_ != nullptr) say_goodbye();
  error_code ignored;
  socket_.shutdown(Socket::shutdown_both, ignored);
  socket_.close(ignored);
  release_if_idle();
}

void RespConnection::release_if_idle() {
  if (!reading_ && !writing_) owner_.release(*this);
}

void RespConnection::tick() {
  session_.tick();
  if (secured_ == nullptr || secured_->agreed || session_.cut_off()) return;
  if (++secured_->seconds >= limits::tls_handshake_seconds_max)
    fail("TLS: it took too long to agree");
}

// What TLS itself has to say is little, but an end that never reads could ask for it
// without end.
bool RespConnection::must_send_first() const {
  return secured_ != nullptr && writing_ && secured_->channel.has_output();
}

void RespConnection::read_secured() {
  reading_ = true;
  if (secured_->channel.has_input()) {
    // It was left there while requests waited: the socket does not tell of it again.
    boost::asio::post(socket_.get_executor(), [this] {
      reading_ = false;
      if (closed_) return release_if_idle();
      take_in();
    });
    return;
  }
  socket_.async_read_some(boost::asio::buffer(secured_->wire),
                          [this](const error_code& error, std::size_t n) {
                            reading_ = false;
                            if (closed_) return release_if_idle();
                            owner_.count_bytes(n, 0);
                            if (error) {
                              // No end that TLS tells of: what came last may not be all.
                              session_.cut({});
                              return owner_.touch(*this);
                            }
                            secured_->channel.feed({secured_->wire.data(), n});
                            take_in();
                          });
}

/// Gives the session what the channel has for it, as far as it wants that.
void RespConnection::take_in() {
  tls::Channel& channel = secured_->channel;
  while (session_.wants_input()) {
    const auto n = channel.read(session_.room());
    if (!secured_->agreed && channel.is_open()) {
      secured_->agreed = true;
      session_.set_certified_name(channel.peer_name());
    }
    if (!n) {
      if (!channel.has_ended()) {
        fail(n.error().message);
        break;
      }
      session_.end_of_input();
      break;
    }
    if (*n == 0) break;
    session_.received(*n);
  }
  owner_.touch(*this);
}

void RespConnection::send_secured() {
  while (!writing_ && !session_.cut_off()) {
    // Else replies wait where they are counted.
    if (secured_->channel.is_open()) {
      if (session_.has_chunk()) {
        sending_ = session_.take_chunk();
      } else {
        sending_.swap(session_.output());
      }
    }
    secured_->channel.seal(sending_);
    if (sending_.empty()) return;
    send_now(sending_);
  }
}

void RespConnection::fail(std::string_view why) {
  if (!secured_->agreed) {
    owner_.note_tls_failed(*this, why);
    session_.cut({});
  } else {
    session_.cut("TLS: what came is not what the client sent");
  }
  owner_.touch(*this);
}

/// That this is the end, or what was wrong, if the kernel takes it.
void RespConnection::say_goodbye() {
  if (writing_) return;
  secured_->channel.end();
  sending_.clear();
  secured_->channel.seal(sending_);
  error_code ignored;
  socket_.write_some(boost::asio::buffer(sending_), ignored);
}

}  // namespace holdfast::server
