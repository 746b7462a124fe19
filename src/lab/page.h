// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace holdfast::lab {

/// The page whole, with its style and scripts within it: src/lab/page/.
std::string page();

}  // namespace holdfast::lab
