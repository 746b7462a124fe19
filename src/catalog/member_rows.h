// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
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

/// What the log is told of nodes that keep caches: CacheKeepers' functions. `number`: 0 where the
/// node begins.
enum class CacheChange : std::uint8_t { begin, end, put_out, forget };
CatalogOperation caches_operation(std::string_view id, CacheChange change, std::uint64_t number);

}  // namespace holdfast
