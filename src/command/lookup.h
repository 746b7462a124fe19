// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/limits.h"
#include "base/reply.h"
#include "command/parse.h"
#include "command/row.h"
#include "table/table.h"
#include "value/hash.h"
#include "value/list.h"
#include "value/set.h"
#include "value/sorted_set.h"

/// Finding a key's value as the type that a command is about. All give nothing
/// when the key holds another type, WRONGTYPE written; a null pointer when
/// there is no such key. Pointers hold until the table changes.
///
/// A command that may turn out to change nothing finds first and changes
/// after: change() alone would count as one, and fail a WATCH for nothing.
namespace holdfast::command {

namespace internal {
template <typename Pointer>
std::optional<Pointer> typed(Pointer value, Type type, Reply& reply) {
  if (value == nullptr || value->type() == type) return value;
  reply.raw_error(errors::wrong_type);
  return std::nullopt;
}
}  // namespace internal

inline std::optional<const Value*> find_string(Table& table, std::string_view key, Instant now,
                                               Reply& reply) {
  return internal::typed(table.find(key, now), Type::string, reply);
}

inline std::optional<const Hash*> find_hash(Table& table, std::string_view key, Instant now,
                                            Reply& reply) {
  const auto value = internal::typed(table.find(key, now), Type::hash, reply);
  if (!value) return std::nullopt;
  return *value == nullptr ? nullptr : &(*value)->as_hash();
}

inline std::optional<const Set*> find_set(Table& table, std::string_view key, Instant now,
                                          Reply& reply) {
  const auto value = internal::typed(table.find(key, now), Type::set, reply);
  if (!value) return std::nullopt;
  return *value == nullptr ? nullptr : &(*value)->as_set();
}

inline std::optional<const SortedSet*> find_sorted_set(Table& table, std::string_view key,
                                                       Instant now, Reply& reply) {
  const auto value = internal::typed(table.find(key, now), Type::sorted_set, reply);
  if (!value) return std::nullopt;
  return *value == nullptr ? nullptr : &(*value)->as_sorted_set();
}

inline std::optional<const List*> find_list(Table& table, std::string_view key, Instant now,
                                            Reply& reply) {
  const auto value = internal::typed(table.find(key, now), Type::list, reply);
  if (!value) return std::nullopt;
  return *value == nullptr ? nullptr : &(*value)->as_list();
}

inline std::optional<Value*> change_string(Context& context, std::string_view key, Reply& reply) {
  return internal::typed(context.table.change(key, context.now), Type::string, reply);
}

/// Changes the bytes of the key's string in place (Value::edit_text); of the empty one where there
/// is none. It holds no other type.
inline void edit_string(Context& context, std::string_view key, std::size_t bytes_min,
                        absl::FunctionRef<void(std::span<char>)> edit) {
  if (Value* value = context.table.change(key, context.now))
    return value->edit_text(bytes_min, edit);
  Value made = Value::string({});
  made.edit_text(bytes_min, edit);
  context.table.put(key, std::move(made));
}

/// A key's string in `room` or the table, empty where there is none; nothing, and WRONGTYPE
/// written, where it holds another type.
inline std::optional<std::string_view> find_text(Table& table, std::string_view key, Instant now,
                                                 IntegerText& room, Reply& reply) {
  const auto value = find_string(table, key, now, reply);
  if (!value) return std::nullopt;
  return *value == nullptr ? std::string_view() : (*value)->text(room);
}

/// Why rewriting a part of a string has no meaning in an eventual keyspace.
inline constexpr std::string_view rewrites_a_part =
    "needs a strong keyspace: it rewrites the string that it found, and concurrent ones would "
    "lose each other's part";

/// Refuses a string that would be longer than one may be.
inline bool too_long(std::size_t bytes, std::size_t more, Reply& reply) {
  if (bytes <= limits::bulk_bytes_max && more <= limits::bulk_bytes_max - bytes) return false;
  reply.raw_error("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
  return true;
}

/// The hash to change, made when there is none: for commands that put something.
inline Hash* hash_to_fill(Context& context, std::string_view key, Reply& reply) {
  const auto value = internal::typed(context.table.change(key, context.now), Type::hash, reply);
  if (!value) return nullptr;
  if (*value != nullptr) return &(*value)->as_hash();
  return &context.table.put(key, Value::hash(std::make_unique<Hash>())).as_hash();
}

inline Set* set_to_fill(Context& context, std::string_view key, Reply& reply) {
  const auto value = internal::typed(context.table.change(key, context.now), Type::set, reply);
  if (!value) return nullptr;
  if (*value != nullptr) return &(*value)->as_set();
  return &context.table.put(key, Value::set(std::make_unique<Set>())).as_set();
}

inline SortedSet* sorted_set_to_fill(Context& context, std::string_view key, Reply& reply) {
  const auto value =
      internal::typed(context.table.change(key, context.now), Type::sorted_set, reply);
  if (!value) return nullptr;
  if (*value != nullptr) return &(*value)->as_sorted_set();
  return &context.table.put(key, Value::sorted_set(std::make_unique<SortedSet>())).as_sorted_set();
}

inline List* list_to_fill(Context& context, std::string_view key, Reply& reply) {
  const auto value = internal::typed(context.table.change(key, context.now), Type::list, reply);
  if (!value) return nullptr;
  if (*value != nullptr) return &(*value)->as_list();
  return &context.table.put(key, Value::list(std::make_unique<List>())).as_list();
}

/// put() keeps an expiry; this is for the commands that do not. Asks for the
/// key only when anything in the table has one.
inline void clear_expiry(Table& table, std::string_view key) {
  if (table.next_expiry()) table.set_expiry(key, std::nullopt);
}

/// A new value that knows nothing of what was at the key.
inline void replace(Table& table, std::string_view key, Value value) {
  table.put(key, std::move(value));
  clear_expiry(table, key);
}

/// The first of these keys that holds that type. Nothing, and null written: none does. A key of
/// another type is refused, but for a later attempt, which passes it over.
inline std::optional<std::string_view> first_of_type(Table& table, Args keys, Type type,
                                                     Instant now, Attempt attempt, Reply& reply) {
  for (const std::string_view key : keys) {
    const Value* const value = table.find(key, now);
    if (value == nullptr) continue;
    if (value->type() == type) return key;
    if (attempt >= Attempt::again) continue;
    reply.raw_error(errors::wrong_type);
    return std::nullopt;
  }
  reply.null_array();
  return std::nullopt;
}

inline void reply_text(const Value* value, Reply& reply) {
  if (value == nullptr) return reply.null();
  IntegerText room;
  reply.bulk(value->text(room));
}

}  // namespace holdfast::command
