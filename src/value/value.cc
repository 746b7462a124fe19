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
#include "value/set.h"
#include "value/sorted_set.h"

namespace holdfast {
namespace {

// Forms of a stored value: docs/formats/value.md. A type has one form, but for
// strings, whose integers are stored as such.
enum class Form : std::uint8_t { text = 1, hash = 2, set = 3, integer = 4, sorted_set = 5 };

std::string_view to_text(std::int64_t number, IntegerText& room) {
  const auto end = std::to_chars(room.bytes, room.bytes + sizeof(room.bytes), number).ptr;
  return {room.bytes, static_cast<std::size_t>(end - room.bytes)};
}

tl::unexpected<Error> damaged() {
  return fail(Code::corrupt, "a stored value is damaged");
}

Result<Value> decode_hash(wire::Reader& in) {
  auto fields = std::make_unique<Hash>();
  for (std::uint64_t left = in.varint(); left > 0; --left) {
    const std::string_view field = in.bytes();
    const std::string_view value = in.bytes();
    if (!in.ok() || !fields->put(field, value)) return damaged();
  }
  if (fields->size() == 0) return damaged();
  return Value::hash(std::move(fields));
}

Result<Value> decode_set(wire::Reader& in) {
  auto members = std::make_unique<Set>();
  for (std::uint64_t left = in.varint(); left > 0; --left) {
    const std::string_view member = in.bytes();
    if (!in.ok() || !members->insert(member)) return damaged();
  }
  if (members->size() == 0) return damaged();
  return Value::set(std::move(members));
}

Result<Value> decode_sorted_set(wire::Reader& in) {
  std::vector<Scored> members;
  for (std::uint64_t left = in.varint(); left > 0; --left) {
    const std::string_view member = in.bytes();
    const auto score = std::bit_cast<double>(in.u64());
    if (!in.ok() || std::isnan(score)) return damaged();
    members.push_back({SmallString(member), score});
  }
  if (members.empty()) return damaged();
  auto set = SortedSet::of(std::move(members));
  if (set == nullptr) return damaged();
  return Value::sorted_set(std::move(set));
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

Type Value::type() const {
  switch (held_.index()) {
    case 2:
      return Type::hash;
    case 3:
      return Type::set;
    case 4:
      return Type::sorted_set;
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
    default: {
      const SortedSet& from = as_sorted_set();
      std::vector<Scored> members;
      members.reserve(from.size());
      for (std::size_t i = 0; i < from.size(); ++i) {
        members.push_back({SmallString(from.member_at(i)), from.score_at(i)});
      }
      return sorted_set(SortedSet::of(std::move(members)));
    }
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
    default:
      return sizeof(SortedSet) + as_sorted_set().heap_bytes();
  }
}

void encode(const Value& value, std::string& out) {
  switch (value.type()) {
    case Type::string:
      if (const auto number = value.as_integer()) {
        wire::put_u8(out, static_cast<std::uint8_t>(Form::integer));
        wire::put_signed(out, *number);
      } else {
        IntegerText room;
        wire::put_u8(out, static_cast<std::uint8_t>(Form::text));
        wire::put_bytes(out, value.text(room));
      }
      return;
    case Type::hash: {
      const Hash& hash = value.as_hash();
      wire::put_u8(out, static_cast<std::uint8_t>(Form::hash));
      wire::put_varint(out, hash.size());
      for (std::size_t i = 0; i < hash.size(); ++i) {
        wire::put_bytes(out, hash.field_at(i));
        wire::put_bytes(out, hash.value_at(i));
      }
      return;
    }
    case Type::set: {
      const Set& set = value.as_set();
      wire::put_u8(out, static_cast<std::uint8_t>(Form::set));
      wire::put_varint(out, set.size());
      for (std::size_t i = 0; i < set.size(); ++i) wire::put_bytes(out, set.at(i));
      return;
    }
    case Type::sorted_set: {
      const SortedSet& set = value.as_sorted_set();
      wire::put_u8(out, static_cast<std::uint8_t>(Form::sorted_set));
      wire::put_varint(out, set.size());
      for (std::size_t i = 0; i < set.size(); ++i) {
        wire::put_bytes(out, set.member_at(i));
        wire::put_u64(out, std::bit_cast<std::uint64_t>(set.score_at(i)));
      }
      return;
    }
  }
}

Result<Value> decode_value(std::string_view bytes) {
  wire::Reader in(bytes);
  const auto read = [&in]() -> Result<Value> {
    switch (static_cast<Form>(in.u8())) {
      case Form::text: {
        const std::string_view text = in.bytes();
        // A text that reads as an integer would have been stored as one.
        if (!in.ok() || parse_integer(text)) return damaged();
        return Value::string(text);
      }
      case Form::integer: {
        const std::int64_t number = in.signed_varint();
        if (!in.ok()) return damaged();
        return Value::integer(number);
      }
      case Form::hash:
        return decode_hash(in);
      case Form::set:
        return decode_set(in);
      case Form::sorted_set:
        return decode_sorted_set(in);
    }
    return damaged();
  };
  Result<Value> value = read();
  if (value && !in.at_end()) return damaged();
  return value;
}

}  // namespace holdfast
