// SPDX-License-Identifier: Apache-2.0
#include "mesh/inbound.h"

#include <utility>

#include "base/assert.h"
#include "base/limits.h"
#include "base/wire.h"
#include "mesh/packing.h"

namespace holdfast::mesh {

Status Inbound::take(const Frame& frame) {
  HF_ASSERT(!stalled());
  if (frame.type == FrameType::part) {
    if (parts_.size() + frame.body.size() > limits::entry_bytes_max)
      return fail(Code::corrupt, "an entry larger than any can be");
    parts_.append(frame.body);
    return {};
  }
  if (frame.body.empty()) return fail(Code::corrupt, "a frame of no entries");
  if (frame.type == FrameType::packed) {
    const auto body = unpack(frame.body);
    if (!body) return tl::unexpected(body.error());
    return hand_over(*body);
  }
  return hand_over(frame.body);
}

Status Inbound::retry() {
  const std::string body = std::exchange(waiting_, {});
  return body.empty() ? Status() : hand_over(body);
}

Status Inbound::hand_over(std::string_view body) {
  wire::Reader in(body);
  while (!in.at_end()) {
    const std::string_view here(in.cursor(), in.remaining());
    const std::string_view end = in.bytes();
    if (!in.ok()) return fail(Code::corrupt, "a frame of entries that ends within one");
    std::string whole = std::exchange(parts_, {});
    if (!whole.empty()) whole.append(end);
    Status taken = receive_(whole.empty() ? end : whole);
    if (taken) continue;
    if (taken.error().code != Code::busy && taken.error().code != Code::unavailable) return taken;
    reason_ = taken.error();
    waiting_.assign(here);
    if (!whole.empty()) whole.resize(whole.size() - end.size());
    parts_ = std::move(whole);
    return {};
  }
  return {};
}

}  // namespace holdfast::mesh
