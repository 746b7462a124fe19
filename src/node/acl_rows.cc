// SPDX-License-Identifier: Apache-2.0
// Services in the words of Redis' ACL, as far as those tell the truth: who there is, not what each
// may do, which is a matter of keyspaces' owners.
#include "node/acl_rows.h"

#include <absl/strings/match.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <vector>

#include "command/parse.h"
#include "node/node.h"
#include "node/node_row.h"
#include "server/command_facts.h"

namespace holdfast::node {
namespace {

constexpr std::string_view nobody = "default";  // while no service is declared everybody is that

std::vector<std::string> users(Node& node) {
  std::vector<std::string> names;
  for (const Service* service : node.keyspaces().services().all()) names.push_back(service->name);
  if (names.empty()) names.emplace_back(nobody);
  return names;
}

bool must_sign_in(Node& node) {
  return !node.keyspaces().services().empty();
}

void whoami(Node& node, ServiceId caller, Args, Reply& reply) {
  const std::string_view name = node.name_of(caller);
  reply.bulk(name.empty() ? nobody : name);
}

void list_users(Node& node, ServiceId, Args, Reply& reply) {
  const auto names = users(node);
  reply.array(names.size());
  for (const std::string& name : names) reply.bulk(name);
}

void list(Node& node, ServiceId, Args, Reply& reply) {
  const auto names = users(node);
  reply.array(names.size());
  for (const std::string& name : names) {
    reply.bulk(fmt::format("user {} on {}~* &* +@all", name, must_sign_in(node) ? "" : "nopass "));
  }
}

void getuser(Node& node, ServiceId, Args args, Reply& reply) {
  const auto names = users(node);
  if (std::ranges::find(names, args[2]) == names.end()) return reply.null();
  reply.map(6);
  reply.bulk("flags");
  reply.set(must_sign_in(node) ? 1 : 2);
  reply.bulk("on");
  if (!must_sign_in(node)) reply.bulk("nopass");
  reply.bulk("passwords");
  reply.array(0);
  reply.bulk("commands");
  reply.bulk("+@all");
  reply.bulk("keys");
  reply.bulk("~*");
  reply.bulk("channels");
  reply.bulk("&*");
  reply.bulk("selectors");
  reply.array(0);
}

void cat(Node& node, ServiceId, Args args, Reply& reply) {
  if (args.size() > 3) {
    return reply.error({Code::err, "wrong number of arguments for 'acl|cat' command"});
  }
  std::set<std::string> found;
  const std::string wanted = args.size() == 3 ? fmt::format("@{}", args[2]) : "";
  bool known = false;
  for (const Row* row : node.commands().rows()) {
    for (const std::string_view category : server::categories_of(*row)) {
      if (wanted.empty()) found.emplace(category.substr(1));
      if (!absl::EqualsIgnoreCase({category.data(), category.size()}, wanted)) continue;
      known = true;
      found.insert(command::redis_name(row->name));
    }
  }
  if (!wanted.empty() && !known) {
    return reply.error({Code::err, fmt::format("Unknown category '{}'", args[2])});
  }
  reply.array(found.size());
  for (const std::string& name : found) reply.bulk(name);
}

void refuse(Node&, ServiceId, Args, Reply& reply) {
  reply.error({Code::unsupported,
               "users are services: SERVICE CREATE, ROTATE and DROP declare them, and KEYSPACE "
               "CREATE … OWNER says whose data is whose"});
}

constexpr Row row(std::string_view name, int arity, NodeFunction function, std::string_view syntax,
                  std::string_view summary, std::uint32_t flags = flag_none) {
  return node_row(name, arity, function, syntax, summary, "O(services)",
                  flags | flag_noscript | flag_loading);
}

constexpr std::array rows{
    row("ACL WHOAMI", 2, whoami, "", "The service that this connection has signed in as"),
    row("ACL USERS", 2, list_users, "", "The services", flag_admin),
    row("ACL LIST", 2, list, "", "The services, as Redis writes users", flag_admin),
    row("ACL GETUSER", 3, getuser, "username", "A service, as Redis tells of a user", flag_admin),
    row("ACL CAT", -2, cat, "[category]", "Categories of commands, or the commands of one"),
    row("ACL SETUSER", -3, refuse, "username [rule ...]", "Refused: SERVICE declares who there is",
        flag_admin),
    row("ACL DELUSER", -3, refuse, "username [username ...]",
        "Refused: SERVICE declares who there is", flag_admin),
    row("ACL HELP", 2, help_of_subcommands, "", "The subcommands of ACL"),
};

}  // namespace

std::span<const Row> acl_rows() {
  return rows;
}

}  // namespace holdfast::node
