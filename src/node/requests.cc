// SPDX-License-Identifier: Apache-2.0
#include "node/requests.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "base/limits.h"
#include "catalog/declarations.h"
#include "catalog/permissions.h"
#include "node/cache_side.h"
#include "node/node.h"
#include "node/token.h"
#include "workflow/rows.h"

namespace holdfast::node {
namespace {

using server::Path;
using server::Request;

bool is_exec(const Request& request) {
  return request.row->access == Access::session && request.row->keys.first == 0;
}
bool is_watch(const Request& request) {
  return request.row->access == Access::session && request.row->keys.first != 0;
}

bool has_writes(const Request& request) {
  return std::any_of(
      request.transaction.begin(), request.transaction.end(), [](const server::QueuedCommand& c) {
        return c.row->access == Access::write || c.row->access == Access::message ||
               (c.row->access == Access::function && (c.row->flags & flag_read_only) == 0);
      });
}

Status no_such_keyspace(std::string_view name) {
  return fail(Code::err, fmt::format("no such keyspace '{}'", name));
}

/// A read's commands, owned: kept while it waits for its turn.
struct KeptRead {
  struct Call {
    const Row* row;
    std::vector<std::string> strings;
    std::vector<std::string_view> args;
  };
  std::vector<Call> calls;
  std::shared_ptr<server::WatchSet> watched;

