// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "log/file_system.h"

namespace holdfast::node {

/// A node whose state turned out to be another than the cluster's must not
/// serve it again: a file in its data says so until someone removes the data.
void mark_diverged(FileSystem& files, const std::string& data, std::string_view why);
/// kErr when the data are marked.
Status refuse_diverged(FileSystem& files, const std::string& data);

}  // namespace holdfast::node
