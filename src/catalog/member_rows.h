// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "catalog/catalog_operation.h"
#include "catalog/members.h"
#include "command/row.h"

namespace holdfast {

/// NODE LIST, INFO, REMOVE, HELP, and what nodes say of themselves in the log.
std::span<const Row> member_rows();

CatalogOperation join_operation(const Member& member);
CatalogOperation report_operation(std::string_view id, const Members::Report& report);

}  // namespace holdfast
