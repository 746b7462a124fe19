// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "log/file_system.h"

namespace holdfast {

/// Makes the file hold just these bytes and a checksum of them. Whatever happens
/// meanwhile it holds what it did or this; on disk when it returns.
Status replace_small_file(FileSystem& files, const std::string& path, std::string_view bytes);

/// What replace_small_file() put there; empty when there is no file. kCorrupt: it
/// is damaged. For files of some kilobytes.
Result<std::string> read_small_file(FileSystem& files, const std::string& path);

}  // namespace holdfast
