// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "command/glob.h"
#include "command/parse.h"
#include "server/command_facts.h"
#include "server/session.h"
#include "server/session_rows.h"

namespace holdfast::server {
namespace {

using command::equals_nocase;

const CommandGroup* find_group(const std::vector<CommandGroup>& groups, std::string_view name) {
  const auto found = std::ranges::find_if(
      groups, [name](const CommandGroup& group) { return equals_nocase(name, group.name); });
  return found == groups.end() ? nullptr : &*found;
}

/// "client|list" is a subcommand's own name: a group of that one row.
std::optional<CommandGroup> named_group(const CommandTable& commands,
                                        const std::vector<CommandGroup>& groups,
                                        std::string_view name) {
  const std::size_t bar = name.find('|');
  if (bar == std::string_view::npos) {
    const CommandGroup* const group = find_group(groups, name);
    return group == nullptr ? std::nullopt : std::optional(*group);
  }
  const Row* const row = commands.find(name.substr(0, bar), name.substr(bar + 1));
  if (row == nullptr || row->name.find(' ') == std::string_view::npos) return std::nullopt;
  return CommandGroup{.name = row->name, .own = row};
}

void command_all(Session& session, Args, Reply& reply) {
  const auto groups = command_groups(session.context().commands);
  reply.array(groups.size());
  for (const CommandGroup& group : groups) write_info(group, reply);
}

void command_count(Session& session, Args, Reply& reply) {
  reply.integer(static_cast<std::int64_t>(command_groups(session.context().commands).size()));
}

void command_info(Session& session, Args args, Reply& reply) {
  if (args.size() == 2) return command_all(session, args, reply);
  const CommandTable& commands = session.context().commands;
  const auto groups = command_groups(commands);
  reply.array(args.size() - 2);
  for (const std::string_view name : args.subspan(2)) {
    if (const auto group = named_group(commands, groups, name)) {
      write_info(*group, reply);
    } else {
      reply.null();
    }
  }
}

void command_docs(Session& session, Args args, Reply& reply) {
  const CommandTable& commands = session.context().commands;
  const auto groups = command_groups(commands);
  if (args.size() == 2) {
    reply.map(groups.size());
    for (const CommandGroup& group : groups) write_docs(group, reply);
    return;
  }
  std::vector<CommandGroup> named;
  for (const std::string_view name : args.subspan(2)) {
    if (auto group = named_group(commands, groups, name)) named.push_back(*std::move(group));
  }
  reply.map(named.size());
  for (const CommandGroup& group : named) write_docs(group, reply);
}

bool in_category(const CommandGroup& group, std::string_view category) {
  const std::string_view of =
      category_of(group.own != nullptr ? group.own->group : group.subcommands.front()->group);
  return !of.empty() && equals_nocase(category, of.substr(1));
}

void command_list(Session& session, Args args, Reply& reply) {
  auto groups = command_groups(session.context().commands);
  if (args.size() > 2) {
    if (args.size() != 5 || !equals_nocase(args[2], "FILTERBY")) {
      return reply.raw_error(command::errors::syntax);
    }
    const std::string_view value = args[4];
    if (equals_nocase(args[3], "MODULE")) {
      groups.clear();
    } else if (equals_nocase(args[3], "ACLCAT")) {
      std::erase_if(groups, [value](const auto& group) { return !in_category(group, value); });
    } else if (equals_nocase(args[3], "PATTERN")) {
      std::erase_if(groups, [value](const CommandGroup& group) {
        return !command::glob_match(value, command::redis_name(group.name));
      });
    } else {
      return reply.raw_error(command::errors::syntax);
    }
  }
  reply.array(groups.size());
  for (const CommandGroup& group : groups) reply.bulk(command::redis_name(group.name));
}

/// The command whose keys are asked for, without wrappers; nothing, and the
/// error written, when there are none.
std::optional<Unwrapped> command_with_keys(Session& session, Args args, Reply& reply) {
  const CommandTable& commands = session.context().commands;
  const Args asked = args.subspan(2);
  const Row* row = commands.find(asked[0]);
  if (row == nullptr && asked.size() > 1) row = commands.find(asked[0], asked[1]);
  if (row == nullptr) {
    reply.error({Code::err, "Invalid command specified"});
    return std::nullopt;
  }
  const auto command = look_up(commands, asked).and_then([&](const Row* first) {
    return unwrap(commands, *first, asked);
  });
  if (!command) {
    // Redis' words where the count is wrong; a wrapper's own where it is at fault.
    if (row->access == Access::wrapper) {
      reply.error(command.error());
    } else {
      reply.error({Code::err, "Invalid number of arguments specified for command"});
    }
    return std::nullopt;
  }
  // They need none: Redis answers an empty array.
  if (command->row->access == Access::function) {
    const auto count = parse_integer(command->args[2]);
    if (count == 0) return *command;
  }
  const KeyRange range = key_range(*command->row, command->args);
  if (range.alone == 0 && (range.first == 0 || range.first >= range.end)) {
    reply.error({Code::err, "The command has no key arguments"});
    return std::nullopt;
  }
  return *command;
}

void command_getkeys(Session& session, Args args, Reply& reply) {
  const auto command = command_with_keys(session, args, reply);
  if (!command) return;
  const auto keys = keys_of(*command->row, command->args);
  reply.array(keys.size());
  for (const std::string_view key : keys) reply.bulk(key);
}

void command_getkeysandflags(Session& session, Args args, Reply& reply) {
  const auto command = command_with_keys(session, args, reply);
  if (!command) return;
  const auto keys = keys_of(*command->row, command->args);
  const auto flags = key_flags(*command->row);
  reply.array(keys.size());
  for (const std::string_view key : keys) {
    reply.array(2);
    reply.bulk(key);
    reply.set(flags.size());
    for (const std::string_view flag : flags) reply.simple(flag);
  }
}

void command_help(Session& session, Args args, Reply& reply) {
  write_help(session.context().commands, args[0], reply);
}

constexpr Row row(const char* name, int arity, SessionFunction function, const char* syntax,
                  const char* summary) {
  return {.name = name,
          .arity = arity,
          .access = Access::session,
          .flags = flag_loading | flag_immediate | flag_no_multi | flag_anywhere,
          .session = function,
          .group = "server",
          .since = "0.1",
          .syntax = syntax,
          .summary = summary,
          .complexity = "O(commands)"};
}

constexpr Row rows[] = {
    row("COMMAND", -1, command_all, "", "Facts about every command"),
    row("COMMAND COUNT", 2, command_count, "", "How many commands there are"),
    row("COMMAND DOCS", -2, command_docs, "[command-name [command-name ...]]",
        "Documentation of commands"),
    row("COMMAND GETKEYS", -4, command_getkeys, "command [arg ...]",
        "The keys of a command line, also of one that ONCE, LOCAL, FRESH or AFTER carries"),
    row("COMMAND GETKEYSANDFLAGS", -4, command_getkeysandflags, "command [arg ...]",
        "The keys of a command line and what is done to them"),
    row("COMMAND HELP", 2, command_help, "", "What COMMAND offers"),
    row("COMMAND INFO", -2, command_info, "[command-name [command-name ...]]",
        "Facts about commands"),
    row("COMMAND LIST", -2, command_list,
        "[FILTERBY MODULE module-name | ACLCAT category | PATTERN pattern]", "The commands' names"),
};

}  // namespace

std::span<const Row> command_rows() {
  return rows;
}

}  // namespace holdfast::server
