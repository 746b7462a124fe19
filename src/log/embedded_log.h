// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/error.h"
#include "log/disk_log.h"
#include "log/file_system.h"
#include "log/log.h"

namespace holdfast {

/// The engine `embedded`: the strong log on this machine's disk, for one node.
///
/// An entry is delivered when it is as durable as its append asked: after its
/// sync, or with `everysec` as soon as the kernel has it; never before those
/// appended earlier. While a sync is under way further appends are written,
/// and the next sync covers them all: that is the group commit.
///
/// end() answers at once with the last position delivered. That is enough:
/// this process alone appends, and it acknowledges an append only once it was
/// delivered, so no acknowledged one lies behind that position; what is still
/// on its way to the disk was acknowledged to no one.
///
/// After a failed sync, appends not yet delivered are reported kUnknown, and
/// nothing is taken any more.
///
/// follow() may be given a place that the log does not reach: a checkpoint can
/// include `everysec` entries that a power cut then took from the log. It goes
/// on after the checkpoint.
Result<std::unique_ptr<Log>> open_embedded_log(FileSystem& files, DiskLogOptions options);

/// The same over a log already open.
std::unique_ptr<Log> make_embedded_log(std::unique_ptr<DiskLog> disk);

}  // namespace holdfast
