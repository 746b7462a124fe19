// SPDX-License-Identifier: Apache-2.0
#include "node/script_rows.h"

#include "command/parse.h"
#include "node/node.h"
#include "node/node_row.h"

namespace holdfast::node {
namespace {

using command::equals_nocase;

void load(Node& node, ServiceId, Args args, Reply& reply) {
  if (const auto compiled = function::Library::compile(args[2]); !compiled)
    return reply.error(compiled.error());
  reply.bulk(node.requests().script_texts().remember(args[2]));
}

void exists(Node& node, ServiceId, Args args, Reply& reply) {
  const Args names = args.subspan(2);
  reply.array(names.size());
  for (const std::string_view name : names)
    reply.integer(node.requests().script_texts().find(name) != nullptr ? 1 : 0);
}

void flush(Node& node, ServiceId, Args args, Reply& reply) {
  const bool known =
      args.size() == 2 ||
      (args.size() == 3 && (equals_nocase(args[2], "SYNC") || equals_nocase(args[2], "ASYNC")));
  if (!known) return reply.error({Code::err, "SCRIPT FLUSH only support SYNC|ASYNC option"});
  node.requests().script_texts().clear();
  reply.ok();
}

void kill(Node&, ServiceId, Args, Reply& reply) {
  reply.raw_error("NOTBUSY No scripts in execution right now.");
}

void help(Node&, ServiceId, Args, Reply& reply) {
  static constexpr std::string_view lines[] = {
      "SCRIPT <subcommand> [<arg> ...]. Subcommands are:",
      "LOAD <script>",
      "    Have this node remember a script for EVALSHA. The reply is its SHA-1.",
      "EXISTS <sha1> [<sha1> ...]",
      "    Whether this node remembers them.",
      "FLUSH [ASYNC|SYNC]",
      "    Have this node forget all of them.",
      "KILL",
      "    As in Redis, though no script runs long enough to be met.",
      "HELP",
      "    Print this help.",
  };
  reply.array(std::size(lines));
  for (const std::string_view line : lines) reply.simple(line);
}

constexpr Row row(std::string_view name, int arity, NodeFunction function, std::string_view syntax,
                  std::string_view summary, std::string_view complexity) {
  return node_row(name, arity, function, syntax, summary, complexity, flag_noscript, "scripting");
}

constexpr Row rows[] = {
    row("SCRIPT LOAD", 3, load, "script", "Has this node remember a script for EVALSHA",
        "O(N) in the script's length"),
    row("SCRIPT EXISTS", -3, exists, "sha1 [sha1 ...]", "Whether this node remembers scripts",
        "O(N) in the names"),
    row("SCRIPT FLUSH", -2, flush, "[ASYNC|SYNC]", "Has this node forget all scripts",
        "O(N) in the scripts"),
    row("SCRIPT KILL", 2, kill, "", "Says that no script runs: none runs longer than its limit",
        "O(1)"),
    row("SCRIPT HELP", 2, help, "", "The subcommands of SCRIPT", "O(1)"),
};

}  // namespace

std::span<const Row> script_rows() {
  return rows;
}

}  // namespace holdfast::node
