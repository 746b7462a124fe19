// SPDX-License-Identifier: Apache-2.0
#include "server/connection.h"

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

void Connection::settle() {
  if (closed_) return release_if_idle();
  if (!talk_->cut_off()) send();
  const bool sent_all = !writing_ && !talk_->has_output();
  if (talk_->cut_off() || (talk_->finished() && sent_all)) return close();
  if (talk_->wants_input() && !reading_ && !must_send_first()) read();
}

void Connection::read() {
  if (secured_ != nullptr) return read_secured();
  const std::span<char> room = talk_->room();
  reading_ = true;
  socket_.async_read_some(boost::asio::buffer(room.data(), room.size()),
                          [this](const error_code& error, std::size_t n) {
                            reading_ = false;
                            if (closed_) return release_if_idle();
                            owner_.count_bytes(n, 0);
                            if (error == boost::asio::error::operation_aborted) {
                              // By tick(): reads on, into less.
                            } else if (!error) {
                              talk_->received(n);
                            } else if (error == boost::asio::error::eof) {
                              talk_->end_of_input();
                            } else {
                              talk_->cut({});
                            }
                            owner_.touch(*this);
                          });
}

void Connection::send() {
  if (secured_ != nullptr) return send_secured();
  while (!writing_ && talk_->has_output() && !talk_->cut_off()) {
    if (talk_->has_chunk()) {
      sending_ = talk_->take_chunk();
      send_now(sending_);
    } else {
      send_now(talk_->output());
    }
  }
}

/// Gives the kernel what it takes of `bytes`; what it does not take becomes
/// sending_.
void Connection::send_now(std::string& bytes) {
  error_code error;
  const std::size_t n = socket_.write_some(boost::asio::buffer(bytes), error);
  if (error && error != boost::asio::error::would_block) return talk_->cut({});
  owner_.count_bytes(0, n);
  if (n == bytes.size()) {
    empty(bytes);
    talk_->sent(n, 0);
    return;
  }
  if (&bytes != &sending_) {
    empty(sending_);
    sending_.swap(bytes);
  }
  sent_ = n;
  talk_->sent(n, sending_.size() - sent_);
  send_rest();
}

void Connection::send_rest() {
  writing_ = true;
  socket_.async_write_some(boost::asio::buffer(sending_.data() + sent_, sending_.size() - sent_),
                           [this](const error_code& error, std::size_t n) {
                             writing_ = false;
                             if (closed_) return release_if_idle();
                             owner_.count_bytes(0, n);
                             sent_ += n;
                             talk_->sent(n, sending_.size() - sent_);
                             if (error) {
                               talk_->cut({});
                             } else if (sent_ < sending_.size()) {
                               return send_rest();
                             } else {
                               empty(sending_);
                             }
                             owner_.touch(*this);
                           });
}

void Connection::close() {
  if (closed_) return;
  closed_ = true;
  talk_->closed();
  if (secured_ != nullptr) say_goodbye();
  error_code ignored;
  socket_.shutdown(Socket::shutdown_both, ignored);
  socket_.close(ignored);
  release_if_idle();
}

void Connection::release_if_idle() {
  if (!reading_ && !writing_) owner_.release(*this);
}

void Connection::tick() {
  talk_->tick();
  // Of a read under way the room cannot be had back.
  if (secured_ == nullptr && reading_ && !writing_ && talk_->holds_spare_room()) {
    error_code ignored;
    socket_.cancel(ignored);
  } else if (secured_ != nullptr && talk_->holds_spare_room()) {
    talk_->room();
  }
  if (secured_ == nullptr || secured_->agreed || talk_->cut_off()) return;
  if (++secured_->seconds >= limits::tls_handshake_seconds_max)
    fail("TLS: it took too long to agree");
}

// What TLS itself has to say is little, but an end that never reads could ask for it
// without end.
bool Connection::must_send_first() const {
  return secured_ != nullptr && writing_ && secured_->channel.has_output();
}

void Connection::read_secured() {
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
                              talk_->cut({});
                              return owner_.touch(*this);
                            }
                            secured_->channel.feed({secured_->wire.data(), n});
                            take_in();
                          });
}

/// Gives the conversation what the channel has for it, as far as it wants that.
void Connection::take_in() {
  tls::Channel& channel = secured_->channel;
  while (talk_->wants_input()) {
    const auto n = channel.read(talk_->room());
    if (!secured_->agreed && channel.is_open()) {
      secured_->agreed = true;
      talk_->set_certified_name(channel.peer_name());
    }
    if (!n) {
      if (!channel.has_ended()) {
        fail(n.error().message);
        break;
      }
      talk_->end_of_input();
      break;
    }
    if (*n == 0) break;
    talk_->received(*n);
  }
  owner_.touch(*this);
}

void Connection::send_secured() {
  while (!writing_ && !talk_->cut_off()) {
    // Else replies wait where they are counted.
    if (secured_->channel.is_open()) {
      if (talk_->has_chunk()) {
        sending_ = talk_->take_chunk();
      } else {
        sending_.swap(talk_->output());
      }
    }
    secured_->channel.seal(sending_);
    if (sending_.empty()) return;
    send_now(sending_);
  }
}

void Connection::fail(std::string_view why) {
  if (!secured_->agreed) {
    owner_.note_tls_failed(*this, why);
    talk_->cut({});
  } else {
    talk_->cut("TLS: what came is not what the client sent");
  }
  owner_.touch(*this);
}

/// That this is the end, or what was wrong, if the kernel takes it.
void Connection::say_goodbye() {
  if (writing_) return;
  secured_->channel.end();
  sending_.clear();
  secured_->channel.seal(sending_);
  error_code ignored;
  socket_.write_some(boost::asio::buffer(sending_), ignored);
}

}  // namespace holdfast::server
