// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "mesh/checkpoint_stream.h"
#include "mesh/holdings.h"
#include "mesh/inbound.h"
#include "mesh/question.h"
#include "mesh/report.h"
#include "mesh/whereabouts.h"

// What nodes tell each other, without the frames around it (those are
// checkpoint_stream's): any bytes as a report, as the file of the members, as
// addresses, as a greeting, as the frames of a log, as a question, or as an answer. The
// first byte says which.
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
  Holdings holdings(
      {.node = "self", .origin = {1'000'001}, .disk = {}, .view = {}, .clock = {}, .let_go = {}});
  holdings.expect("n2");
  if (!holdings.heard(*report)) return;
  for (const auto& [node, holding] : holdings.all()) HF_ASSERT(node == holding.node);
  for (const auto origin : report->ended) HF_ASSERT(holdings.has_ended(origin));
  // What a node would write down of it, it can read.
  Holdings again(
      {.node = "self", .origin = {1'000'001}, .disk = {}, .view = {}, .clock = {}, .let_go = {}});
  HF_ASSERT(again.add_members(holdings.encode_members()));
  HF_ASSERT(again.view() == holdings.view());
}

void as_members(std::string_view bytes) {
  Holdings holdings(
      {.node = "self", .origin = {1}, .disk = {}, .view = {}, .clock = {}, .let_go = {}});
  const Status added = holdings.add_members(bytes);
  HF_ASSERT(added || added.error().code == Code::corrupt);
}

void as_places(std::string_view bytes) {
  const auto places = decode_places(bytes);
  HF_ASSERT(places || places.error().code == Code::corrupt);
  if (places) HF_ASSERT(decode_places(encode(*places)).value() == *places);
  Whereabouts where("self", {"a:1"});
  if (places) where.told(*places);
  Whereabouts again("self", {"a:1"});
  HF_ASSERT(again.restore(where.encode()));
  HF_ASSERT(again.places() == where.places());
  const Status restored = where.restore(bytes);
  HF_ASSERT(restored || restored.error().code == Code::corrupt);
}

void as_greeting(std::string_view bytes) {
  const auto hello = read_hello({FrameType::hello, bytes});
  if (!hello) {
    HF_ASSERT(hello.error().code == Code::corrupt);
    return;
  }
  if (!common_version(*hello)) return;
  HF_ASSERT(read_hello({FrameType::hello, encode(*hello)}).value() == *hello);
}

void as_question(std::string_view bytes) {
  const auto question = decode_question(bytes);
  HF_ASSERT(question || question.error().code == Code::corrupt);
  if (question) HF_ASSERT(decode_question(encode(*question)).value() == *question);
}

void as_answer(std::string_view bytes) {
  const auto answer = decode_answer(bytes);
  HF_ASSERT(answer || answer.error().code == Code::corrupt);
  if (answer) HF_ASSERT(decode_answer(encode(*answer)).value() == *answer);
}

// Frames of up to 255 bytes, each behind its length, which also says of which type.
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
    constexpr FrameType types[] = {FrameType::entries, FrameType::part, FrameType::packed};
    if (!inbound.take({types[length % std::size(types)], body})) return;
    while (inbound.stalled()) {
      if (!inbound.retry()) return;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 7) {
    case 0:
      as_report(bytes);
      break;
    case 1:
      as_members(bytes);
      break;
    case 2:
      as_greeting(bytes);
      break;
    case 3:
      as_places(bytes);
      break;
    case 4:
      as_log(bytes);
      break;
    case 5:
      as_question(bytes);
      break;
    default:
      as_answer(bytes);
  }
  return 0;
}
