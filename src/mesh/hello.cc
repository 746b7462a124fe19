// SPDX-License-Identifier: Apache-2.0
#include "mesh/hello.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/limits.h"
#include "base/wire.h"
#include "mesh/secret.h"

namespace holdfast::mesh {
namespace {

enum HelloFlags : std::uint8_t { has_no_data = 1 << 0, id_is_taken = 1 << 1 };

bool is_name(std::string_view text, std::size_t bytes_max) {
  return text.size() <= bytes_max && printable(text) == text;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string shown(text);
  for (char& c : shown) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  return shown;
}

std::string encode(const Hello& hello) {
  std::string body;
  wire::put_u8(body, hello.version);
  wire::put_u8(body, hello.oldest);
  wire::put_u8(body, static_cast<std::uint8_t>(hello.purpose));
  wire::put_bytes(body, hello.cluster);
  wire::put_bytes(body, hello.node);
  wire::put_u64(body, hello.origin);
  wire::put_bytes(body, hello.nonce);
  std::uint8_t flags = hello.has_data ? 0 : has_no_data;
  if (hello.id_is_taken) flags |= id_is_taken;
  wire::put_u8(body, flags);
  wire::put_bytes(body, hello.address);
  wire::put_u64(body, hello.since);
  wire::put_u64(body, hello.has_of_you);
  return body;
}

void put_hello(FrameWriter& writer, std::string& out, const Hello& hello) {
  writer.put(out, FrameType::hello, encode(hello));
}

Result<Hello> read_hello(const Frame& frame) {
  if (frame.type != FrameType::hello)
    return fail(Code::corrupt, "the connection does not begin with a greeting");
  wire::Reader in(frame.body);
  Hello hello;
  hello.version = in.u8();
  hello.oldest = in.u8();
  if (in.ok() && hello.oldest > protocol_version) return hello;
  const std::uint8_t purpose = in.u8();
  hello.cluster = in.bytes();
  hello.node = in.bytes();
  hello.origin = in.u64();
  hello.nonce = in.bytes();
  const std::uint8_t flags = in.u8();
  hello.has_data = (flags & has_no_data) == 0;
  hello.id_is_taken = (flags & id_is_taken) != 0;
  hello.address = in.bytes();
  hello.since = in.u64();
  hello.has_of_you = in.u64();
  const bool newer = hello.version > protocol_version;  // it may say more
  if (!in.ok() || (!newer && !in.at_end()) || hello.oldest > hello.version ||
      purpose < static_cast<std::uint8_t>(Purpose::checkpoint) ||
      purpose > static_cast<std::uint8_t>(Purpose::probe) ||
      !is_name(hello.cluster, limits::mesh_name_bytes_max) ||
      !is_name(hello.node, limits::mesh_name_bytes_max) ||
      !is_name(hello.address, limits::member_address_bytes_max) ||
      (!hello.nonce.empty() && hello.nonce.size() != nonce_bytes)) {
    return fail(Code::corrupt, "a malformed greeting");
  }
  hello.purpose = static_cast<Purpose>(purpose);
  return hello;
}

Result<std::uint8_t> common_version(const Hello& hello, std::uint8_t newest) {
  if (hello.oldest > newest || hello.version < protocol_version_oldest) {
    return fail(Code::err,
                fmt::format("this node speaks versions {} to {} of the protocol, not {} to {}",
                            protocol_version_oldest, newest, hello.oldest, hello.version));
  }
  return std::min(hello.version, newest);
}

}  // namespace holdfast::mesh
