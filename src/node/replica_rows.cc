// SPDX-License-Identifier: Apache-2.0
// What clients of Redis ask about replicas and clusters of it.
#include "node/replica_rows.h"

#include <absl/strings/match.h>

#include <array>
#include <set>
#include <string>

#include "node/node.h"
#include "node/node_row.h"
#include "value/value.h"

namespace holdfast::node {
namespace {

bool same(std::string_view a, std::string_view b) {
  return absl::EqualsIgnoreCase({a.data(), a.size()}, {b.data(), b.size()});
}

// What a connection has written here, and where that lies.
struct Written {
  std::optional<Position> strong;
  std::optional<eventual::Dot> eventual;
};

Written written_by_caller(Node& node) {
  Written written;
  if (node.running().wrote_strong) written.strong = node.machine().applied();
  if (node.running().wrote_eventual && node.mesh() != nullptr) {
    const eventual::OriginId self = node.mesh()->replication().holdings().self().origin;
    written.eventual = eventual::Dot{self, node.replica().merged().at(self)};
  }
  return written;
}

// How many other nodes have said that all of it is on their disk.
std::int64_t nodes_that_have(Node& node, const Written& written) {
  std::set<std::string> others;
  for (const auto& [id, member] : node.keyspaces().members().all()) others.insert(id);
  for (const std::string& other : node.other_nodes()) others.insert(other);
  others.erase(node.options().node);
  std::int64_t count = 0;
  for (const std::string& other : others) {
    bool has = true;
    if (written.strong) {
      const Member* const member = node.keyspaces().members().find(other);
      has = member != nullptr && member->durable >= *written.strong;
    }
    if (has && written.eventual) {
      const auto& holdings = node.mesh()->replication().holdings().all();
      const auto found = holdings.find(other);
      has = found != holdings.end() && found->second.disk.includes(*written.eventual);
    }
    count += has ? 1 : 0;
  }
  return count;
}

void wait(Node& node, ServiceId, Args args, Reply& reply) {
  const auto wanted = parse_integer(args[1]);
  if (!wanted) return reply.error({Code::err, "value is not an integer or out of range"});
  const auto ms = parse_integer(args[2]);
  if (!ms) return reply.error({Code::err, "timeout is not an integer or out of range"});
  if (*ms < 0) return reply.error({Code::err, "timeout is negative"});
  const Written written = written_by_caller(node);
  const auto attempt = [&node, written, wanted = *wanted](bool over, Reply& answer) {
    const std::int64_t count = nodes_that_have(node, written);
    if (count < wanted && !over) return false;
    answer.integer(count);
    return true;
  };
  if (attempt(false, reply)) return;
  const std::optional<Millis> time = *ms == 0 ? std::nullopt : std::optional(Millis(*ms));
  if (Status waits = node.wait(time, attempt); !waits) reply.error(waits.error());
}

// As a Redis that nobody replicates: clients write where they are.
void role(Node& node, ServiceId, Args, Reply& reply) {
  reply.array(3);
  reply.bulk("master");
  reply.integer(static_cast<std::int64_t>(node.machine().applied().value));
  reply.array(0);
}

void replicaof(Node&, ServiceId, Args args, Reply& reply) {
  if (same(args[1], "NO") && same(args[2], "ONE")) return reply.ok();
  reply.error({Code::unsupported,
               "a node follows no other: --engine and --peers say which nodes are one cluster"});
}

void failover(Node&, ServiceId, Args, Reply& reply) {
  reply.error({Code::err, "FAILOVER requires connected replicas."});
}

void no_cluster(Node&, ServiceId, Args, Reply& reply) {
  reply.error({Code::err, "This instance has cluster support disabled"});
}

constexpr Row row(std::string_view name, int arity, NodeFunction function, std::string_view syntax,
                  std::string_view summary, std::string_view group,
                  std::uint32_t flags = flag_none) {
  return node_row(name, arity, function, syntax, summary, "O(nodes)", flags, group);
}

constexpr std::uint32_t usual = flag_loading | flag_fast;

// What clients ask before they see that this is no cluster.
constexpr Row asked(std::string_view name, int arity, std::string_view syntax,
                    std::uint32_t flags = flag_none) {
  return row(name, arity, no_cluster, syntax,
             "Refused, as by a Redis that is no cluster; NODE tells of ours", "cluster", flags);
}

constexpr std::array rows{
    row("WAIT", 3, wait, "numreplicas timeout",
        "Until so many other nodes have told that all that this connection wrote is on their disk, "
        "or for so many milliseconds (0: for ever); replies how many. Of strong keyspaces that is "
        "with a node's next checkpoint: what was acknowledged is safe with the engine before",
        "generic", flag_noscript),
    row("ROLE", 1, role, "", "master: clients write where they are", "server",
        usual | flag_noscript),
    row("REPLICAOF", 3, replicaof, "host port", "NO ONE is accepted: a node follows no other",
        "server", flag_noscript | flag_admin),
    row("SLAVEOF", 3, replicaof, "host port", "REPLICAOF by its old name", "server",
        flag_noscript | flag_admin),
    row("FAILOVER", -1, failover, "[ABORT]", "Refused, as by a Redis without replicas", "server",
        flag_noscript | flag_admin),
    asked("CLUSTER COUNTKEYSINSLOT", 3, "slot"),
    asked("CLUSTER GETKEYSINSLOT", 4, "slot count"),
    asked("CLUSTER HELP", 2, "", usual),
    asked("CLUSTER INFO", 2, ""),
    asked("CLUSTER KEYSLOT", 3, "key"),
    asked("CLUSTER MYID", 2, ""),
    asked("CLUSTER NODES", 2, ""),
    asked("CLUSTER SHARDS", 2, ""),
    asked("CLUSTER SLOTS", 2, ""),
    row("ASKING", 1, no_cluster, "", "Refused, as by a Redis that is no cluster", "cluster",
        flag_fast),
    row("READONLY", 1, no_cluster, "", "Refused, as by a Redis that is no cluster; LOCAL reads",
        "cluster", usual),
    row("READWRITE", 1, no_cluster, "", "Refused, as by a Redis that is no cluster", "cluster",
        usual),
};

}  // namespace

std::span<const Row> replica_rows() {
  return rows;
}

}  // namespace holdfast::node
