// SPDX-License-Identifier: Apache-2.0
#include "catalog/function_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/checksum.h"
#include "base/limits.h"
#include "base/wire.h"
#include "catalog/declarations.h"
#include "catalog/keyspace_rows.h"
#include "catalog/libraries.h"
#include "catalog/permissions.h"
#include "command/glob.h"
#include "command/parse.h"

namespace holdfast {
namespace {

using command::equals_nocase;
using function::Functions;
using function::Library;
using function::Published;

// The keyspace of that name, if its functions are the caller's to change.
Result<const Keyspace*> keyspace_to_change(CatalogContext& ctx, std::string_view name) {
  const Keyspace* const keyspace = ctx.catalog.find(name);
  if (keyspace == nullptr) return fail(Code::err, fmt::format("no such keyspace '{}'", name));
  if (Status s = permissions::check_use(ctx.services, ctx.libraries, *keyspace, ctx.caller); !s)
    return tl::unexpected(s.error());
  return keyspace;
}

std::vector<const Keyspace*> own_keyspaces(CatalogContext& ctx) {
  std::vector<const Keyspace*> own = ctx.catalog.all();
  std::erase_if(own, [&](const Keyspace* keyspace) {
    return !permissions::may_use(ctx.services, *keyspace, ctx.caller);
  });
  return own;
}

Result<std::string> load_one(CatalogContext& ctx, std::string_view source, bool replace) {
  const auto header = function::read_header(source);
  if (!header) return tl::unexpected(header.error());
  const auto keyspace = keyspace_to_change(ctx, header->keyspace);
  if (!keyspace) return tl::unexpected(keyspace.error());
  if (ctx.libraries.size() >= limits::libraries_max)
    return fail(Code::err, fmt::format("there are {} libraries, as many as there can be",
                                       limits::libraries_max));
  auto library = Library::load(std::string(source));
  if (!library) return tl::unexpected(library.error());
  const std::string name = (*library)->name();
  if (Status s = ctx.libraries.of((*keyspace)->id).add(*std::move(library), replace); !s)
    return tl::unexpected(s.error());
  return name;
}

void load(CatalogContext& ctx, Args args, Reply& reply) {
  const auto options = read_load(args);
  if (!options) return reply.error(options.error());
  const auto name = load_one(ctx, options->source, options->replace);
  name ? reply.bulk(*name) : reply.error(name.error());
}

void erase(CatalogContext& ctx, Args args, Reply& reply) {
  const function::Name name = function::parse_name(args[2]);
  const auto keyspace = keyspace_to_change(ctx, name.keyspace);
  if (!keyspace) return reply.error(keyspace.error());
  if (!ctx.libraries.of((*keyspace)->id).remove(name.function))
    return reply.error({Code::err, "Library not found"});
  reply.ok();
}

void flush(CatalogContext& ctx, Args args, Reply& reply) {
  const bool known =
      args.size() == 2 ||
      (args.size() == 3 && (equals_nocase(args[2], "SYNC") || equals_nocase(args[2], "ASYNC")));
  if (!known) return reply.error({Code::err, "FUNCTION FLUSH only supports SYNC|ASYNC option"});
  for (const Keyspace* keyspace : own_keyspaces(ctx)) ctx.libraries.of(keyspace->id).clear();
  reply.ok();
}

// -- Showing

struct Shown {
  const Keyspace* keyspace;
  const Library* library;
  bool own;
  std::vector<const Published*> functions;  // those that the caller may call
};

std::vector<Shown> shown_to(CatalogContext& ctx) {
  const Service* const service = ctx.services.find(ctx.caller);
  std::vector<Shown> all;
  for (const Keyspace* keyspace : ctx.catalog.all()) {
    const bool own = permissions::may_use(ctx.services, *keyspace, ctx.caller);
    for (const auto& [name, library] : ctx.libraries.of(keyspace->id).libraries()) {
      Shown shown{keyspace, library.get(), own, {}};
      for (const Published& one : library->functions()) {
        if (own || (service != nullptr && function::is_for(one, service->name)))
          shown.functions.push_back(&one);
      }
      if (!shown.functions.empty()) all.push_back(std::move(shown));
    }
  }
  return all;
}

void put_function(const Shown& shown, const Published& function, Reply& reply) {
  reply.map(5);
  reply.bulk("name");
  reply.bulk(function.name);
  reply.bulk("description");
  function.description.empty() ? reply.null() : reply.bulk(function.description);
  reply.bulk("flags");
  reply.set(function.no_writes ? 1 : 0);
  if (function.no_writes) reply.bulk("no-writes");
  reply.bulk("call");
  reply.bulk(fmt::format("{}.{}", shown.keyspace->name, function.name));
  reply.bulk("allow");
  reply.array(function.allowed.size());
  for (const std::string& service : function.allowed) reply.bulk(service);
}

void list(CatalogContext& ctx, Args args, Reply& reply) {
  bool with_code = false;
  std::string_view pattern = "*";
  for (std::size_t i = 2; i < args.size(); ++i) {
    if (equals_nocase(args[i], "WITHCODE")) {
      with_code = true;
    } else if (equals_nocase(args[i], "LIBRARYNAME") && i + 1 < args.size()) {
      pattern = args[++i];
    } else {
      return reply.error({Code::err, fmt::format("Unknown argument {}", args[i])});
    }
  }
  std::vector<Shown> all = shown_to(ctx);
  std::erase_if(
      all, [&](const Shown& one) { return !command::glob_match(pattern, one.library->name()); });
  reply.array(all.size());
  for (const Shown& one : all) {
    const bool code = with_code && one.own;
    reply.map(code ? 5 : 4);
    reply.bulk("library_name");
    reply.bulk(one.library->name());
    reply.bulk("engine");
    reply.bulk("LUA");
    reply.bulk("functions");
    reply.array(one.functions.size());
    for (const Published* function : one.functions) put_function(one, *function, reply);
    if (code) {
      reply.bulk("library_code");
      reply.bulk(one.library->source());
    }
    reply.bulk("keyspace");  // ours alone, so behind Redis' own: node-redis counts places
    reply.bulk(one.keyspace->name);
  }
}

void stats(CatalogContext& ctx, Args, Reply& reply) {
  const std::vector<Shown> all = shown_to(ctx);
  std::int64_t functions = 0;
  for (const Shown& one : all) functions += static_cast<std::int64_t>(one.functions.size());
  reply.map(2);
  reply.bulk("running_script");
  reply.null();  // whoever is answered is not answered while one runs
  reply.bulk("engines");
  reply.map(1);
  reply.bulk("LUA");
  reply.map(2);
  reply.bulk("libraries_count");
  reply.integer(static_cast<std::int64_t>(all.size()));
  reply.bulk("functions_count");
  reply.integer(functions);
}

void kill(CatalogContext&, Args, Reply& reply) {
  reply.raw_error("NOTBUSY No scripts in execution right now.");
}

// -- Dumping: docs/formats/libraries.md

constexpr std::uint8_t dump_version = 1;

void dump(CatalogContext& ctx, Args, Reply& reply) {
  std::string out;
  wire::put_u8(out, dump_version);
  for (const Keyspace* keyspace : own_keyspaces(ctx)) {
    for (const auto& [name, library] : ctx.libraries.of(keyspace->id).libraries())
      wire::put_bytes(out, library->source());
  }
  wire::put_u64(out, checksum(out));
  reply.bulk(out);
}

std::optional<std::vector<std::string_view>> sources_of(std::string_view payload) {
  if (payload.size() < 9) return std::nullopt;
  wire::Reader in(payload.substr(0, payload.size() - 8));
  wire::Reader sum(payload.substr(payload.size() - 8));
  if (sum.u64() != checksum(payload.substr(0, payload.size() - 8)) || in.u8() != dump_version)
    return std::nullopt;
  std::vector<std::string_view> sources;
  while (in.ok() && !in.at_end()) sources.push_back(in.bytes());
  return in.ok() ? std::optional(std::move(sources)) : std::nullopt;
}

void restore(CatalogContext& ctx, Args args, Reply& reply) {
  const auto options = read_restore(args);
  if (!options) return reply.error(options.error());
  // All of it or nothing.
  const std::vector<const Keyspace*> own = own_keyspaces(ctx);
  std::vector<Functions> before;
  for (const Keyspace* keyspace : own) {
    before.push_back(ctx.libraries.of(keyspace->id));
    if (options->flushes) ctx.libraries.of(keyspace->id).clear();
  }
  for (const std::string_view source : options->sources) {
    const auto loaded = load_one(ctx, source, options->replaces);
    if (loaded) continue;
    for (std::size_t i = 0; i < own.size(); ++i)
      ctx.libraries.of(own[i]->id) = std::move(before[i]);
    return reply.error(loaded.error());
  }
  reply.ok();
}

void help(CatalogContext&, Args, Reply& reply) {
  static constexpr std::string_view lines[] = {
      "FUNCTION <subcommand> [<arg> ...]. Subcommands are:",
      "LOAD [REPLACE] <source>",
      "    Load a library, whose first line is #!lua name=<name> [keyspace=<keyspace>].",
      "DELETE [<keyspace>.]<library>",
      "    Delete a library.",
      "LIST [LIBRARYNAME <pattern>] [WITHCODE]",
      "    The libraries with the functions that the caller may call.",
      "DUMP",
      "    The libraries of the caller's keyspaces, for RESTORE.",
      "RESTORE <dump> [FLUSH|APPEND|REPLACE]",
      "    Load what was dumped, all of it or nothing.",
      "FLUSH [ASYNC|SYNC]",
      "    Delete all libraries of the caller's keyspaces.",
      "STATS",
      "    How many there are.",
      "KILL",
      "    As in Redis, though no function runs long enough to be met.",
      "HELP",
      "    Print this help.",
  };
  reply.array(std::size(lines));
  for (const std::string_view line : lines) reply.simple(line);
}

constexpr std::uint32_t changing = flag_write_catalog | flag_no_multi | flag_noscript;
constexpr std::uint32_t showing = flag_no_multi | flag_noscript;

constexpr Row rows[] = {
    {.name = "FUNCTION LOAD",
     .code = 940,
     .arity = -3,
     .access = Access::catalog,
     .flags = changing | flag_denyoom,
     .eventual = declarations::load_library,
     .catalog = load,
     .group = "scripting",
     .since = "0.1",
     .syntax = "[REPLACE] source",
     .summary = "Loads a library of functions into the keyspace that its first line names",
     .complexity = "O(1), and what the library does when it is loaded"},
    {.name = "FUNCTION DELETE",
     .code = 941,
     .arity = 3,
     .access = Access::catalog,
     .flags = changing,
     .eventual = declarations::delete_library,
     .catalog = erase,
     .group = "scripting",
     .since = "0.1",
     .syntax = "[keyspace.]library",
     .summary = "Deletes a library with its functions",
     .complexity = "O(1)"},
    {.name = "FUNCTION FLUSH",
     .code = 942,
     .arity = -2,
     .access = Access::catalog,
     .flags = changing,
     .eventual = declarations::flush_libraries,
     .catalog = flush,
     .group = "scripting",
     .since = "0.1",
     .syntax = "[ASYNC|SYNC]",
     .summary = "Deletes all libraries of the caller's keyspaces",
     .complexity = "O(N) in the libraries"},
    {.name = "FUNCTION RESTORE",
     .code = 943,
     .arity = -3,
     .access = Access::catalog,
     .flags = changing | flag_denyoom,
     .eventual = declarations::restore_libraries,
     .catalog = restore,
     .group = "scripting",
     .since = "0.1",
     .syntax = "dump [FLUSH|APPEND|REPLACE]",
     .summary = "Loads libraries that FUNCTION DUMP gave, all of them or none",
     .complexity = "O(N) in the libraries"},
    {.name = "FUNCTION LIST",
     .arity = -2,
     .access = Access::catalog,
     .flags = showing,
     .catalog = list,
     .group = "scripting",
     .since = "0.1",
     .syntax = "[LIBRARYNAME pattern] [WITHCODE]",
     .summary = "The functions that the caller may call, by library; the code of its own",
     .complexity = "O(N) in the functions"},
    {.name = "FUNCTION DUMP",
     .arity = 2,
     .access = Access::catalog,
     .flags = showing,
     .catalog = dump,
     .group = "scripting",
     .since = "0.1",
     .summary = "The libraries of the caller's keyspaces, for FUNCTION RESTORE",
     .complexity = "O(N) in the libraries"},
    {.name = "FUNCTION STATS",
     .arity = 2,
     .access = Access::catalog,
     .flags = showing,
     .catalog = stats,
     .group = "scripting",
     .since = "0.1",
     .summary = "How many libraries and functions the caller may see",
     .complexity = "O(N) in the functions"},
    {.name = "FUNCTION KILL",
     .arity = 2,
     .access = Access::catalog,
     .flags = showing,
     .catalog = kill,
     .group = "scripting",
     .since = "0.1",
     .summary = "Says that no function runs: none runs longer than its limit",
     .complexity = "O(1)"},
    {.name = "FUNCTION HELP",
     .arity = 2,
     .access = Access::catalog,
     .flags = showing,
     .catalog = help,
     .group = "scripting",
     .since = "0.1",
     .summary = "The subcommands of FUNCTION",
     .complexity = "O(1)"},
};

}  // namespace

Result<LoadOptions> read_load(Args args) {
  const bool replace = args.size() == 4 && equals_nocase(args[2], "REPLACE");
  if (args.size() > 4 || (args.size() == 4 && !replace))
    return fail(Code::err, fmt::format("Unknown option given: {}", args[2]));
  return LoadOptions{args.back(), replace};
}

Result<RestoreOptions> read_restore(Args args) {
  const std::string_view policy = args.size() == 4 ? args[3] : "APPEND";
  RestoreOptions options{.sources = {},
                         .flushes = equals_nocase(policy, "FLUSH"),
                         .replaces = equals_nocase(policy, "REPLACE")};
  const bool known = options.flushes || options.replaces || equals_nocase(policy, "APPEND");
  if (args.size() > 4 || !known)
    return fail(Code::err,
                "Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.");
  auto sources = sources_of(args[2]);
  if (!sources) return fail(Code::err, "DUMP payload version or checksum are wrong");
  options.sources = *std::move(sources);
  return options;
}

std::span<const Row> function_rows() {
  return rows;
}

}  // namespace holdfast
