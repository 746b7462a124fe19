// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/reply.h"
#include "base/units.h"
#include "catalog/catalog.h"
#include "catalog/function_rows.h"
#include "catalog/keyspace_rows.h"
#include "command/row.h"
#include "table/table.h"

/// The catalog of nodes without an engine. No log orders its changes there, so it
/// is eventual data itself: a keyspace that no client can name holds a hash for
/// each keyspace declared, one field a setting, and CREATE, ALTER and DROP are
/// operations on it like any other, with their ids. What its table says is the
/// catalog. Of two declarations of one name that had not seen each other the later
/// by clock counts, at every node, and what was written to either is in one
/// keyspace, since its id is made of the name. A DROP does not take away what it
/// had not seen. Pure.
namespace holdfast::declarations {

/// The keyspace they lie in; below those whose ids are made of names.
inline constexpr KeyspaceId keyspace_id{Catalog::named_ids_begin - 1};

void create(EventualContext& context, Args args, Reply& reply);
void alter(EventualContext& context, Args args, Reply& reply);
/// The declaration only; what lies in the keyspace was removed before.
void drop(EventualContext& context, Args args, Reply& reply);

// Libraries of functions are fields of their keyspace's hash. Of two sources of one library that
// had not seen each other the later by clock counts.
void load_library(EventualContext& context, Args args, Reply& reply);
void delete_library(EventualContext& context, Args args, Reply& reply);
void flush_libraries(EventualContext& context, Args args, Reply& reply);
void restore_libraries(EventualContext& context, Args args, Reply& reply);
/// Makes the libraries what the table says, of the keyspaces that the catalog knows.
void follow_libraries(Table& table, Instant now, const Catalog& catalog, Libraries& libraries);

/// Makes the catalog what the table says, and tells the host of every difference.
void follow(Table& table, Instant now, Catalog& catalog, CatalogHost& host);

}  // namespace holdfast::declarations
