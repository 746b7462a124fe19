// SPDX-License-Identifier: Apache-2.0
#include "node/explain_rows.h"

#include <absl/strings/match.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/limits.h"
#include "base/request_id.h"
#include "node/explain_reply.h"
#include "node/node.h"

namespace holdfast::node {
namespace {

using Origin = ExplainReply::Origin;

constexpr eventual::Explanation::Bounds bounds{.effects = limits::explained_effects_max,
                                               .elements = limits::explained_elements_max,
                                               .ids = limits::explained_ids_max,
                                               .text_bytes = limits::explained_text_bytes_max};

/// ID id …: the caller's, to be told by their text: a replica keeps their hashes alone.
Result<std::vector<ExplainReply::NamedId>> named_ids(ServiceId caller, Args args) {
  std::vector<ExplainReply::NamedId> ids;
  if (args.size() == 2) return ids;
  if (args.size() == 3 || !absl::EqualsIgnoreCase({args[2].data(), args[2].size()}, "ID"))
    return fail(Code::err, "syntax error");
  for (const std::string_view id : args.subspan(3)) {
    if (!is_request_id(id)) return fail(Code::err, "ID takes request ids");
    if (ids.size() == limits::explained_ids_max)
      return fail(Code::err, fmt::format("more than {} ids", limits::explained_ids_max));
    ids.push_back({make_id_key(caller, id), id});
  }
  return ids;
}

/// The members, and who else has effects at the key: incarnations that have ended.
std::vector<Origin> origins_of(Node& node, const eventual::Explanation& explanation) {
  std::vector<Origin> origins;
  const auto add = [&](eventual::OriginId id, std::string name) {
    const eventual::Replica& replica = node.replica();
    origins.push_back({.origin = id,
                       .name = std::move(name),
                       .position = replica.merged().at(id),
                       .stable_position = replica.stable_until(id)});
  };
  if (node.mesh() != nullptr) {
    for (const auto& [name, holding] : node.mesh()->replication().holdings().all()) {
      if (holding.origin.value != 0) add(holding.origin, name);
    }
  } else {
    add(node.replica().self(), node.options().node);
  }
  for (const auto& [id, told] : explanation.origins) {
    if (std::ranges::find(origins, id, &Origin::origin) == origins.end())
      add(id, fmt::format("ended:{}", id.value));
  }
  return origins;
}

void explain_strong(Node& node, KeyspaceState& state, std::string_view key, Reply& reply) {
  const Instant now = std::max(node.now(), node.strong_time());
  ExplainReply::strong(reply, key, eventual::say(state.table, key, now),
                       state.table.read(key, now).version, node.machine().applied());
}

void explain_eventual(Node& node, KeyspaceState& state, std::string_view key,
                      std::span<const ExplainReply::NamedId> ids, ServiceId caller, Reply& reply) {
  const eventual::Explanation explanation = node.replica().explain(state.id, key, bounds);
  const eventual::Saying own = eventual::say(state.table, key, node.eventual_time());
  std::string begun;
  Reply begin(begun);
  ExplainReply::begin(begin, key, own, explanation, origins_of(node, explanation), ids);
  const ExplainReply::Replica self{
      .node = node.options().node, .answered = true, .why = {}, .says = own, .behind = Millis(0)};
  const auto finish = [begun = std::move(begun), self, &node](
                          const std::vector<Inquiries::Said>& said, Reply& out) {
    out.buffer().append(begun);
    std::vector<ExplainReply::Replica> replicas{self};
    const auto behind = node.behind();
    for (const Inquiries::Said& one : said) {
      auto& told = replicas.emplace_back(ExplainReply::Replica{.node = one.node,
                                                               .answered = one.answered,
                                                               .why = one.why,
                                                               .says = one.says,
                                                               .behind = {}});
      const auto known = std::ranges::find(behind, one.node, &NodeFacts::Behind::node);
      if (known != behind.end()) told.behind = known->by;
    }
    ExplainReply::replicas(out, replicas);
  };
  const std::vector<std::string> others = node.other_nodes();
  if (others.empty()) return finish({}, reply);
  if (Status s = node.ask_others(state, key, caller, others, finish); !s) reply.error(s.error());
}

void explain(Node& node, ServiceId caller, Args args, Reply& reply) {
  const auto ids = named_ids(caller, args);
  if (!ids) return reply.error(ids.error());
  KeyspaceState* const state = node.keyspaces().find(node.catalog().of_key(args[1]).id);
  if (state == nullptr) return reply.error(keyspace_dropped());
  if (state->guarantee == Guarantee::strong) return explain_strong(node, *state, args[1], reply);
  explain_eventual(node, *state, args[1], *ids, caller, reply);
}

constexpr Row rows[] = {
    {.name = "EXPLAIN",
     .arity = -2,
     .keys = first_key,
     .access = Access::read,
     .flags = flag_no_multi | flag_noscript,
     .node = explain,
     .group = "consistency",
     .since = "0.1",
     .syntax = "key [ID id [id ...]]",
     .summary = "Why a key has its value: what came from which node, which of it counts, and what "
                "each node says",
     .complexity = "O(the value), and up to a second for the other nodes",
     .on_eventual = "Tells of this replica's own bookkeeping, and asks the other nodes what they "
                    "say. In a strong keyspace: the version, and the log's position."},
};

}  // namespace

std::span<const Row> explain_rows() {
  return rows;
}

}  // namespace holdfast::node
