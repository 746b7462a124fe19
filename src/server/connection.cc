// SPDX-License-Identifier: Apache-2.0
#include "server/connection.h"

#include <boost/asio/error.hpp>
#include <utility>

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
  if (closed_) return owner_.release(*this);
  if (!talk_->cut_off()) send();
  const bool sent_all = !writing_ && !talk_->has_output();
  if (talk_->cut_off() || (talk_->finished() && sent_all)) return close();
  if (talk_->wants_input() && !reading_ && !must_send_first()) await_input();
}

void Connection::on_ready(StreamSocket::Ready ready) {
  if (ready.to_write) {
    writing_ = false;
    send_rest();
  }
  if (ready.to_read) {
    reading_ = false;
    secured_ == nullptr ? read() : read_secured();
  }
  owner_.touch(*this);
}

void Connection::await_input() {
  reading_ = true;
  talk_->room();  // what the last request took is given back while it waits
  if (secured_ != nullptr && secured_->channel.has_input()) {
    // It was left there while requests waited: the socket does not tell of it again.
    socket_.await_turn();
  } else {
    socket_.await_input();
  }
}

void Connection::read() {
  error_code error;
  const std::size_t n = socket_.read_some(talk_->room(), error);
  owner_.count_bytes(n, 0);
  if (!error) {
    arrived_bytes_ = n;
    owner_.arrived(*this);
  } else if (error == boost::asio::error::eof) {
    talk_->end_of_input();
  } else if (error != boost::asio::error::would_block) {
    talk_->cut({});
  }
}

void Connection::run_arrived() {
  talk_->received(std::exchange(arrived_bytes_, 0));
  owner_.touch(*this);
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
  const std::size_t n = write(bytes);
  if (talk_->cut_off()) return;
  talk_->sent(n, bytes.size() - n);
  if (n == bytes.size()) return empty(bytes);
  if (&bytes != &sending_) {
    empty(sending_);
    sending_.swap(bytes);
  }
  sent_ = n;
}

void Connection::send_rest() {
  const std::size_t n = write(std::string_view(sending_).substr(sent_));
  sent_ += n;
  talk_->sent(n, sending_.size() - sent_);
  if (!writing_) empty(sending_);
}

/// How much the kernel took; where that is less than all, it is waited for, or the end.
std::size_t Connection::write(std::string_view bytes) {
  error_code error;
  const std::size_t n = socket_.write_some(bytes, error);
  owner_.count_bytes(0, n);
  if (error == boost::asio::error::would_block) {
    writing_ = true;
    socket_.await_room();
  } else if (error) {
    talk_->cut({});
  }
  return n;
}

void Connection::close() {
  if (closed_) return;
  closed_ = true;
  talk_->closed();
  if (secured_ != nullptr) say_goodbye();
  socket_.close();
  owner_.release(*this);
}

void Connection::tick() {
  talk_->tick();
  if (talk_->holds_spare_room()) talk_->room();
  if (secured_ == nullptr || secured_->agreed || talk_->cut_off()) return;
  if (++secured_->seconds >= limits::tls_handshake_seconds_max)
    fail("TLS: it took too long to agree");
}

// What TLS itself has to say is little, but an end that never reads could ask for it
// without end.
bool Connection::must_send_first() const {
  return secured_ != nullptr && writing_ && secured_->channel.has_output();
}

/// Gives the conversation what the channel has for it, as far as it wants that.
void Connection::read_secured() {
  tls::Channel& channel = secured_->channel;
  if (!channel.has_input()) {
    error_code error;
    const std::size_t n = socket_.read_some(secured_->wire, error);
    owner_.count_bytes(n, 0);
    if (error == boost::asio::error::would_block) return;
    // No end that TLS tells of: what came last may not be all.
    if (error) return talk_->cut({});
    channel.feed({secured_->wire.data(), n});
  }
  while (talk_->wants_input()) {
    const auto n = channel.read(talk_->room());
    if (!secured_->agreed && channel.is_open()) {
      secured_->agreed = true;
      talk_->set_certified_name(channel.peer_name());
    }
    if (!n) {
      if (!channel.has_ended()) return fail(n.error().message);
      return talk_->end_of_input();
    }
    if (*n == 0) return;
    talk_->received(*n);
  }
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
  socket_.write_some(sending_, ignored);
}

}  // namespace holdfast::server
