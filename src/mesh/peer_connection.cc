// SPDX-License-Identifier: Apache-2.0
#include "mesh/peer_connection.h"

#include <utility>

namespace holdfast::mesh {
namespace {

constexpr std::size_t wire_bytes = 64 * 1024;  // read at once

}  // namespace

PeerConnection::PeerConnection(std::unique_ptr<ByteStream> stream, tls::Channel channel,
                               FrameReader reader, FrameWriter writer)
    : stream_(std::move(stream)),
      channel_(std::move(channel)),
      wire_(channel_.is_plain() ? 0 : wire_bytes, '\0'),
      reader_(std::move(reader)),
      writer_(writer),
      heard_at_(stream_->now()) {}

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
  stream_->read(room, [self = shared_from_this()](const Result<std::size_t>& read) {
    self->reading_ = false;
    if (self->closed_) return;
    if (!read) return self->end(read.error());
    self->heard_at_ = self->stream_->now();
    if (self->channel_.is_plain()) {
      self->reader_.received(*read);
    } else {
      self->channel_.feed({self->wire_.data(), *read});
    }
    self->read_frames();
  });
}

void PeerConnection::send() {
  if (closed_ || !sending_.empty() || (output_.empty() && !channel_.has_output())) return;
  std::swap(sending_, output_);
  channel_.seal(sending_);
  if (sending_.empty()) return;
  stream_->write(sending_, [self = shared_from_this()](const Result<std::size_t>& written) {
    self->sent_bytes_ += written.value_or(0);
    self->sending_.clear();
    if (self->closed_) return;
    if (!written) return self->end(written.error());
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
  stream_->close();
  // They hold whoever holds this. Not while one of them runs.
  if (!in_frames_) handlers_ = {};
}

}  // namespace holdfast::mesh
