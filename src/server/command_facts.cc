// SPDX-License-Identifier: Apache-2.0
#include "server/command_facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "command/parse.h"
#include "server/command_syntax.h"

namespace holdfast::server {

bool changes_state(const Row& row) {
  return row.access == Access::write || (row.flags & (flag_write_ids | flag_write_catalog)) != 0;
}

std::vector<std::string_view> categories_of(const Row& row) {
  std::vector<std::string_view> categories;
  if (changes_state(row)) categories.push_back("@write");
  if (row.access == Access::read) categories.push_back("@read");
  if (const auto category = category_of(row.group); !category.empty()) {
    categories.push_back(category);
  }
  if ((row.flags & flag_admin) != 0) {
    categories.push_back("@admin");
    categories.push_back("@dangerous");
  }
  if (row.waits.timeout_at != 0) categories.push_back("@blocking");
  categories.push_back((row.flags & flag_fast) != 0 ? "@fast" : "@slow");
  return categories;
}

namespace {

using command::redis_name;

std::string_view first_word(std::string_view name) {
  return name.substr(0, name.find(' '));
}

struct FlagName {
  Flags flag;
  std::string_view name;
};
constexpr FlagName flag_names[] = {
    {flag_denyoom, "denyoom"},   {flag_admin, "admin"},   {flag_noscript, "noscript"},
    {flag_loading, "loading"},   {flag_fast, "fast"},     {flag_no_auth, "no_auth"},
    {flag_no_multi, "no_multi"}, {flag_pubsub, "pubsub"},
};

std::vector<std::string_view> flags_of(const Row& row) {
  std::vector<std::string_view> flags;
  if (changes_state(row)) flags.push_back("write");
  if (row.access == Access::read || (row.flags & flag_read_only) != 0) flags.push_back("readonly");
  for (const FlagName& name : flag_names) {
    if ((row.flags & name.flag) != 0) flags.push_back(name.name);
  }
  if (row.waits.timeout_at != 0) flags.push_back("blocking");
  // Where its keys are, one has to look at the arguments: at their number, or
  // at the command that it carries.
  if (row.keys.count_at != 0 || row.keys.among_options || row.access == Access::wrapper)
    flags.push_back("movablekeys");
  return flags;
}

void write_words(const std::vector<std::string_view>& words, Reply& reply) {
  reply.set(words.size());
  for (const std::string_view word : words) reply.simple(word);
}

// Redis' key specification: where to begin, how to go on.
void write_key_spec(const Row& row, bool counted, Reply& reply) {
  reply.map(3);
  reply.bulk("flags");
  write_words(key_flags(row), reply);
  reply.bulk("begin_search");
  reply.map(2);
  reply.bulk("type");
  reply.bulk("index");
  reply.bulk("spec");
  reply.map(1);
  reply.bulk("index");
  reply.integer(counted ? row.keys.count_at : row.keys.first);
  reply.bulk("find_keys");
  reply.map(2);
  reply.bulk("type");
  reply.bulk(counted ? "keynum" : "range");
  reply.bulk("spec");
  reply.map(3);
  if (counted) {
    reply.bulk("keynumidx");
    reply.integer(0);
    reply.bulk("firstkey");
    reply.integer(1);
    reply.bulk("keystep");
    reply.integer(1);
    return;
  }
  reply.bulk("lastkey");  // relative to the first, or to the last argument
  reply.integer(row.keys.last < 0 ? row.keys.last : row.keys.last - row.keys.first);
  reply.bulk("keystep");
  reply.integer(row.keys.step);
  reply.bulk("limit");
  reply.integer(0);
}

void write_key_specs(const Row& row, Reply& reply) {
  const bool counted = row.keys.count_at != 0;
  const bool listed = row.keys.first != 0;
  reply.array((listed ? 1 : 0) + (counted ? 1 : 0));
  if (listed) write_key_spec(row, false, reply);
  if (counted) write_key_spec(row, true, reply);
}

// A command that only has subcommands, as Redis describes one.
Row container_row(const CommandGroup& group) {
  const Row& any = *group.subcommands.front();
  return {.name = group.name,
          .arity = -2,
          .access = Access::session,
          .group = any.group,
          .since = any.since,
          .summary = "A container for its subcommands",
          .complexity = "Depends on subcommand."};
}

void write_info_entry(const Row& row, const std::vector<const Row*>& subcommands, Reply& reply) {
  reply.array(10);
  reply.bulk(redis_name(row.name));
  reply.integer(row.arity);
  write_words(flags_of(row), reply);
  const bool has_range = row.keys.first != 0;
  reply.integer(row.keys.first);
  reply.integer(has_range ? row.keys.last : 0);
  reply.integer(has_range ? row.keys.step : 0);
  write_words(categories_of(row), reply);
  reply.array(0);  // tips
  write_key_specs(row, reply);
  reply.array(subcommands.size());
  for (const Row* subcommand : subcommands) write_info_entry(*subcommand, {}, reply);
}

void write_docs_entry(const Row& row, const std::vector<const Row*>& subcommands, Reply& reply) {
  const auto arguments = split_syntax(row.syntax);
  reply.bulk(redis_name(row.name));
  reply.map(4 + (row.on_eventual.empty() ? 0 : 1) + (arguments.empty() ? 0 : 1) +
            (subcommands.empty() ? 0 : 1));
  reply.bulk("summary");
  reply.bulk(row.summary);
  reply.bulk("since");
  reply.bulk(row.since);
  reply.bulk("group");
  reply.bulk(row.group);
  reply.bulk("complexity");
  reply.bulk(row.complexity);
  if (!row.on_eventual.empty()) {
    reply.bulk("on_eventual");
    reply.bulk(row.on_eventual);
  }
  if (!arguments.empty()) {
    reply.bulk("arguments");
    write_arguments(arguments, reply);
  }
  if (!subcommands.empty()) {
    reply.bulk("subcommands");
    reply.map(subcommands.size());
    for (const Row* subcommand : subcommands) write_docs_entry(*subcommand, {}, reply);
  }
}

}  // namespace

std::vector<CommandGroup> command_groups(const CommandTable& commands) {
  std::vector<CommandGroup> groups;
  for (const Row* row : commands.rows()) {
    const std::string_view name = first_word(row->name);
    // Rows are sorted, but "GET" lies between "GET x" and "GETDEL" for none.
    auto group = std::ranges::find(groups, name, &CommandGroup::name);
    if (group == groups.end()) group = groups.insert(groups.end(), CommandGroup{.name = name});
    if (name.size() == row->name.size()) {
      group->own = row;
    } else {
      group->subcommands.push_back(row);
    }
  }
  std::ranges::sort(groups, {}, &CommandGroup::name);
  return groups;
}

void write_info(const CommandGroup& group, Reply& reply) {
  write_info_entry(group.own != nullptr ? *group.own : container_row(group), group.subcommands,
                   reply);
}

void write_docs(const CommandGroup& group, Reply& reply) {
  write_docs_entry(group.own != nullptr ? *group.own : container_row(group), group.subcommands,
                   reply);
}

void write_help(const CommandTable& commands, std::string_view name, Reply& reply) {
  std::vector<std::string> lines;
  std::string title;
  for (const Row* row : commands.rows()) {
    const std::string_view group = first_word(row->name);
    if (group.size() == row->name.size() || !command::equals_nocase(name, group)) continue;
    if (title.empty()) {
      title = fmt::format("{} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:", group);
    }
    const std::string_view subcommand = row->name.substr(group.size() + 1);
    lines.push_back(fmt::format("{}{}{}", subcommand, row->syntax.empty() ? "" : " ", row->syntax));
    lines.push_back(fmt::format("    {}.", row->summary));
  }
  reply.array(lines.size() + 1);
  reply.simple(title);
  for (const std::string& line : lines) reply.simple(line);
}

std::string_view category_of(std::string_view group) {
  static constexpr std::pair<std::string_view, std::string_view> categories[] = {
      {"string", "@string"},
      {"bitmap", "@bitmap"},
      {"hash", "@hash"},
      {"set", "@set"},
      {"sorted-set", "@sortedset"},
      {"list", "@list"},
      {"generic", "@keyspace"},
      {"connection", "@connection"},
      {"transactions", "@transaction"},
      {"scripting", "@scripting"},
      {"pubsub", "@pubsub"},
  };
  for (const auto& [of, category] : categories) {
    if (of == group) return category;
  }
  return {};
}

std::vector<std::string_view> key_flags(const Row& row) {
  if (row.access == Access::write) return {"RW", "access", "update"};
  return {"RO", "access"};
}

}  // namespace holdfast::server
