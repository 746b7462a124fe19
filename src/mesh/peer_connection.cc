// SPDX-License-Identifier: Apache-2.0
#include "mesh/peer_connection.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace holdfast::mesh {

using boost::asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::size_t wire_bytes = 64 * 1024;  // read at once

}  // namespace

PeerConnection::PeerConnection(tcp::socket socket, Channel channel, FrameReader reader,
                               FrameWriter writer)
    : socket_(std::move(socket)),
      channel_(std::move(channel)),
      wire_(channel_.is_plain() ? 0 : wire_bytes, '\0'),
      reader_(std::move(reader)),
      writer_(writer),
      heard_at_(std::chrono::steady_clock::now()) {
  error_code ignored;
  socket_.non_blocking(true, ignored);
  socket_.set_option(tcp::no_delay(true), ignored);
  const tcp::endpoint here = socket_.local_endpoint(ignored),
                      there = socket_.remote_endpoint(ignored);
  on_this_machine_ = there.address().is_loopback() || there.address() == here.address();
}

void PeerConnection::start(Handlers handlers) {
  handlers_ = std::move(handlers);
  read_frames();
}

void PeerConnection::read_on() {
  wanted_ = true;
  if (!in_frames_) read_frames();
}

void PeerConnection::read_frames() {
  const auto self = shared_from_this();  // a handler may let go of it
  in_frames_ = true;
  while (wanted_ && !closed_) {
    const auto frame = reader_.next();
    if (!frame) {
      in_frames_ = false;
      return end(frame.error());
    }
    if (!*frame) {
      const auto more = read_channel();
      if (!more) {
        in_frames_ = false;
        return end(more.error());
      }
      if (!*more) break;
      continue;
    }
    if (!handlers_.frame(**frame)) wanted_ = false;
  }
  in_frames_ = false;
  if (closed_) {
    handlers_ = {};
  } else if (wanted_ && !reading_) {
    read_more();
  }
}

// Whether there was more in what has come.
Result<bool> PeerConnection::read_channel() {
  if (channel_.is_plain()) return false;
  const auto read = channel_.read(reader_.room());
  if (channel_.has_output()) send();
  if (!read) return tl::unexpected(read.error());
  reader_.received(*read);
  return *read > 0;
}

void PeerConnection::read_more() {
  reading_ = true;
  const std::span<char> room = channel_.is_plain() ? reader_.room() : std::span<char>(wire_);
  socket_.async_read_some(boost::asio::buffer(room.data(), room.size()),
                          [self = shared_from_this()](const error_code& error, std::size_t n) {
                            self->reading_ = false;
                            if (self->closed_) return;
                            if (error) return self->end({Code::unavailable, error.message()});
                            self->heard_at_ = std::chrono::steady_clock::now();
                            if (self->channel_.is_plain()) {
                              self->reader_.received(n);
                            } else {
                              self->channel_.feed({self->wire_.data(), n});
                            }
                            self->read_frames();
                          });
}

void PeerConnection::send() {
  if (closed_ || !sending_.empty() || (output_.empty() && !channel_.has_output())) return;
  std::swap(sending_, output_);
  channel_.seal(sending_);
  if (sending_.empty()) return;
  boost::asio::async_write(socket_, boost::asio::buffer(sending_),
                           [self = shared_from_this()](const error_code& error, std::size_t n) {
                             self->sent_bytes_ += n;
                             self->sending_.clear();
                             if (self->closed_) return;
                             if (error) return self->end({Code::unavailable, error.message()});
                             self->send();
                           });
}

void PeerConnection::end(const Error& why) {
  if (closed_) return;
  const auto ended = std::move(handlers_.ended);
  close();
  if (ended) ended(why);
}

void PeerConnection::close() {
  closed_ = true;
  error_code ignored;
  socket_.close(ignored);
  // They hold whoever holds this. Not while one of them runs.
  if (!in_frames_) handlers_ = {};
}

}  // namespace holdfast::mesh
