// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "base/wire.h"
#include "mesh/checkpoint_stream.h"

// Any bytes where a node's are awaited: refused, or a checkpoint whose rows are
// in order. Since hardly any bytes have the right checksum, they are taken a
// second time as bodies that are framed rightly: type, length, body, and so on.
namespace {

using namespace holdfast;        // NOLINT: a program of one file
using namespace holdfast::mesh;  // NOLINT

void read_as_greeting(std::string_view bytes) {
  FrameReader frames(limits::mesh_hello_bytes_max);
  while (!bytes.empty()) {
    const std::span<char> room = frames.room();
    const std::size_t n = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), n);
    bytes.remove_prefix(n);
    frames.received(n);
    const auto frame = frames.next();
    if (!frame) return;
    if (!*frame) continue;
    const auto hello = read_hello(**frame);
    if (!hello || !common_version(*hello)) return;
    FrameWriter writer;
    std::string again;
    put_hello(writer, again, *hello);
    // A length may have been written longer than need be.
    HF_ASSERT(again.size() <= frame_head_bytes + (*frame)->body.size() + frame_tail_bytes);
    return;
  }
}

/// What a reader made of it; the rows, sent again, are read as the same.
void read_as_checkpoint(std::string_view bytes, std::size_t step) {
  std::string again;
  CheckpointWriter writer([&again](std::string_view frame) {
    again.append(frame);
    return Status();
  });
  const Status began = writer.begin({});
  HF_ASSERT(began);
  CheckpointReader reader([&writer](Family family, std::string_view key, std::string_view value) {
    return writer.row(family, key, value);
  });
  while (!bytes.empty()) {
    const std::span<char> room = reader.room();
    const std::size_t n = std::min({room.size(), bytes.size(), step});
    std::memcpy(room.data(), bytes.data(), n);
    bytes.remove_prefix(n);
    if (!reader.received(n)) return;
  }
  if (!reader.ended()) return;
  HF_ASSERT(writer.end());
  CheckpointReader second([](Family, std::string_view, std::string_view) { return Status(); });
  std::string_view left = again;
  while (!left.empty()) {
    const std::span<char> room = second.room();
    const std::size_t n = std::min(room.size(), left.size());
    std::memcpy(room.data(), left.data(), n);
    left.remove_prefix(n);
    HF_ASSERT(second.received(n));
  }
  HF_ASSERT(second.ended() && second.totals() == reader.totals());
}

std::string framed(std::string_view bytes) {
  FrameWriter writer;
  std::string out;
  wire::Reader in(bytes);
  while (!in.at_end()) {
    const auto type = static_cast<FrameType>(in.u8());
    const std::uint64_t length = in.varint();
    const std::string_view body =
        in.raw(std::min<std::uint64_t>({length, in.remaining(), limits::mesh_frame_bytes_max}));
    if (!in.ok()) break;
    writer.put(out, type, body);
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string rightly = framed(bytes);
  for (const std::string_view input : {bytes, std::string_view(rightly)}) {
    read_as_greeting(input);
    read_as_checkpoint(input, input.size() % 7 + 1);
    read_as_checkpoint(input, input.size() + 1);
  }
  return 0;
}
