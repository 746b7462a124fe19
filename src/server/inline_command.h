// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace holdfast::server {

/// Splits an inline command's line into arguments, quoted as redis-cli quotes:
/// "…" with \n \r \t \b \a \xHH \\ \", '…' with \' only, both also inside a
/// word. `room` takes the arguments of a line that has quotes; without any, the
/// views point into the line. False: quotes are not balanced.
bool split_inline(std::string_view line, std::vector<std::string_view>& args, std::string& room);

}  // namespace holdfast::server
