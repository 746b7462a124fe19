// SPDX-License-Identifier: Apache-2.0
#include "node/command_table.h"

#include "catalog/function_rows.h"
#include "catalog/keyspace_rows.h"
#include "catalog/member_rows.h"
#include "catalog/service_rows.h"
#include "function/scripts.h"
#include "node/acl_rows.h"
#include "node/debug_rows.h"
#include "node/explain_rows.h"
#include "node/latency_rows.h"
#include "node/message_rows.h"
#include "node/node_rows.h"
#include "node/process_rows.h"
#include "node/replica_rows.h"
#include "node/script_rows.h"
#include "node/service_tokens.h"
#include "node/slow_rows.h"
#include "server/session_rows.h"
#include "workflow/rows.h"

namespace holdfast::node {

std::unique_ptr<CommandTable> make_command_table() {
  return std::make_unique<CommandTable>(
      std::initializer_list<std::span<const Row>>{string_rows(),
                                                  hash_rows(),
                                                  set_rows(),
                                                  sorted_set_rows(),
                                                  list_rows(),
                                                  key_rows(),
                                                  version_rows(),
                                                  id_rows(),
                                                  keyspace_rows(),
                                                  member_rows(),
                                                  service_rows(),
                                                  function_rows(),
                                                  function::call_rows(),
                                                  function::script_rows(),
                                                  workflow::rows(),
                                                  script_rows(),
                                                  service_token_rows(),
                                                  server::session_rows(),
                                                  node_rows(),
                                                  process_rows(),
                                                  debug_rows(),
                                                  replica_rows(),
                                                  acl_rows(),
                                                  slow_rows(),
                                                  message_rows(),
                                                  latency_rows(),
                                                  explain_rows()});
}

}  // namespace holdfast::node
