// SPDX-License-Identifier: Apache-2.0
// Declarations, as far as they are of libraries of functions: fields of their keyspace's hash.
#include <fmt/format.h>

#include <map>
#include <vector>

#include "base/logging.h"
#include "catalog/declarations.h"
#include "function/library.h"
#include "value/hash.h"
#include "value/value.h"

namespace holdfast::declarations {
namespace {

using function::Functions;
using function::Library;

// Before a library's name. On disks and in logs: never renamed.
constexpr std::string_view library_prefix = "library:";

std::string field_of(std::string_view library) {
  return fmt::format("{}{}", library_prefix, library);
}

const Hash* hash_of(Table& table, std::string_view keyspace, Instant now) {
  const Value* const value = table.find(keyspace, now);
  return value != nullptr && value->type() == Type::hash ? &value->as_hash() : nullptr;
}

template <typename Each>
void for_each_library(const Hash& hash, const Each& each) {
  for (std::size_t i = 0; i < hash.size(); ++i) {
    if (hash.field_at(i).starts_with(library_prefix))
      each(hash.field_at(i).substr(library_prefix.size()), hash.value_at(i));
  }
}

// Those that load, in the order of their names: of two with one function the first has it.
Functions functions_in(const Hash& hash) {
  std::map<std::string_view, std::string_view> sources;
  for_each_library(
      hash, [&](std::string_view name, std::string_view source) { sources.emplace(name, source); });
  Functions functions;
  for (const auto& [name, source] : sources) {
    auto library = Library::load(std::string(source));
    Status added =
        library ? functions.add(*std::move(library), false) : tl::unexpected(library.error());
    if (!added) logging::warning("library '{}' cannot be had: {}", name, added.error().message);
  }
  return functions;
}

bool holds(const Functions& functions, const Hash& hash) {
  std::size_t count = 0;
  bool same = true;
  for_each_library(hash, [&](std::string_view name, std::string_view source) {
    ++count;
    const Library* const library = functions.library(name);
    same = same && library != nullptr && library->source() == source;
  });
  return same && count == functions.libraries().size();
}

Status load_one(EventualContext& context, std::string_view source, bool replace) {
  auto library = Library::load(std::string(source));
  if (!library) return tl::unexpected(library.error());
  const Hash* const hash = hash_of(context.table, (*library)->keyspace(), context.now);
  if (hash == nullptr)
    return fail(Code::err, fmt::format("no such keyspace '{}'", (*library)->keyspace()));
  const std::string keyspace = (*library)->keyspace();
  const std::string field = field_of((*library)->name());
  if (Status s = functions_in(*hash).add(*std::move(library), replace); !s) return s;
  context.effects.emit(
      {.kind = EffectKind::put_field, .key = keyspace, .element = field, .text = source});
  return {};
}

void remove_all(EventualContext& context) {
  std::vector<std::pair<std::string, std::string>> fields;
  context.table.for_each(context.now, [&](std::string_view keyspace, const Value& value) {
    if (value.type() != Type::hash) return;
    for_each_library(value.as_hash(), [&](std::string_view name, std::string_view) {
      fields.emplace_back(keyspace, field_of(name));
    });
  });
  for (const auto& [keyspace, field] : fields)
    context.effects.emit({.kind = EffectKind::remove_field, .key = keyspace, .element = field});
}

}  // namespace

void load_library(EventualContext& context, Args args, Reply& reply) {
  const auto options = read_load(args);
  if (!options) return reply.error(options.error());
  if (Status s = load_one(context, options->source, options->replace); !s)
    return reply.error(s.error());
  reply.bulk(function::read_header(options->source)->name);
}

void delete_library(EventualContext& context, Args args, Reply& reply) {
  const function::Name name = function::parse_name(args[2]);
  const Hash* const hash = hash_of(context.table, name.keyspace, context.now);
  const std::string field = field_of(name.function);
  if (hash == nullptr || !hash->find(field)) return reply.error({Code::err, "Library not found"});
  context.effects.emit({.kind = EffectKind::remove_field, .key = name.keyspace, .element = field});
  reply.ok();
}

void flush_libraries(EventualContext& context, Args, Reply& reply) {
  remove_all(context);
  reply.ok();
}

// All of it or nothing: what is dumped is first loaded beside what there is.
void restore_libraries(EventualContext& context, Args args, Reply& reply) {
  const auto options = read_restore(args);
  if (!options) return reply.error(options.error());
  std::map<std::string, Functions> there;
  for (const std::string_view source : options->sources) {
    auto library = Library::load(std::string(source));
    if (!library) return reply.error(library.error());
    const std::string keyspace = (*library)->keyspace();
    const Hash* const hash = hash_of(context.table, keyspace, context.now);
    if (hash == nullptr)
      return reply.error({Code::err, fmt::format("no such keyspace '{}'", keyspace)});
    const auto [functions, fresh] = there.try_emplace(keyspace);
    if (fresh && !options->flushes) functions->second = functions_in(*hash);
    if (Status s = functions->second.add(*std::move(library), options->replaces); !s)
      return reply.error(s.error());
  }
  if (options->flushes) remove_all(context);
  for (const std::string_view source : options->sources) {
    const auto header = function::read_header(source);
    context.effects.emit({.kind = EffectKind::put_field,
                          .key = header->keyspace,
                          .element = field_of(header->name),
                          .text = source});
  }
  reply.ok();
}

void follow_libraries(Table& table, Instant now, const Catalog& catalog, Libraries& libraries) {
  for (const Keyspace* keyspace : catalog.all()) {
    const Hash* const hash = hash_of(table, keyspace->name, now);
    if (hash == nullptr) continue;
    Functions& functions = libraries.of(keyspace->id);
    if (!holds(functions, *hash)) functions = functions_in(*hash);
  }
}

}  // namespace holdfast::declarations
