// SPDX-License-Identifier: Apache-2.0
// Requests, as far as they are about functions and scripts.
#include <fmt/format.h>

#include "catalog/permissions.h"
#include "node/node.h"
#include "node/requests.h"

namespace holdfast::node {

using server::Path;
using server::Request;

Result<const Keyspace*> Requests::keyspace_of_function(const Row& row, Args args) const {
  if (Status s = function::check_call(args); !s) return tl::unexpected(s.error());
  const bool script = (row.flags & flag_script) != 0;
  const Keyspace* keyspace = nullptr;
  if (!script) {
    keyspace = parts_.catalog.find(function::parse_name(args[1]).keyspace);
    if (keyspace == nullptr) return fail(Code::err, "Function not found");
  }
  Status own;
  for_each_key(row, args, [&](std::string_view key) {
    const Keyspace& one = parts_.catalog.of_key(key);
    if (keyspace == nullptr) keyspace = &one;  // a script's, that of its first key
    if (own && one.id != keyspace->id) {
      own = fail(
          Code::cross_keyspace,
          fmt::format("a function or script has one keyspace: this is of '{}', a key is in '{}'",
                      keyspace->name, one.name));
    }
  });
  if (!own) return tl::unexpected(own.error());
  return keyspace == nullptr ? &parts_.catalog.default_keyspace() : keyspace;
}

std::optional<function::Functions::Found> Requests::function_of(const Keyspace& keyspace,
                                                                Args args) const {
  return parts_.keyspaces.libraries().of(keyspace.id).find(function::parse_name(args[1]).function);
}

bool Requests::only_reads(const Request& request, const Keyspace& keyspace) const {
  if ((request.row->flags & flag_read_only) != 0) return true;
  if ((request.row->flags & flag_script) != 0) return false;
  const auto found = function_of(keyspace, request.args);
  return request.request_id.empty() && found && found->function.no_writes;
}

// Where the function is not known here, the log says whether there is one: this node may be behind.
Status Requests::admit_function(const Keyspace& keyspace, const Request& request) const {
  const bool script = (request.row->flags & flag_script) != 0;
  if (script) {
    if (keyspace.guarantee == Guarantee::eventual)
      return tl::unexpected(unsupported_on_eventual(*request.row));
    if (Status s = knows_script(*request.row, request.args); !s) return s;
    return admit(keyspace, request, (request.row->flags & flag_read_only) == 0);
  }
  if (!parts_.keyspaces.may_use(keyspace, request.caller)) {
    const auto found = function_of(keyspace, request.args);
    if (!found ||
        !function::is_for(found->function, parts_.keyspaces.service_name(request.caller))) {
      return tl::unexpected(permissions::not_published(
          parts_.keyspaces.services(), parts_.keyspaces.libraries().of(keyspace.id), keyspace,
          request.caller, function::parse_name(request.args[1]).function));
    }
  }
  if (keyspace.guarantee == Guarantee::eventual) {
    if (Status s = parts_.node.eventual_ready(); !s) return s;
  }
  if (keyspace.require_id && request.request_id.empty() && !only_reads(request, keyspace)) {
    return fail(Code::no_id, fmt::format("keyspace '{}' requires a request id: ONCE <id> {} …",
                                         keyspace.name, request.row->name));
  }
  return {};
}

// Of those that there are only: what callers make up is not to be remembered.
void Requests::count_refused(const Request& request) {
  if ((request.row->flags & flag_script) != 0) return;
  const auto keyspace = keyspace_of_function(*request.row, request.args);
  if (keyspace && function_of(**keyspace, request.args))
    parts_.watch.calls().refused(request.caller, request.args[1]);
}

void Requests::read_by_function(const Row& row, KeyspaceState& state, ServiceId caller,
                                Instant time, Args args, Reply& reply) {
  function::Surroundings on{
      .commands = parts_.commands,
      .table = state.table,
      .now = time,
      .seed = static_cast<std::uint64_t>(to_ms(time)),
      .caller = parts_.keyspaces.service_name(caller),
      .read_only = true,
      .holds = [this,
                id = state.id](std::string_view key) { return parts_.keyspaces.is_of(id, key); },
      .write = nullptr};
  if ((row.flags & flag_script) != 0) return function::eval(scripts_, std::move(on), args, reply);
  const std::size_t start = reply.written().size();
  function::call(*state.strong.functions, std::move(on), args, reply);
  const std::string_view name = function::parse_name(args[1]).function;
  if (state.strong.functions->find(name))
    parts_.watch.called(caller, args[1], reply.written().substr(start).starts_with('-'));
}

// What goes on is the script itself: the log does not know what this node remembers.
bool Requests::submit_script(const Request& request, Ticket ticket, Path path, Reply& reply) {
  if ((request.row->flags & flag_script_by_sha1) == 0) {
    script_texts_.remember(request.args[1]);
    return submit_own(request, ticket, path, reply);
  }
  if (Status s = knows_script(*request.row, request.args); !s) {
    reply.error(s.error());
    return true;
  }
  std::vector<std::string_view> args(request.args.begin(), request.args.end());
  args[1] = *script_texts_.find(args[1]);
  Request itself = request;
  itself.row = &by_text(*request.row);
  args[0] = itself.row->name;
  itself.args = args;
  return submit_own(itself, ticket, path, reply);
}

bool Requests::submit_with_scripts(const Request& request, Ticket ticket, Path path, Reply& reply) {
  std::vector<server::QueuedCommand> commands(request.transaction.begin(),
                                              request.transaction.end());
  for (server::QueuedCommand& command : commands) {
    if ((command.row->flags & flag_script) == 0) continue;
    if (Status s = knows_script(*command.row, command.args); !s) {
      reply.error(s.error());
      return true;
    }
    if ((command.row->flags & flag_script_by_sha1) != 0) {
      command.args[1] = *script_texts_.find(command.args[1]);
      command.row = &by_text(*command.row);
      command.args[0] = command.row->name;
    } else {
      script_texts_.remember(command.args[1]);
    }
  }
  Request itself = request;
  itself.transaction = commands;
  return submit_own(itself, ticket, path, reply);
}

const Row& Requests::by_text(const Row& by_sha1) const {
  return *parts_.commands.find((by_sha1.flags & flag_read_only) != 0 ? "EVAL_RO" : "EVAL");
}

}  // namespace holdfast::node
