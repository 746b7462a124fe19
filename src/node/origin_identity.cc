// SPDX-License-Identifier: Apache-2.0
#include "node/origin_identity.h"

#include <fmt/format.h>

#include <fstream>

#include "base/checksum.h"
#include "base/logging.h"
#include "base/wire.h"

namespace holdfast::node {
namespace {

constexpr std::uint8_t version = 1;
constexpr std::size_t file_bytes_max = 4'096;

struct Stored {
  eventual::OriginId origin;
  std::string boot_id;
  std::string node;
};

std::string encode(const Stored& stored) {
  std::string bytes;
  wire::put_u8(bytes, version);
  wire::put_u64(bytes, stored.origin.value);
  wire::put_bytes(bytes, stored.boot_id);
  wire::put_bytes(bytes, stored.node);
  wire::put_u64(bytes, checksum(bytes));
  return bytes;
}

Result<Stored> decode(const std::string& path, std::string_view bytes) {
  const auto damaged = [&] { return fail(Code::corrupt, fmt::format("{} is damaged", path)); };
  if (bytes.size() < 8) return damaged();
  const std::string_view body = bytes.substr(0, bytes.size() - 8);
  if (wire::Reader(bytes.substr(body.size())).u64() != checksum(body)) return damaged();
  wire::Reader in(body);
  if (in.u8() != version) return damaged();
  Stored stored;
  stored.origin.value = in.u64();
  stored.boot_id = in.bytes();
  stored.node = in.bytes();
  if (!in.ok() || !in.at_end()) return damaged();
  return stored;
}

Status store(FileSystem& files, const std::string& path, const Stored& stored) {
  const std::string aside = path + ".new";
  auto file = files.open(aside, true);
  if (!file) return tl::unexpected(file.error());
  const std::string bytes = encode(stored);
  if (Status s = (*file)->truncate(0); !s) return s;
  if (Status s = (*file)->write_at(0, bytes); !s) return s;
  if (Status s = (*file)->sync(); !s) return s;
  if (Status s = files.rename(aside, path); !s) return s;
  return files.sync_directory(path.substr(0, path.rfind('/')));
}

Result<std::string> read(FileSystem& files, const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const auto names = files.list(path.substr(0, slash));
  if (!names) return tl::unexpected(names.error());
  const std::string name = path.substr(slash + 1);
  if (std::find(names->begin(), names->end(), name) == names->end()) return std::string();
  auto file = files.open(path, false);
  if (!file) return tl::unexpected(file.error());
  return (*file)->read_at(0, file_bytes_max);
}

}  // namespace

Result<eventual::OriginId> settle_origin(FileSystem& files, const std::string& path,
                                         const std::string& node, LogEnd end,
                                         const std::string& boot_id, std::uint64_t random) {
  const auto bytes = read(files, path);
  if (!bytes) return tl::unexpected(bytes.error());
  Stored now{.boot_id = boot_id, .node = node};
  if (!bytes->empty()) {
    const auto before = decode(path, *bytes);
    if (!before) return tl::unexpected(before.error());
    if (before->node != node) {
      return fail(Code::err, fmt::format("the data belongs to node '{}', this is node '{}'",
                                         before->node, node));
    }
    // What the kernel was given outlives the process, not the kernel.
    const bool same_kernel = !boot_id.empty() && before->boot_id == boot_id;
    const bool kept = !end.tail_was_cut && (end.closed_cleanly || same_kernel);
    if (kept) now.origin = before->origin;
    if (kept && before->boot_id == boot_id) return now.origin;
    if (!kept) {
      logging::warning(
          "the end of the origin log may be lost: going on as a new incarnation of this node");
    }
  }
  if (now.origin.value == 0) {
    now.origin.value = hash128(node, random).low | 1;  // never 0
  }
  if (Status s = store(files, path, now); !s) return tl::unexpected(s.error());
  return now.origin;
}

std::string kernel_boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

}  // namespace holdfast::node
