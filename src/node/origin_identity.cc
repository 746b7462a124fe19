// SPDX-License-Identifier: Apache-2.0
#include "node/origin_identity.h"

#include <fmt/format.h>

#include <utility>

#include "base/checksum.h"
#include "base/logging.h"
#include "base/wire.h"
#include "log/small_file.h"

namespace holdfast::node {
namespace {

constexpr std::uint8_t version = 2;

struct Stored {
  Incarnation incarnation;
  std::string boot_id;
  std::string node;
};

std::string encode(const Stored& stored) {
  std::string bytes;
  wire::put_u8(bytes, version);
  wire::put_u64(bytes, stored.incarnation.origin.value);
  wire::put_bytes(bytes, stored.boot_id);
  wire::put_bytes(bytes, stored.node);
  wire::put_varint(bytes, stored.incarnation.former.size());
  for (const eventual::OriginId origin : stored.incarnation.former)
    wire::put_u64(bytes, origin.value);
  return bytes;
}

Result<Stored> decode(const std::string& path, std::string_view bytes) {
  wire::Reader in(bytes);
  const std::uint8_t found = in.u8();
  Stored stored;
  stored.incarnation.origin.value = in.u64();
  stored.boot_id = in.bytes();
  stored.node = in.bytes();
  for (std::uint64_t n = in.varint(); n > 0 && in.ok(); --n)
    stored.incarnation.former.push_back({in.u64()});
  if (found != version || !in.ok() || !in.at_end())
    return fail(Code::corrupt, fmt::format("{} is damaged", path));
  return stored;
}

}  // namespace

Result<Incarnation> settle_origin(FileSystem& files, const std::string& path,
                                  const std::string& node, LogEnd end, const std::string& boot_id,
                                  std::uint64_t random,
                                  const std::optional<std::string>& begun_under) {
  const auto bytes = read_small_file(files, path);
  if (!bytes) return tl::unexpected(bytes.error());
  const eventual::OriginId anew{hash128(node, random).low | 1};  // never 0
  Stored now{.incarnation = {.origin = anew, .former = {}}, .boot_id = boot_id, .node = node};
  if (!bytes->empty()) {
    auto before = decode(path, *bytes);
    if (!before) return tl::unexpected(before.error());
    if (before->node != node) {
      return fail(Code::err, fmt::format("the data belongs to node '{}', this is node '{}'",
                                         before->node, node));
    }
    now.incarnation = std::move(before->incarnation);
    // What the kernel was given outlives the process, not the kernel.
    const bool same_kernel = !boot_id.empty() && begun_under.value_or(before->boot_id) == boot_id;
    const bool kept = !end.tail_was_cut && (end.closed_cleanly || same_kernel);
    if (kept && before->boot_id == boot_id) return now.incarnation;
    if (!kept) {
      logging::warning(
          "the end of the origin log may be lost: going on as a new incarnation of this node");
      now.incarnation.former.push_back(std::exchange(now.incarnation.origin, anew));
    }
  }
  if (Status s = replace_small_file(files, path, encode(now)); !s) return tl::unexpected(s.error());
  return now.incarnation;
}

Result<std::string> begin_origin(FileSystem& files, const std::string& path) {
  const auto bytes = read_small_file(files, path);
  if (!bytes) return tl::unexpected(bytes.error());
  if (bytes->empty()) return std::string();
  auto stored = decode(path, *bytes);
  if (!stored) return tl::unexpected(stored.error());
  std::string boot_id = std::exchange(stored->boot_id, {});
  if (boot_id.empty()) return boot_id;
  // On a full disk a node starts all the same: there the file stays as it was.
  const Status marked = replace_small_file(files, path, encode(*stored));
  if (!marked && marked.error().code != Code::no_space) return tl::unexpected(marked.error());
  return boot_id;
}

}  // namespace holdfast::node