  void add(const Row* row, std::vector<std::string> strings) {
    calls.push_back({row, std::move(strings), {}});
  }
};

void set_views(KeptRead::Call& call) {
  call.args.assign(call.strings.begin(), call.strings.end());
}

}  // namespace

Requests::Requests(Parts parts) : parts_(parts) {}

Result<const Keyspace*> Requests::keyspace_of_keys(const Row& row, Args args) const {
  const Keyspace* keyspace = nullptr;
  Status one;
  const auto take = [&](std::string_view key) {
    const Keyspace& its = parts_.catalog.of_key(key);
    if (keyspace == nullptr) keyspace = &its;
    if (!one) return;
    if (key.size() > limits::key_bytes_max) {
      one = fail(Code::err, fmt::format("a key is longer than {} bytes", limits::key_bytes_max));
    } else if (its.id != keyspace->id) {
      one = fail(Code::cross_keyspace,
                 fmt::format("the keys are in two keyspaces, '{}' and '{}': nothing atomic spans "
                             "keyspaces, a workflow does it in steps",
                             keyspace->name, its.name));
    }
  };
  for_each_key(row, args, take);
  // A count of none, or that is no number: the command says so itself.
  if (keyspace == nullptr) return &parts_.catalog.default_keyspace();
  if (row.keys.among_options) for_each_key_pattern(row, args, take);
  if (!one) return tl::unexpected(one.error());
  return keyspace;
}

Result<const Keyspace*> Requests::keyspace_of_request(const Request& request) const {
  if (!is_exec(request)) return keyspace_of_keys(*request.row, request.args);
  const Keyspace* all = nullptr;
  std::vector<std::string_view> args;
  for (const server::QueuedCommand& command : request.transaction) {
    if (command.row->access == Access::message || command.row->access == Access::session) continue;
    args.assign(command.args.begin(), command.args.end());
    const bool calls = command.row->access == Access::function;
    auto one =
        calls ? keyspace_of_function(*command.row, args) : keyspace_of_keys(*command.row, args);
    if (!one) return one;
    // A script without keys has none of its own: it runs in the transaction's.
    if (calls && (command.row->flags & flag_script) != 0 && keys_of(*command.row, args).empty())
      continue;
    if (all != nullptr && (*one)->id != all->id) {
      return fail(Code::cross_keyspace,
                  fmt::format("the transaction's keys are in two keyspaces, '{}' and '{}'",
                              all->name, (*one)->name));
    }
    all = *one;
  }
  if (request.watched != nullptr) {
    for (const auto& watched : request.watched->keys) {
      const Keyspace& one = parts_.catalog.of_key(watched.key);
      if (all != nullptr && one.id != all->id) {
        return fail(Code::cross_keyspace,
                    fmt::format("a watched key is in keyspace '{}', the transaction's are in '{}'",
                                one.name, all->name));
      }
    }
  }
  if (all != nullptr) return all;
  if (request.watched != nullptr && !request.watched->keys.empty())
    return &parts_.catalog.of_key(request.watched->keys.front().key);
  const bool calls = std::ranges::any_of(
      request.transaction, [](const auto& c) { return c.row->access == Access::function; });
  return calls ? &parts_.catalog.default_keyspace() : keyspace_of_messages(request);
}

// Of what only tells: nothing, where it is of this moment and no operation. With a request id it is
// remembered in the channel's keyspace.
Result<const Keyspace*> Requests::keyspace_of_messages(const Request& request) const {
  const bool alone = request.row->access == Access::message;
  if (request.request_id.empty()) return nullptr;
  if (alone) return &parts_.keyspaces.keyspace_of_channel(request.args[1]);
  const auto message = std::ranges::find_if(
      request.transaction, [](const auto& c) { return c.row->access == Access::message; });
  if (message == request.transaction.end()) return nullptr;
  return &parts_.keyspaces.keyspace_of_channel(message->args[1]);
}

Status Requests::admit(const Keyspace& keyspace, const Request& request, bool writes) const {
  if (!parts_.keyspaces.may_use(keyspace, request.caller))
    return tl::unexpected(not_the_owner(keyspace, request.caller));
  if (keyspace.guarantee == Guarantee::eventual) {
    if (Status s = parts_.node.eventual_ready(); !s) return s;
    const auto refuse = [&](const Row& row) -> Status {
      Error error = unsupported_on_eventual(row);
      error.message += fmt::format(" ('{}' is eventual)", keyspace.name);
      return tl::unexpected(std::move(error));
    };
    if (is_watch(request)) return refuse(*request.row);
    if (request.watched != nullptr && !request.watched->keys.empty())
      return refuse(*parts_.commands.find("WATCH"));
    if ((request.row->flags & flag_strong_only) != 0) return refuse(*request.row);
    if (request.row->access == Access::write && request.row->eventual == nullptr) {
      return refuse(*request.row);
    }
    for (const server::QueuedCommand& command : request.transaction) {
      if (command.row->access == Access::function) {
        return fail(Code::unsupported,
                    fmt::format("{} in a transaction needs a strong keyspace ('{}' is eventual): "
                                "let one function do all of it",
                                command.row->name, keyspace.name));
      }
      const bool refused = command.row->access == Access::write
                               ? command.row->eventual == nullptr
                               : (command.row->flags & flag_strong_only) != 0;
      if (refused) return refuse(*command.row);
    }
  }
  for (const server::QueuedCommand& command : request.transaction) {
    if (Status s = knows_script(*command.row, command.args); !s) return s;
  }
  if (!writes) return {};
  if (keyspace.require_id && request.request_id.empty()) {
    return fail(Code::no_id, fmt::format("keyspace '{}' requires a request id: ONCE <id> {} …",
                                         keyspace.name, request.row->name));
  }
  return {};
}

// `args`: as PUBLISH's.
Status Requests::may_publish(ServiceId caller, Args args) const {
  const Keyspace& keyspace = parts_.keyspaces.keyspace_of_channel(args[1]);
  if (parts_.keyspaces.may_use(keyspace, caller)) return {};
  return tl::unexpected(not_the_owner(keyspace, caller));
}

Status Requests::may_use_channel(ServiceId caller, std::string_view channel,
                                 std::string_view from) const {
  const std::array<std::string_view, 2> args{"SUBSCRIBE", channel};
  Status may = may_publish(caller, args);
  if (!may && !from.empty()) {
    parts_.node.audit().refused(now(), parts_.node.name_of(caller), from, args[0],
                                may.error().message);
  }
  return may;
}

server::Subscriptions& Requests::subscriptions() {
  return parts_.node.messages().subscriptions();
}

server::Tracking& Requests::tracking() {
  return parts_.node.tracking();
}

void Requests::read(const Row& row, Table& table, Instant time, Args args, Reply& reply) {
  table.set_chance(++reads_);
  row.read(table, time, args, reply);
  table.set_chance(0);
}

Result<bool> Requests::may_keep_cache(Monotonic waiting_since) {
  CacheSide* const caches = parts_.node.caches();
  if (caches == nullptr) return true;
  const Monotonic::duration waited =
      waiting_since == Monotonic{} ? Monotonic::duration{} : monotonic() - waiting_since;
  return caches->want(std::chrono::duration_cast<Millis>(waited), parts_.request_timeout,
                      monotonic());
}

void Requests::tracking_changed() {
  parts_.node.tracking_changed();
}

void Requests::subscriptions_changed() {
  if (MeshSide* const mesh = parts_.node.mesh()) mesh->mesh().set_listens(subscriptions().any());
}

Error Requests::not_the_owner(const Keyspace& keyspace, ServiceId caller) const {
  return permissions::not_the_owner(parts_.keyspaces.services(),
                                    parts_.keyspaces.libraries().of(keyspace.id), keyspace, caller);
}

Result<Path> Requests::path_to(const Keyspace& keyspace) const {
  if (keyspace.guarantee == Guarantee::eventual) return Path::eventual;
  if (parts_.node.has_strong()) return Path::strong;
  // It may only not have heard yet of the keyspace that is meant.
  if (Status s = parts_.node.eventual_ready(); !s) return tl::unexpected(s.error());
  return fail(
      Code::unsupported,
      fmt::format("'{}' is a strong keyspace: those need an engine (--engine etcd://…), and "
                  "these nodes have none. Declare an eventual one: KEYSPACE CREATE <name> "
                  "GUARANTEE eventual",
                  keyspace.name));
}

Result<Path> Requests::route(const Request& request) {
  Result<Path> path = decide(request);
  if (!path && path.error().code == Code::no_permission) {
    parts_.node.audit().refused(now(), parts_.node.name_of(request.caller), request.from,
                                request.row->name, path.error().message);
  }
  if (!path && request.row->access == Access::function) count_refused(request);
  return path;
}

Result<Path> Requests::decide(const Request& request) {
  if (!request.after_token.empty()) {
    const auto token = Token::decode(request.after_token);
    if (!token) return fail(Code::err, "AFTER: that is no token of TOKEN's");
    if (!parts_.node.has_seen(*token)) {
      if (request.waiting_since == Monotonic{} ||
          monotonic() - request.waiting_since < parts_.request_timeout)
        return Path::later;
      return fail(Code::unavailable, "this node has not seen what the token stands for");
    }
  }
  switch (request.row->access) {
    case Access::read:
    case Access::write: {
      const auto keyspace = keyspace_of_keys(*request.row, request.args);
      if (!keyspace) return tl::unexpected(keyspace.error());
      const bool writes = request.row->access == Access::write;
      if (Status s = admit(**keyspace, request, writes); !s) return tl::unexpected(s.error());
      return path_to(**keyspace);
    }
    case Access::message: {
      if (Status s = may_publish(request.caller, request.args); !s)
        return tl::unexpected(s.error());
      const auto keyspace = keyspace_of_messages(request);
      if (*keyspace == nullptr) return Path::immediate;
      if (Status s = admit(**keyspace, request, true); !s) return tl::unexpected(s.error());
      return path_to(**keyspace);
    }
    case Access::session: {
      for (const server::QueuedCommand& command : request.transaction) {
        if (command.row->access != Access::message) continue;
        const std::array<std::string_view, 2> args{command.args[0], command.args[1]};
        if (Status s = may_publish(request.caller, args); !s) return tl::unexpected(s.error());
      }
      const auto keyspace = keyspace_of_request(request);
      if (!keyspace) return tl::unexpected(keyspace.error());
      if (*keyspace == nullptr) return Path::immediate;
      if (Status s = admit(**keyspace, request, has_writes(request)); !s) {
        return tl::unexpected(s.error());
      }
      return path_to(**keyspace);
    }
    case Access::ids: {
      const Keyspace* keyspace = parts_.catalog.find(request.args[2]);
      if (keyspace == nullptr) {
        return tl::unexpected(no_such_keyspace(request.args[2]).error());
      }
      if (!parts_.keyspaces.may_use(*keyspace, request.caller))
        return tl::unexpected(not_the_owner(*keyspace, request.caller));
      if (keyspace->guarantee == Guarantee::strong) return path_to(*keyspace);
      if ((request.row->flags & flag_write_ids) != 0) {
        return fail(Code::unsupported,
                    fmt::format("{} needs a strong keyspace, '{}' is eventual: without agreement "
                                "nothing can be settled",
                                request.row->name, keyspace->name));
      }
      return Path::eventual;
    }
    case Access::catalog: {
      if (!parts_.node.has_strong()) {
        if (request.row->eventual != nullptr) {
          if (Status s = parts_.node.eventual_ready(); !s) return tl::unexpected(s.error());
        }
        return Path::eventual;
      }
      if ((request.row->flags & flag_of_keyspace) == 0) return Path::strong;
      const Keyspace* keyspace = parts_.catalog.find(request.args[2]);
      const bool here = keyspace != nullptr && keyspace->guarantee == Guarantee::eventual;
      return here ? Path::eventual : Path::strong;
    }
    case Access::workflow:
      if (parts_.node.has_strong()) return Path::strong;
      return fail(Code::unsupported,
                  "workflows need an engine (--engine etcd://…), and these nodes have none");
    case Access::node:
      if ((request.row->flags & flag_admin) != 0) {
        if (Status s = permissions::check_administers(parts_.keyspaces.services(), request.caller,
                                                      request.row->name);
            !s)
          return tl::unexpected(s.error());
      }
      return Path::immediate;
    case Access::function: {
      const auto keyspace = keyspace_of_function(*request.row, request.args);
      if (!keyspace) return tl::unexpected(keyspace.error());
      if (Status s = admit_function(**keyspace, request); !s) return tl::unexpected(s.error());
      return path_to(**keyspace);
    }
    case Access::wrapper:
      return Path::immediate;
  }
  return Path::immediate;
}

bool Requests::submit(const Request& request, Ticket ticket, Path path, Reply& reply) {
  CommandWatch& watch = parts_.watch;
  if (!watch.times(*request.row)) return submit_now(request, ticket, path, reply);
  const Monotonic began = watch.clock();
  const bool done = submit_now(request, ticket, path, reply);
  watch.ran(*request.row, request.args, request.caller, ticket, began);
  return done;
}

bool Requests::submit_now(const Request& request, Ticket ticket, Path path, Reply& reply) {
  const auto is_script = [](const auto& command) {
    return (command.row->flags & flag_script) != 0;
  };
  if (is_script(request)) return submit_script(request, ticket, path, reply);
  if (std::ranges::any_of(request.transaction, is_script))
    return submit_with_scripts(request, ticket, path, reply);
  return submit_own(request, ticket, path, reply);
}

bool Requests::submit_own(const Request& request, Ticket ticket, Path path, Reply& reply) {
  if (path == Path::immediate) {
    if (request.row->access == Access::node || request.row->access == Access::message)
      return parts_.node.run(request, ticket, reply);
    return publish_all(request, ticket, reply);
  }
  const Keyspace* keyspace = nullptr;
  if (path == Path::eventual && request.row->access == Access::catalog) {
    if (!parts_.node.has_strong() && request.row->eventual != nullptr)
      return declare(request, ticket, reply);
    run_catalog(*request.row, request.caller, request.args, reply);
    return true;
  }
  const bool of_keyspace =
      request.row->access != Access::catalog && request.row->access != Access::workflow;
  if (request.row->access == Access::ids) {
    keyspace = parts_.catalog.find(request.args[2]);
  } else if (request.row->access == Access::function) {
    keyspace = keyspace_of_function(*request.row, request.args).value_or(nullptr);
  } else if (request.row->access == Access::message) {
    keyspace = keyspace_of_messages(request).value_or(nullptr);
  } else if (of_keyspace) {
    keyspace = keyspace_of_request(request).value_or(nullptr);
  }
  if (keyspace == nullptr && of_keyspace) {
    reply.error(keyspace_dropped());  // since it was routed
    return true;
  }
  if (keyspace != nullptr) {
    if (KeyspaceState* state = parts_.keyspaces.find(keyspace->id); state != nullptr)
      state->commands += std::max<std::size_t>(request.transaction.size(), 1);
  }
  const auto grows = [](const Row& row) { return (row.flags & flag_denyoom) != 0; };
  if (over_memory_ &&
      (grows(*request.row) || std::any_of(request.transaction.begin(), request.transaction.end(),
                                          [&](const auto& c) { return grows(*c.row); }))) {
    ++counters_.refused_memory;
    reply.error({Code::busy, "the node's memory limit is reached"});
    return true;
  }
  if (path == Path::strong) return submit_strong(request, keyspace, ticket, reply);
  HF_ASSERT(keyspace != nullptr);
  return submit_eventual(request, *keyspace, ticket, reply);
}

// A transaction of messages, of what needs no keyspace, or of nothing.
bool Requests::publish_all(const Request& request, Ticket ticket, Reply& reply) {
  reply.array(request.transaction.size());
  std::vector<std::string_view> args;
  for (const server::QueuedCommand& command : request.transaction) {
    args.assign(command.args.begin(), command.args.end());
    if (command.row->read != nullptr) {  // it looks at no table
      KeyspaceState* any = parts_.keyspaces.find(parts_.catalog.default_keyspace().id);
      HF_ASSERT(any != nullptr);
      command.row->read(any->table, now(), args, reply);
      continue;
    }
    Request one;
    one.row = command.row;
    one.args = args;
    one.caller = request.caller;
    parts_.node.run(one, ticket, reply);
  }
  return true;
}

bool Requests::submit_strong(const Request& request, const Keyspace* keyspace, Ticket ticket,
                             Reply& reply) {
  const Row& row = *request.row;
  const KeyspaceId id = row.access == Access::workflow ? workflow::current_keyspace
                        : keyspace == nullptr          ? KeyspaceId{0}
                                                       : keyspace->id;
  const Durability durability = keyspace == nullptr ? Durability::always : keyspace->durability;
  const bool writes = row.access == Access::write || row.access == Access::message ||
                      has_writes(request) ||
                      (row.access == Access::function && !only_reads(request, *keyspace)) ||
                      (row.flags & (flag_write_ids | flag_write_catalog)) != 0;
  return writes ? strong_write(request, id, durability, ticket, reply)
                : strong_read(request, id, ticket, reply);
}

bool Requests::declare(const Request& request, Ticket ticket, Reply& reply) {
  if (request.row->eventual == declarations::drop) {
    // What it had seen goes; what others write meanwhile stays, should it be declared again.
    const Keyspace* keyspace = parts_.catalog.find(request.args[2]);
    if (keyspace != nullptr && keyspace->guarantee == Guarantee::eventual)
      parts_.node.clear_eventual(*parts_.keyspaces.find(keyspace->id));
  }
  KeyspaceState& state = parts_.keyspaces.declarations();
  const eventual::Replica::Call call{request.row, request.args};
  const bool done = parts_.eventual.write({.keyspace = state.id,
                                           .caller = request.caller,
                                           .request_id = request.request_id,
                                           .calls = std::span(&call, 1)},
                                          state.durable, ticket, now(), monotonic(), reply);
  parts_.node.follow_declarations();
  return done;
}

void Requests::run_catalog(const Row& row, ServiceId caller, Args args, Reply& reply) {
  CatalogContext context = catalog_for(caller);
  row.catalog(context, args, reply);
}

CatalogContext Requests::catalog_for(ServiceId caller) {
  if (!parts_.node.has_strong()) parts_.node.follow_mesh();
  return {parts_.catalog,
          parts_.keyspaces.members(),
          parts_.keyspaces.services(),
          parts_.keyspaces.libraries(),
          parts_.keyspaces,
          caller,
          parts_.node.strong_time()};
}

bool Requests::strong_write(const Request& request, KeyspaceId keyspace, Durability durability,
                            Ticket ticket, Reply& reply) {
  ++counters_.strong_writes;
  const std::optional<Millis> wait_time = wait_of(*request.row, request.args);
  if (request.row->unchanged != nullptr && request.request_id.empty() &&
      parts_.sequencer.is_current(request.behind)) {
    KeyspaceState* state = parts_.keyspaces.find(keyspace);
    const Instant time = parts_.node.strong_time();
    if (state != nullptr && request.row->unchanged(state->table, time, request.args, reply)) {
      if (!wait_time || !is_null(reply.written())) return true;
      reply.clear();
      return wait(request, keyspace, durability, *wait_time, true, ticket, reply);
    }
  }
  if (wait_time) return wait(request, keyspace, durability, *wait_time, false, ticket, reply);
  strong_calls_.clear();
  watched_.clear();
  const bool transaction = is_exec(request);
  if (transaction) {
    arguments_.clear();
    for (const auto& command : request.transaction) {
      arguments_.insert(arguments_.end(), command.args.begin(), command.args.end());
    }
    std::size_t at = 0;
    for (const auto& command : request.transaction) {
      strong_calls_.push_back({command.row, Args(arguments_).subspan(at, command.args.size())});
      at += command.args.size();
    }
    if (request.watched != nullptr) {
      for (const auto& key : request.watched->keys) watched_.push_back({key.key, key.version});
    }
  } else {
    strong_calls_.push_back({request.row, request.args});
  }
  const Status taken = parts_.sequencer.write({.keyspace = keyspace,
                                               .caller = request.caller,
                                               .request_id = request.request_id,
                                               .calls = strong_calls_,
                                               .transaction = transaction,
                                               .watched = watched_,
                                               .durability = durability},
                                              ticket, monotonic());
  if (taken) return false;
  reply.error(taken.error());
  return true;
}

bool Requests::wait(const Request& request, KeyspaceId keyspace, Durability durability, Millis time,
                    bool tried, Ticket ticket, Reply& reply) {
  const Status taken = parts_.waiting.pops.add({.row = request.row,
                                                .args = {request.args.begin(), request.args.end()},
                                                .request_id = std::string(request.request_id),
                                                .caller = request.caller,
                                                .keyspace = keyspace,
                                                .durability = durability,
                                                .ticket = ticket,
                                                .deadline = parts_.waiting.deadline_after(time)},
                                               tried);
  if (taken) return false;
  reply.error(taken.error());
  return true;
}

void Requests::watch(const Request& request, KeyspaceState& state) {
  for (std::size_t i = 1; i < request.args.size(); ++i) {
    const std::string_view key = request.args[i];
    auto& keys = request.watched->keys;
    const bool known =
        std::any_of(keys.begin(), keys.end(), [&](const auto& k) { return k.key == key; });
    if (!known)
      keys.push_back({std::string(key), state.table.read(key, parts_.node.strong_time()).version});
  }
}

bool Requests::strong_read(const Request& request, KeyspaceId keyspace, Ticket ticket,
                           Reply& reply) {
  ++counters_.strong_reads;
  // The read of one command on the state as it is when it runs.
  const auto run_call = [this, keyspace, caller = request.caller](const Row& row, Args args,
                                                                  Reply& out) {
    if (row.access == Access::catalog) return run_catalog(row, caller, args, out);
    const Instant time = parts_.node.strong_time();
    KeyspaceState* state = parts_.keyspaces.find(keyspace);
    bool moved = false;
    for_each_key(row, args, [&](std::string_view key) {
      moved = moved || !parts_.keyspaces.holds(keyspace, key);
    });
    if (state == nullptr || moved) {
      out.error(moved ? keyspace_made_meanwhile() : keyspace_dropped());
    } else if (row.access == Access::function) {
      read_by_function(row, *state, caller, time, args, out);
    } else if (state->strong.owner.value != 0 && state->strong.owner != caller) {
      out.error(owner_changed());  // since it was routed
    } else if (row.access == Access::workflow) {
      workflow::Context context{parts_.keyspaces.workflows(), {.now = time}, caller, nullptr};
      row.workflow(context, args, out);
    } else if (row.access == Access::ids) {
      IdContext context{state->ids, caller, time};
      row.ids(context, args, out);
    } else if (row.node != nullptr) {
      row.node(parts_.node, caller, args, out);
    } else {
      read(row, state->table, time, args, out);
    }
  };

  if (is_watch(request)) {
    const auto run = [&](Reply& out) {
      KeyspaceState* state = parts_.keyspaces.find(keyspace);
      if (state == nullptr) return out.error(keyspace_dropped());
      watch(request, *state);
      out.ok();
    };
    const auto keep = [&]() -> strong::Sequencer::ReadNow {
      auto kept = std::make_shared<KeptRead>();
      kept->add(request.row, {request.args.begin(), request.args.end()});
      set_views(kept->calls[0]);
      return [this, keyspace, kept, row = request.row, watched = request.watched](Reply& out) {
        KeyspaceState* state = parts_.keyspaces.find(keyspace);
        if (state == nullptr) return out.error(keyspace_dropped());
        Request again;
        again.row = row;
        again.args = kept->calls[0].args;
        again.watched = watched;
        watch(again, *state);
        out.ok();
      };
    };
    return parts_.sequencer.read(request.behind, ticket, monotonic(), reply, run, keep);
  }

  if (!is_exec(request)) {
    const auto run = [&](Reply& out) { run_call(*request.row, request.args, out); };
    if (request.read_mode == server::ReadMode::local && !request.behind) {
      run(reply);
      return true;
    }
    const auto keep = [&]() -> strong::Sequencer::ReadNow {
      auto kept = std::make_shared<KeptRead>();
      kept->add(request.row, {request.args.begin(), request.args.end()});
      set_views(kept->calls[0]);
      return
          [kept, run_call](Reply& out) { run_call(*kept->calls[0].row, kept->calls[0].args, out); };
    };
    return parts_.sequencer.read(request.behind, ticket, monotonic(), reply, run, keep);
  }

  // A transaction that only reads: nothing for the log.
  auto kept = std::make_shared<KeptRead>();
  for (const auto& command : request.transaction) kept->add(command.row, command.args);
  for (auto& call : kept->calls) set_views(call);
  kept->watched = request.watched;
  const auto run_all = [this, kept, run_call, keyspace](Reply& out) {
    KeyspaceState* state = parts_.keyspaces.find(keyspace);
    if (state == nullptr) return out.error(keyspace_dropped());
    if (kept->watched != nullptr) {
      for (const auto& key : kept->watched->keys) {
        if (state->table.read(key.key, parts_.node.strong_time()).version != key.version)
          return out.null_array();
      }
    }
    out.array(kept->calls.size());
    for (const auto& call : kept->calls) run_call(*call.row, call.args, out);
  };
  return parts_.sequencer.read(request.behind, ticket, monotonic(), reply, run_all,
                               [&]() -> strong::Sequencer::ReadNow { return run_all; });
}

Status Requests::fresh_within(Millis allowed) const {
  for (const NodeFacts::Behind& behind : parts_.node.behind()) {
    if (behind.by && *behind.by <= allowed) continue;
    return fail(
        Code::stale,
        behind.by
            ? fmt::format("this node may be {} ms behind '{}'", behind.by->count(), behind.node)
            : fmt::format("how far this node is behind '{}' is not known", behind.node));
  }
  return {};
}

bool Requests::submit_eventual(const Request& request, const Keyspace& keyspace, Ticket ticket,
                               Reply& reply) {
  KeyspaceState* state = parts_.keyspaces.find(keyspace.id);
  HF_ASSERT(state != nullptr);  // the catalog and the states change together
  const Row& row = *request.row;
  const bool reads_by_function = row.access == Access::function && only_reads(request, keyspace);
  if (row.access == Access::read || row.access == Access::ids || reads_by_function) {
    ++counters_.eventual_reads;
    if (request.read_mode == server::ReadMode::fresh) {
      if (Status s = fresh_within(request.fresh_within); !s) {
        reply.error(s.error());
        return true;
      }
    }
    const Instant time = parts_.node.eventual_time();
    if (row.node != nullptr) {
      if (!parts_.node.run(request, ticket, reply)) return false;
    } else if (row.access == Access::read) {
      read(row, state->table, time, request.args, reply);
    } else if (reads_by_function) {
      read_by_function(row, *state, request.caller, time, request.args, reply);
    } else {
      IdContext context{state->ids, request.caller, time};
      row.ids(context, request.args, reply);
    }
    return parts_.eventual.shown(state->durable, ticket, monotonic(), reply);
  }
  ++counters_.eventual_writes;
  eventual_calls_.clear();
  const bool transaction = is_exec(request);
  if (transaction) {
    arguments_.clear();
    for (const auto& command : request.transaction) {
      arguments_.insert(arguments_.end(), command.args.begin(), command.args.end());
    }
    std::size_t at = 0;
    for (const auto& command : request.transaction) {
      eventual_calls_.push_back({command.row, Args(arguments_).subspan(at, command.args.size())});
      at += command.args.size();
    }
  } else {
    eventual_calls_.push_back({request.row, request.args});
  }
  tracking().set_writer(ticket.connection);
  const bool done = parts_.eventual.write({.keyspace = keyspace.id,
                                           .caller = request.caller,
                                           .request_id = request.request_id,
                                           .calls = eventual_calls_,
                                           .transaction = transaction},
                                          state->durable, ticket, now(), monotonic(), reply);
  tracking().set_writer(0);
  parts_.node.messages().settle(state->durable.last_write);
  return done;
}

bool Requests::expect(std::span<const server::Ahead> ahead) {
  // Most strong writes touch nothing before their entry is applied, and the
  // machine looks ahead there by itself.
  std::array<Table*, limits::look_ahead_requests> tables{};
  std::array<std::uint64_t, limits::look_ahead_requests> hashes{};
  std::array<std::string_view, limits::look_ahead_requests> items{};
  bool any = false;
  HF_ASSERT(ahead.size() <= tables.size());
  for (std::size_t i = 0; i < ahead.size(); ++i) {
    const Row* row = ahead[i].key.empty() ? nullptr : parts_.commands.find(ahead[i].name);
    if (row == nullptr || (row->access != Access::read && row->access != Access::write)) continue;
    KeyspaceState* state = parts_.keyspaces.find(parts_.catalog.of_key(ahead[i].key).id);
    if (state->guarantee == Guarantee::strong && row->access == Access::write &&
        row->unchanged == nullptr) {
      continue;
    }
    tables[i] = &state->table;
    any = true;
    hashes[i] = state->table.prefetch(ahead[i].key);
    if (row->has_items()) items[i] = ahead[i].item;
    if (state->guarantee == Guarantee::eventual)
      parts_.node.replica().prefetch(state->id, ahead[i].key);
    if (!ahead[i].request_id.empty() && row->access == Access::write) {
      state->ids.prefetch(make_id_key(ahead[i].caller, ahead[i].request_id));
    }
  }
  for (std::size_t i = 0; i < ahead.size(); ++i) {
    if (tables[i] != nullptr) tables[i]->prefetch_entry(hashes[i]);
  }
  for (std::size_t i = 0; i < ahead.size(); ++i) {
    if (tables[i] != nullptr) tables[i]->prefetch_content(hashes[i]);
  }
  for (std::size_t i = 0; i < ahead.size(); ++i) {
    if (!items[i].empty()) tables[i]->prefetch_item(hashes[i], items[i]);
  }
  return any;
}

Result<ServiceId> Requests::sign_in(std::string_view service, std::string_view token,
                                    std::string_view address) {
  const std::string_view host = address.substr(0, address.rfind(':'));
  if (!failed_sign_ins_.admits(host, monotonic())) {
    return fail(Code::busy, "too many failed sign-ins from this address: wait a minute");
  }
  const Service* const found =
      parts_.keyspaces.services().by_token(hash_of_token(token), parts_.node.strong_time());
  if (found != nullptr && (service.empty() || service == found->name)) return found->id;
  failed_sign_ins_.failed(host, monotonic());
  parts_.node.audit().refused(now(), service, address, "AUTH", "WRONGPASS");
  return fail(Code::wrong_password, "invalid username-password pair or user is disabled.");
}

bool Requests::has_versions(std::string_view key) const {
  return parts_.catalog.of_key(key).guarantee == Guarantee::strong;
}

std::string Requests::token() const {
  return parts_.node.token().encode();
}

void Requests::refresh_time() const {
  wall_ = parts_.environment.wall();
  monotonic_ = parts_.environment.now();
  time_is_fresh_ = true;
}

void Requests::end_of_turn() {
  parts_.node.turn();
}

}  // namespace holdfast::node
