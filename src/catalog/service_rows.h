// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "base/units.h"
#include "catalog/catalog_operation.h"
#include "catalog/tokens.h"
#include "command/row.h"

namespace holdfast {

/// SERVICE LIST, INFO, DROP, HELP, and what goes into the log of the commands
/// that draw a token (node/service_tokens.h): its hash alone.
std::span<const Row> service_rows();

CatalogOperation add_service(std::string_view name, bool administers, const TokenHash& token);
CatalogOperation renew_service(std::string_view name, const TokenHash& token, Millis overlap);

}  // namespace holdfast
