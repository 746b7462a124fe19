// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "mesh/checkpoint_stream.h"
#include "mesh/holdings.h"
#include "mesh/inbound.h"
#include "mesh/report.h"

// What nodes tell each other, without the frames around it (those are
// checkpoint_stream's): any bytes as a report, as the file of the members, as a
// greeting, or as the frames of a log. The first byte says which.
namespace {

using namespace holdfast;        // NOLINT: a program of one file
using namespace holdfast::mesh;  // NOLINT

void as_report(std::string_view bytes) {
  const auto report = decode_report(bytes);
  if (!report) {
    HF_ASSERT(report.error().code == Code::corrupt);
    return;
  }
  HF_ASSERT(decode_report(encode(*report)).value() == *report);
  Holdings holdings({.node = "self", .origin = {1'000'001}, .disk = {}, .view = {}, .clock = {}});
  holdings.expect("n2");
  if (!holdings.heard(*report)) return;
  for (const auto& [node, holding] : holdings.all()) HF_ASSERT(node == holding.node);
  for (const auto origin : report->ended) HF_ASSERT(holdings.has_ended(origin));
  // What a node would write down of it, it can read.
  Holdings again({.node = "self", .origin = {1'000'001}, .disk = {}, .view = {}, .clock = {}});
  HF_ASSERT(again.add_members(holdings.encode_members()));
  HF_ASSERT(again.view() == holdings.view());
}

void as_members(std::string_view bytes) {
  Holdings holdings({.node = "self", .origin = {1}, .disk = {}, .view = {}, .clock = {}});
  const Status added = holdings.add_members(bytes);
  HF_ASSERT(added || added.error().code == Code::corrupt);
}

void as_greeting(std::string_view bytes) {
  const auto hello = read_hello({FrameType::hello, bytes});
  if (!hello) {
    HF_ASSERT(hello.error().code == Code::corrupt);
    return;
  }
  if (hello->version != protocol_version) return;
  HF_ASSERT(read_hello({FrameType::hello, encode(*hello)}).value() == *hello);
}

// Frames of up to 255 bytes, each behind its length; an odd one is a part.
void as_log(std::string_view bytes) {
  std::vector<std::string> taken;
  bool refuse = true;
  Inbound inbound([&](std::string_view entry) -> Status {
    refuse = !refuse;
    if (refuse) return fail(Code::busy, "not now");
    taken.emplace_back(entry);
    return {};
  });
  while (!bytes.empty()) {
    const auto length = static_cast<std::uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    const std::string_view body = bytes.substr(0, length);
    bytes.remove_prefix(body.size());
    if (!inbound.take({length % 2 == 1 ? FrameType::part : FrameType::entries, body})) return;
    while (inbound.stalled()) {
      if (!inbound.retry()) return;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      as_report(bytes);
      break;
    case 1:
      as_members(bytes);
      break;
    case 2:
      as_greeting(bytes);
      break;
    default:
      as_log(bytes);
  }
  return 0;
}
