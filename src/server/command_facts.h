// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "base/reply.h"
#include "command/table.h"

namespace holdfast::server {

/// A command as COMMAND counts: with its subcommands, if it has any. Made from
/// the rows; a command that only has subcommands has no row of its own.
struct CommandGroup {
  std::string_view name;     // upper case
  const Row* own = nullptr;  // what it does without a subcommand
  std::vector<const Row*> subcommands;
};

/// All, sorted by name.
std::vector<CommandGroup> command_groups(const CommandTable& commands);

/// COMMAND INFO's entry, with its subcommands'.
void write_info(const CommandGroup& group, Reply& reply);
/// COMMAND DOCS' name and entry.
void write_docs(const CommandGroup& group, Reply& reply);
/// "CLIENT HELP": the subcommands with their arguments and summaries.
void write_help(const CommandTable& commands, std::string_view name, Reply& reply);

/// Whether the command may change keys, keyspaces or services.
bool changes_state(const Row& row);
/// The ACL categories that a command is in, each with its @, as COMMAND INFO tells them.
std::vector<std::string_view> categories_of(const Row& row);

/// Redis' ACL category of a command group, with the @; empty: none.
std::string_view category_of(std::string_view group);

/// What is done to a key, in the words of COMMAND GETKEYSANDFLAGS.
std::vector<std::string_view> key_flags(const Row& row);

}  // namespace holdfast::server
