// SPDX-License-Identifier: Apache-2.0
#include "mesh/outbound.h"

#include <algorithm>
#include <utility>

#include "base/wire.h"

namespace holdfast::mesh {
namespace {

// Of a frame that holds more than one entry. A receiver merges a frame at once: its
// clients wait no longer than that takes, some milliseconds.
constexpr std::size_t entries_frame_bytes = 32_KiB;
constexpr std::size_t length_bytes_max = 10;

}  // namespace

void Outbound::begin(const Report& theirs, bool packs) {
  packs_ = packs;
  merged_ = {};
  disk_ = {};
  hears_ = {};
  if (std::exchange(peer_, theirs.holdings.front().origin) != theirs.holdings.front().origin)
    acknowledged_ = {};
  rewind();
  heard(theirs);
}

void Outbound::heard(const Report& theirs) {
  merged_.merge(theirs.merged);
  disk_.merge(theirs.holdings.front().disk);
  const bool lost_one = std::ranges::any_of(hears_, [&](eventual::OriginId was) {
    return !std::ranges::binary_search(theirs.hears, was);
  });
  hears_ = theirs.hears;
  settle();
  // What was left to that one is now this node's to send.
  if (lost_one) rewind();
}

void Outbound::rewind() {
  watched_.clear();
  merged_count_ = 0;
  in_flight_bytes_ = 0;
  // What the log no longer has, the peer has, or must get by a checkpoint.
  const Position before_first{log_.first().value - 1};
  acknowledged_ = std::max(acknowledged_, before_first);
  cursor_ = LogCursor(acknowledged_);
}

void Outbound::settle() {
  for (; merged_count_ < watched_.size(); ++merged_count_) {
    const Watched& next = watched_[merged_count_];
    if (!merged_.includes(next.last)) break;
    in_flight_bytes_ -= next.bytes;
  }
  while (merged_count_ > 0 && disk_.includes(watched_.front().last)) {
    acknowledged_ = watched_.front().position;
    watched_.pop_front();
    --merged_count_;
  }
}

std::uint64_t Outbound::behind() const {
  return log_.last().value - cursor_.at().value + watched_.size() - merged_count_;
}

Result<bool> Outbound::pump(FrameWriter& frames, std::string& out, std::size_t bytes_max) {
  if (needs_checkpoint()) return false;
  if (cursor_.at().next() < log_.first()) rewind();  // it was trimmed meanwhile
  const std::size_t begin = out.size();
  bool more = true;
  while (out.size() + body_.size() - begin < bytes_max) {
    if (in_flight_bytes_ >= options_.window_bytes || watched_.size() >= options_.watched_max) {
      more = false;  // the peer's next report makes room
      break;
    }
    const auto entry = log_.next(cursor_);
    if (!entry) return tl::unexpected(entry.error());
    if (!*entry) {
      more = false;
      break;
    }
    if (!take(**entry, frames, out))
      return fail(Code::corrupt, "the origin log has a damaged entry");
  }
  flush(frames, out);
  settle();
  return more;
}

bool Outbound::take(const LogEntry& entry, FrameWriter& frames, std::string& out) {
  const auto dots = eventual::dots_of(entry.payload);
  if (!dots) return false;
  Watched watched{.position = entry.position, .last = {dots->origin, dots->last}};
  const bool from_itself =
      dots->origin != options_.self && std::ranges::binary_search(hears_, dots->origin);
  if (!merged_.includes(watched.last) && !from_itself) {
    watched.bytes = entry.payload.size();
    in_flight_bytes_ += watched.bytes;
    if (body_.size() + watched.bytes + length_bytes_max > entries_frame_bytes) flush(frames, out);
    // An entry that no frame holds: parts, and its end as another entry would come.
    std::string_view rest = entry.payload;
    while (rest.size() + length_bytes_max > limits::mesh_frame_bytes_max) {
      const std::string_view part = rest.substr(0, limits::mesh_frame_bytes_max);
      frames.put(out, FrameType::part, part);
      rest.remove_prefix(part.size());
    }
    wire::put_bytes(body_, rest);
  }
  watched_.push_back(watched);
  return true;
}

void Outbound::flush(FrameWriter& frames, std::string& out) {
  if (body_.empty()) return;
  const auto packed = packs_ ? packer_.pack(body_) : std::nullopt;
  packed ? frames.put(out, FrameType::packed, *packed) : frames.put(out, FrameType::entries, body_);
  body_.clear();
}

}  // namespace holdfast::mesh
