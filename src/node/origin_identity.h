// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "eventual/clock.h"
#include "log/file_system.h"

namespace holdfast::node {

/// How the origin log was found.
struct LogEnd {
  bool closed_cleanly = false;
  bool tail_was_cut = false;
};

struct Incarnation {
  eventual::OriginId origin;
  std::vector<eventual::OriginId> former;  // that came before it, oldest first
};

/// Which incarnation of this node's log goes on: the same one when the end of
/// the log cannot have been lost (nothing was cut off, and it was closed
/// cleanly or the kernel that took its writes is still the one running), else a
/// new one, which is then kept in `path` before this returns. `boot_id` names
/// the running kernel.
Result<Incarnation> settle_origin(FileSystem& files, const std::string& path,
                                  const std::string& node, LogEnd end, const std::string& boot_id,
                                  std::uint64_t random,
                                  const std::optional<std::string>& begun_under = std::nullopt);

/// Before the log is opened, which cuts a damaged end off for good: takes the kernel's
/// identity out of `path` and gives it back, for settle_origin() as `begun_under`. Where
/// the node ends in between, the next start finds none, and goes on under the same name
/// only if the log was closed cleanly.
Result<std::string> begin_origin(FileSystem& files, const std::string& path);

}  // namespace holdfast::node
