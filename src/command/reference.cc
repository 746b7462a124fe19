// SPDX-License-Identifier: Apache-2.0
#include "command/reference.h"

#include <fmt/format.h>

#include <iterator>
#include <map>
#include <string_view>
#include <vector>

namespace holdfast {
namespace {

std::string_view access_text(const Row& row) {
  switch (row.access) {
    case Access::read:
      return "reads one keyspace";
    case Access::write:
      return "writes one keyspace";
    case Access::ids:
      return (row.flags & flag_write_ids) != 0 ? "writes what a keyspace remembers of request ids"
                                               : "reads what a keyspace remembers of request ids";
    case Access::catalog:
      return (row.flags & flag_write_catalog) != 0 ? "changes the catalog" : "shows the catalog";
    case Access::session:
      return "about the connection";
    case Access::node:
      return "about the node or all keyspaces";
    case Access::wrapper:
      return "carries another command";
    case Access::function:
      return (row.flags & flag_read_only) != 0 ? "reads one keyspace, by a function"
                                               : "writes one keyspace, by a function";
    case Access::workflow:
      return (row.flags & flag_write_catalog) != 0 ? "changes workflows or runs"
                                                   : "shows workflows or runs";
    case Access::message:
      return "tells who listens";
  }
  return "";
}

bool has_meaning_on_eventual(const Row& row) {
  switch (row.access) {
    case Access::write:
      return row.eventual != nullptr;
    case Access::ids:
      return (row.flags & flag_write_ids) == 0;
    default:
      return (row.flags & flag_strong_only) == 0;
  }
}

// The syntax has `|` and `<`, which mean something in Markdown: it goes into a
// code block.
void append_row(std::string& out, const Row& row) {
  auto to = std::back_inserter(out);
  fmt::format_to(to, "### {}\n\n", row.name);
  fmt::format_to(to, "    {}{}{}\n\n", row.name, row.syntax.empty() ? "" : " ", row.syntax);
  fmt::format_to(to, "{}.\n\n", row.summary);
  fmt::format_to(to, "- {}", access_text(row));
  if (!row.complexity.empty()) fmt::format_to(to, "; {}", row.complexity);
  fmt::format_to(to, "; since {}\n", row.since);
  if (!row.on_eventual.empty()) {
    fmt::format_to(to, "- eventual keyspaces: {}{}\n",
                   has_meaning_on_eventual(row) ? "" : "`UNSUPPORTED`, ", row.on_eventual);
  }
  out.push_back('\n');
}

}  // namespace

std::string command_reference(const CommandTable& commands) {
  std::map<std::string_view, std::vector<const Row*>> groups;
  for (const Row* row : commands.rows()) groups[row->group].push_back(row);
  std::string out =
      "# Commands\n\n"
      "Made from the table of commands: `holdfast commands --markdown`. Replies and errors are "
      "those of Redis 7.0 where a command is Redis' own, unless said otherwise here.\n\n";
  for (const auto& [group, rows] : groups) {
    fmt::format_to(std::back_inserter(out), "## {}\n\n", group);
    for (const Row* row : rows) append_row(out, *row);
  }
  out.pop_back();  // no empty line at the end
  return out;
}

}  // namespace holdfast
