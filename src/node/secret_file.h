// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "base/error.h"

namespace holdfast::node {

/// The first line of a file that holds a secret and nothing else. kErr, which
/// names `what` it is: it cannot be read, or is shorter than `bytes_min`.
Result<std::string> read_secret_file(const std::string& path, const std::string& what,
                                     std::size_t bytes_min = 1);

/// Writes a file that its owner alone may read, in place of any that is there, and syncs it.
Status write_secret_file(const std::string& path, const std::string& text);

}  // namespace holdfast::node
