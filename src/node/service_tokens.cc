// SPDX-License-Identifier: Apache-2.0
#include "node/service_tokens.h"

#include <absl/strings/match.h>

#include <array>

#include "base/text_units.h"
#include "catalog/service_rows.h"
#include "node/node.h"

namespace holdfast::node {
namespace {

constexpr Millis overlap_default{24LL * 3'600 * 1'000};

bool is(std::string_view word, std::string_view wanted) {
  return absl::EqualsIgnoreCase({word.data(), word.size()}, {wanted.data(), wanted.size()});
}

void syntax_error(Reply& reply) {
  reply.error({Code::err, "syntax error"});
}

/// Puts what `made` makes of a new token's hash into the log; the answer is the token.
template <typename Make>
void answer_token(Node& node, ServiceId caller, Reply& reply, const Make& made) {
  if (!node.has_strong()) {
    return reply.error({Code::unsupported,
                        "services need an engine (--engine etcd://…), and these nodes have none"});
  }
  const std::string token = node.draw_token();
  CatalogOperation operation = made(hash_of_token(token));
  operation.caller = caller;
  node.append_for(node.defer(), operation, [token](std::string_view answer) {
    if (answer.starts_with('-')) return std::string(answer);
    std::string shown;
    Reply(shown).bulk(token);
    return shown;
  });
}

void create(Node& node, ServiceId caller, Args args, Reply& reply) {
  const bool administers = args.size() == 4;
  if (args.size() > 4 || (administers && !is(args[3], "ADMIN"))) return syntax_error(reply);
  answer_token(node, caller, reply,
               [&](const TokenHash& hash) { return add_service(args[2], administers, hash); });
}

void rotate(Node& node, ServiceId caller, Args args, Reply& reply) {
  Millis overlap = overlap_default;
  if (args.size() != 3) {
    const bool said = args.size() == 5 && is(args[3], "OVERLAP");
    const auto wished = said ? parse_duration(args[4]) : std::nullopt;
    if (!wished) return syntax_error(reply);
    overlap = *wished;
  }
  answer_token(node, caller, reply,
               [&](const TokenHash& hash) { return renew_service(args[2], hash, overlap); });
}

constexpr std::array rows{
    Row{.name = "SERVICE CREATE",
        .arity = -3,
        .access = Access::node,
        .flags = flag_admin | flag_no_multi | flag_noscript,
        .node = create,
        .group = "service",
        .since = "0.1",
        .syntax = "name [ADMIN]",
        .summary = "Declares a service; the reply is its token, shown this once",
        .complexity = "O(1)"},
    Row{.name = "SERVICE ROTATE",
        .arity = -3,
        .access = Access::node,
        .flags = flag_no_multi | flag_noscript,
        .node = rotate,
        .group = "service",
        .since = "0.1",
        .syntax = "name [OVERLAP duration]",
        .summary = "Another token for a service; the one before counts for the overlap (24h)",
        .complexity = "O(1)"},
};

}  // namespace

std::span<const Row> service_token_rows() {
  return rows;
}

}  // namespace holdfast::node
