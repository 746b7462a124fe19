// SPDX-License-Identifier: Apache-2.0
#include "value/value.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "base/assert.h"
#include "base/limits.h"
#include "base/wire.h"
#include "value/hash.h"
#include "value/list.h"
#include "value/set.h"
#include "value/sorted_set.h"

namespace holdfast {
namespace {

std::string_view to_text(std::int64_t number, IntegerText& room) {
  const auto end = std::to_chars(room.bytes, room.bytes + sizeof(room.bytes), number).ptr;
  return {room.bytes, static_cast<std::size_t>(end - room.bytes)};
}

}  // namespace

std::string_view type_name(Type type) {
  switch (type) {
    case Type::string:
      return "string";
    case Type::hash:
      return "hash";
    case Type::set:
      return "set";
    case Type::sorted_set:
      return "zset";
    case Type::list:
      return "list";
  }
  return "none";
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.empty() || digits.size() > 19) return std::nullopt;
  if (digits[0] == '0' && (digits.size() > 1 || text.size() > 1)) return std::nullopt;  // 007, -0
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Value::Value(Held held) : held_(std::move(held)) {}
Value::Value(Value&&) noexcept = default;
Value& Value::operator=(Value&&) noexcept = default;
Value::~Value() = default;

Value Value::string(std::string_view text) {
  if (const auto number = parse_integer(text)) return integer(*number);
  return Value(Held(SmallString(text)));
}
Value Value::integer(std::int64_t number) {
  return Value(Held(number));
}
Value Value::hash(std::unique_ptr<Hash> fields) {
  HF_ASSERT(fields != nullptr);
  return Value(Held(std::move(fields)));
}
Value Value::set(std::unique_ptr<Set> members) {
  HF_ASSERT(members != nullptr);
  return Value(Held(std::move(members)));
}
Value Value::sorted_set(std::unique_ptr<SortedSet> members) {
  HF_ASSERT(members != nullptr);
  return Value(Held(std::move(members)));
}
Value Value::list(std::unique_ptr<List> items) {
  HF_ASSERT(items != nullptr);
  return Value(Held(std::move(items)));
}

void Value::prefetch() const {
  std::visit(
      [](const auto& held) {
        using Kind = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<Kind, SmallString>) {
          __builtin_prefetch(held.view().data());
        } else if constexpr (!std::is_same_v<Kind, std::int64_t>) {
          __builtin_prefetch(held.get());
        }
      },
      held_);
}

void Value::prefetch_item(std::string_view item) const {
  if (const auto* const fields = std::get_if<std::unique_ptr<Hash>>(&held_)) {
    (*fields)->prefetch(item);
  } else if (const auto* const members = std::get_if<std::unique_ptr<Set>>(&held_)) {
    (*members)->prefetch(item);
  }
}

Type Value::type() const {
  switch (held_.index()) {
    case 2:
      return Type::hash;
    case 3:
      return Type::set;
    case 4:
      return Type::sorted_set;
    case 5:
      return Type::list;
    default:
      return Type::string;
  }
}

Value Value::clone() const {
  switch (held_.index()) {
    case 0:
      return Value(Held(std::get<0>(held_)));
    case 1:
      return Value(Held(std::get<1>(held_)));
    case 2: {
      auto copy = std::make_unique<Hash>();
      const Hash& from = as_hash();
      for (std::size_t i = 0; i < from.size(); ++i) copy->put(from.field_at(i), from.value_at(i));
      return hash(std::move(copy));
    }
    case 3: {
      auto copy = std::make_unique<Set>();
      const Set& from = as_set();
      for (std::size_t i = 0; i < from.size(); ++i) copy->insert(from.at(i));
      return set(std::move(copy));
    }
    case 4: {
      const SortedSet& from = as_sorted_set();
      std::vector<Scored> members;
      members.reserve(from.size());
      for (std::size_t i = 0; i < from.size(); ++i) {
        members.push_back({SmallString(from.member_at(i)), from.score_at(i)});
      }
      return sorted_set(SortedSet::of(std::move(members)));
    }
    default:
      return list(as_list().clone());
  }
}

std::optional<std::int64_t> Value::as_integer() const {
  if (const auto* number = std::get_if<std::int64_t>(&held_)) return *number;
  HF_ASSERT(held_.index() == 1);
  return std::nullopt;
}

std::string_view Value::text(IntegerText& room) const {
  if (const auto* number = std::get_if<std::int64_t>(&held_)) return to_text(*number, room);
  const auto* text = std::get_if<SmallString>(&held_);
  HF_ASSERT(text != nullptr);
  return text->view();
}

std::size_t Value::text_bytes() const {
  IntegerText room;
  return text(room).size();
}

void Value::edit_text(std::size_t bytes_min, absl::FunctionRef<void(std::span<char>)> edit) {
  auto* text = std::get_if<SmallString>(&held_);
  if (text == nullptr || text->size() < bytes_min) {
    IntegerText room;
    const std::string_view old = this->text(room);
    held_ = SmallString::padded(old, std::max(old.size(), bytes_min));
    text = &std::get<SmallString>(held_);
  }
  edit(text->bytes());
  if (const auto number = parse_integer(text->view())) held_ = *number;
}

Hash& Value::as_hash() {
  auto* held = std::get_if<std::unique_ptr<Hash>>(&held_);
  HF_ASSERT(held != nullptr);
  return **held;
}
const Hash& Value::as_hash() const {
  return const_cast<Value*>(this)->as_hash();
}
Set& Value::as_set() {
  auto* held = std::get_if<std::unique_ptr<Set>>(&held_);
  HF_ASSERT(held != nullptr);
  return **held;
}
const Set& Value::as_set() const {
  return const_cast<Value*>(this)->as_set();
}
SortedSet& Value::as_sorted_set() {
  auto* held = std::get_if<std::unique_ptr<SortedSet>>(&held_);
  HF_ASSERT(held != nullptr);
  return **held;
}
const SortedSet& Value::as_sorted_set() const {
  return const_cast<Value*>(this)->as_sorted_set();
}
List& Value::as_list() {
  auto* held = std::get_if<std::unique_ptr<List>>(&held_);
  HF_ASSERT(held != nullptr);
  return **held;
}
const List& Value::as_list() const {
  return const_cast<Value*>(this)->as_list();
}

std::size_t Value::heap_bytes() const {
  switch (held_.index()) {
    case 0:
      return 0;
    case 1:
      return std::get<1>(held_).heap_bytes();
    case 2:
      return sizeof(Hash) + as_hash().heap_bytes();
    case 3:
      return sizeof(Set) + as_set().heap_bytes();
    case 4:
      return sizeof(SortedSet) + as_sorted_set().heap_bytes();
    default:
      return sizeof(List) + as_list().heap_bytes();
  }
}

}  // namespace holdfast
