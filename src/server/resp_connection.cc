// SPDX-License-Identifier: Apache-2.0
#include "server/resp_connection.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>

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
  if (session_.wants_input() && !reading_) read();
}

void RespConnection::read() {
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
  error_code ignored;
  socket_.shutdown(Socket::shutdown_both, ignored);
  socket_.close(ignored);
  release_if_idle();
}

void RespConnection::release_if_idle() {
  if (!reading_ && !writing_) owner_.release(*this);
}

}  // namespace holdfast::server
