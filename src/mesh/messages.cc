// SPDX-License-Identifier: Apache-2.0
#include "mesh/messages.h"

#include <algorithm>

#include "base/limits.h"
#include "base/wire.h"

namespace holdfast::mesh {
namespace {

constexpr std::size_t kept_bytes_max = 1_MiB;  // of room that is not in use
constexpr std::size_t length_bytes = 4;

// A channel's length and a kind's byte more than the texts.
constexpr std::size_t record_bytes_max = limits::message_bytes_max + 16;

void drop_front(std::string& stream, std::size_t& begin) {
  if (begin == stream.size()) {
    stream.clear();
    begin = 0;
    if (stream.capacity() > kept_bytes_max) std::string().swap(stream);
  } else if (begin > kept_bytes_max) {
    stream.erase(0, begin);
    begin = 0;
  }
}

}  // namespace

bool MessagesOut::add(const Message& message) {
  if (stream_.size() - begin_ + message.channel.size() + message.text.size() >
      limits::mesh_messages_bytes_max)
    return false;
  std::string head;
  wire::put_u8(head, static_cast<std::uint8_t>(message.kind));
  wire::put_bytes(head, message.channel);
  wire::put_u32(stream_, static_cast<std::uint32_t>(head.size() + message.text.size()));
  stream_.append(head);
  stream_.append(message.text);
  return true;
}

bool MessagesOut::pump(FrameWriter& frames, std::string& out, std::size_t bytes_max) {
  while (!empty() && out.size() < bytes_max) {
    const std::string_view body =
        std::string_view(stream_).substr(begin_).substr(0, limits::mesh_frame_bytes_max);
    frames.put(out, FrameType::messages, body);
    begin_ += body.size();
  }
  drop_front(stream_, begin_);
  return empty();
}

Result<std::optional<Message>> MessagesIn::next() {
  const std::string_view left = std::string_view(stream_).substr(begin_);
  if (left.size() < length_bytes) {
    drop_front(stream_, begin_);
    return std::nullopt;
  }
  const std::size_t size = wire::Reader(left).u32();
  if (size > record_bytes_max) return fail(Code::corrupt, "a message that is too long");
  if (left.size() - length_bytes < size) {
    drop_front(stream_, begin_);
    return std::nullopt;
  }
  wire::Reader in(left.substr(length_bytes, size));
  const std::uint8_t kind = in.u8();
  const std::string_view channel = in.bytes();
  const std::string_view text = in.raw(in.remaining());
  if (!in.ok() || kind > static_cast<std::uint8_t>(ChannelKind::shard))
    return fail(Code::corrupt, "a malformed message");
  begin_ += length_bytes + size;
  return Message{static_cast<ChannelKind>(kind), channel, text};
}

}  // namespace holdfast::mesh
