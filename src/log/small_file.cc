// SPDX-License-Identifier: Apache-2.0
#include "log/small_file.h"

#include <algorithm>

#include "base/checksum.h"
#include "base/units.h"
#include "base/wire.h"

namespace holdfast {
namespace {

constexpr std::size_t bytes_max = 64_KiB;
constexpr std::size_t checksum_bytes = 8;

}  // namespace

Status replace_small_file(FileSystem& files, const std::string& path, std::string_view bytes) {
  const std::string aside = path + ".new";
  auto file = files.open(aside, true);
  if (!file) return tl::unexpected(file.error());
  std::string all(bytes);
  wire::put_u64(all, checksum(bytes));
  if (Status s = (*file)->truncate(0); !s) return s;
  if (Status s = (*file)->write_at(0, all); !s) return s;
  if (Status s = (*file)->sync(); !s) return s;
  if (Status s = files.rename(aside, path); !s) return s;
  return files.sync_directory(path.substr(0, path.rfind('/')));
}

Result<std::string> read_small_file(FileSystem& files, const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const auto names = files.list(path.substr(0, slash));
  if (!names) return tl::unexpected(names.error());
  if (std::ranges::find(*names, path.substr(slash + 1)) == names->end()) return std::string();
  auto file = files.open(path, false);
  if (!file) return tl::unexpected(file.error());
  auto bytes = (*file)->read_at(0, bytes_max);
  if (!bytes) return bytes;
  if (bytes->size() < checksum_bytes) return fail(Code::corrupt, path + " is damaged");
  const std::string_view body = std::string_view(*bytes).substr(0, bytes->size() - checksum_bytes);
  if (wire::Reader(std::string_view(*bytes).substr(body.size())).u64() != checksum(body))
    return fail(Code::corrupt, path + " is damaged");
  bytes->resize(body.size());
  return bytes;
}

}  // namespace holdfast
