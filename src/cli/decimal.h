// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace holdfast::cli {

/// A decimal number ("-12.50") times a whole one, exactly. An error where the
/// text is no decimal number or the product is no whole number of 64 bits.
Result<std::int64_t> scale_decimal(std::string_view text, std::int64_t factor);

}  // namespace holdfast::cli
