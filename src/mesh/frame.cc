// SPDX-License-Identifier: Apache-2.0
#include "mesh/frame.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "base/checksum.h"
#include "base/wire.h"

namespace holdfast::mesh {
namespace {

constexpr std::size_t first_room = 4_KiB;

tl::unexpected<Error> damaged(std::string what) {
  return fail(Code::corrupt, std::move(what));
}

std::uint64_t tail_of(std::string_view frame, const std::optional<FrameKey>& key,
                      std::uint64_t place) {
  return key ? key->tag(frame, place) : checksum(frame, place);
}

}  // namespace

void FrameWriter::put(std::string& out, FrameType type, std::string_view body) {
  HF_ASSERT(body.size() <= limits::mesh_frame_bytes_max);
  const std::size_t start = out.size();
  wire::put_u32(out, static_cast<std::uint32_t>(body.size()));
  wire::put_u8(out, static_cast<std::uint8_t>(type));
  out.append(body);
  wire::put_u64(out, tail_of(std::string_view(out).substr(start), key_, next_++));
}

std::span<char> FrameReader::room() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  // Twice what has come, not what is announced. A whole frame leaves with next(),
  // so what lies here is less than one.
  const std::size_t frame_max = frame_head_bytes + body_bytes_max_ + frame_tail_bytes;
  const std::size_t wanted = std::min(frame_max, std::max(first_room, 2 * end_));
  if (buffer_.size() < wanted) buffer_.resize(wanted);
  HF_ASSERT(end_ < buffer_.size());
  return {buffer_.data() + end_, buffer_.size() - end_};
}

Result<std::optional<Frame>> FrameReader::next() {
  const std::string_view here = std::string_view(buffer_).substr(begin_, end_ - begin_);
  if (here.size() < frame_head_bytes) return std::nullopt;
  wire::Reader head(here);
  const std::size_t length = head.u32();
  const auto type = head.u8();
  if (length > body_bytes_max_) {
    return damaged(
        fmt::format("a frame of {} bytes, where {} are allowed", length, body_bytes_max_));
  }
  const std::size_t checked = frame_head_bytes + length;
  if (here.size() < checked + frame_tail_bytes) return std::nullopt;
  wire::Reader tail(here.substr(checked));
  if (tail.u64() != tail_of(here.substr(0, checked), key_, next_)) {
    return damaged(key_ ? fmt::format("frame {} is not signed with the cluster's secret", next_)
                        : fmt::format("frame {} has not the checksum of its bytes", next_));
  }
  if (type < static_cast<std::uint8_t>(FrameType::hello) ||
      type > static_cast<std::uint8_t>(FrameType::told)) {
    return damaged(fmt::format("a frame of unknown type {}", type));
  }
  ++next_;
  begin_ += checked + frame_tail_bytes;
  return Frame{static_cast<FrameType>(type), here.substr(frame_head_bytes, length)};
}

}  // namespace holdfast::mesh
