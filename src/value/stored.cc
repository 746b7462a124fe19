// SPDX-License-Identifier: Apache-2.0
// Stored values: docs/formats/value.md.
#include "value/stored.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "base/wire.h"
#include "value/hash.h"
#include "value/list.h"
#include "value/list_pieces.h"
#include "value/set.h"
#include "value/sorted_set.h"
#include "value/value.h"

namespace holdfast {
namespace {

// A type has one form, but for strings, whose integers are stored as such. `pieces`: the items
// lie elsewhere.
enum class Form : std::uint8_t {
  text = 1,
  hash = 2,
  set = 3,
  integer = 4,
  sorted_set = 5,
  list = 6,
  pieces = 7,
};

tl::unexpected<Error> damaged() {
  return fail(Code::corrupt, "a stored value is damaged");
}

// -- The items of each type, from a place on.

void put_items(const Hash& hash, std::size_t from, std::size_t end, std::string& out) {
  for (std::size_t i = from; i < end; ++i) {
    wire::put_bytes(out, hash.field_at(i));
    wire::put_bytes(out, hash.value_at(i));
  }
}

void put_items(const Set& set, std::size_t from, std::size_t end, std::string& out) {
  for (std::size_t i = from; i < end; ++i) wire::put_bytes(out, set.at(i));
}

void put_items(const SortedSet& set, std::size_t from, std::size_t end, std::string& out) {
  for (std::size_t i = from; i < end; ++i) {
    wire::put_bytes(out, set.member_at(i));
    wire::put_u64(out, std::bit_cast<std::uint64_t>(set.score_at(i)));
  }
}

void put_items(const List& list, std::size_t from, std::size_t end, std::string& out) {
  list.walk(from, end - from, [&](std::size_t, std::string_view item) {
    wire::put_bytes(out, item);
    return true;
  });
}

// False: damaged.

bool take_items(wire::Reader& in, std::uint64_t n, Hash& hash) {
  for (; n > 0; --n) {
    const std::string_view field = in.bytes();
    const std::string_view value = in.bytes();
    if (!in.ok() || !hash.put(field, value)) return false;
  }
  return true;
}

bool take_items(wire::Reader& in, std::uint64_t n, Set& set) {
  for (; n > 0; --n) {
    const std::string_view member = in.bytes();
    if (!in.ok() || !set.insert(member)) return false;
  }
  return true;
}

bool take_items(wire::Reader& in, std::uint64_t n, std::vector<Scored>& members) {
  for (; n > 0; --n) {
    const std::string_view member = in.bytes();
    const auto score = std::bit_cast<double>(in.u64());
    if (!in.ok() || std::isnan(score)) return false;
    members.push_back({SmallString(member), score});
  }
  return true;
}

bool take_items(wire::Reader& in, std::uint64_t n, List& list) {
  for (; n > 0; --n) {
    const std::string_view item = in.bytes();
    if (!in.ok()) return false;
    list.push_back(item);
  }
  return true;
}

/// A collection while its items come.
class Filling {
 public:
  /// Another form than a collection's has none.
  static bool is_collection(Form form) {
    return form == Form::hash || form == Form::set || form == Form::sorted_set ||
           form == Form::list;
  }
  explicit Filling(Form form) {
    if (form == Form::hash) hash_ = std::make_unique<Hash>();
    if (form == Form::set) set_ = std::make_unique<Set>();
    if (form == Form::list) list_ = std::make_unique<List>();
  }
  bool take(wire::Reader& in, std::uint64_t n) {
    if (hash_ != nullptr) return take_items(in, n, *hash_);
    if (set_ != nullptr) return take_items(in, n, *set_);
    if (list_ != nullptr) return take_items(in, n, *list_);
    return take_items(in, n, scored_);
  }
  Result<Value> finish() {
    if (hash_ != nullptr) return Value::hash(std::move(hash_));
    if (set_ != nullptr) return Value::set(std::move(set_));
    if (list_ != nullptr) return Value::list(std::move(list_));
    auto sorted = SortedSet::of(std::move(scored_));
    if (sorted == nullptr) return damaged();
    return Value::sorted_set(std::move(sorted));
  }

 private:
  std::unique_ptr<Hash> hash_;
  std::unique_ptr<Set> set_;
  std::unique_ptr<List> list_;
  std::vector<Scored> scored_;
};

Form form_of(Type type) {
  switch (type) {
    case Type::string:
      return Form::text;
    case Type::hash:
      return Form::hash;
    case Type::set:
      return Form::set;
    case Type::sorted_set:
      return Form::sorted_set;
    case Type::list:
      return Form::list;
  }
  return Form::text;
}

}  // namespace

void encode(const Value& value, std::string& out) {
  if (value.type() != Type::string) {
    const Items items(value);
    wire::put_u8(out, static_cast<std::uint8_t>(form_of(value.type())));
    wire::put_varint(out, items.size());
    items.encode(0, items.size(), out);
    return;
  }
  if (const auto number = value.as_integer()) {
    wire::put_u8(out, static_cast<std::uint8_t>(Form::integer));
    wire::put_signed(out, *number);
    return;
  }
  IntegerText room;
  wire::put_u8(out, static_cast<std::uint8_t>(Form::text));
  wire::put_bytes(out, value.text(room));
}

Result<Value> decode_value(std::string_view bytes) {
  wire::Reader in(bytes);
  const auto form = static_cast<Form>(in.u8());
  const auto read = [&]() -> Result<Value> {
    if (Filling::is_collection(form)) {
      Filling filling(form);
      const std::uint64_t n = in.varint();
      if (n == 0 || !filling.take(in, n)) return damaged();
      return filling.finish();
    }
    if (form == Form::text) {
      const std::string_view text = in.bytes();
      // A text that reads as an integer would have been stored as one.
      if (!in.ok() || parse_integer(text)) return damaged();
      return Value::string(text);
    }
    if (form == Form::integer) {
      const std::int64_t number = in.signed_varint();
      if (!in.ok()) return damaged();
      return Value::integer(number);
    }
    return damaged();
  };
  Result<Value> value = read();
  if (value && !in.at_end()) return damaged();
  return value;
}

Items::Items(const Value& value) {
  switch (value.type()) {
    case Type::hash:
      of_ = &value.as_hash();
      break;
    case Type::set:
      of_ = &value.as_set();
      break;
    case Type::sorted_set:
      of_ = &value.as_sorted_set();
      break;
    case Type::list:
      of_ = &value.as_list();
      break;
    case Type::string:
      HF_ASSERT(false);
  }
}

std::size_t Items::size() const {
  return std::visit([](const auto* all) { return all->size(); }, of_);
}

void Items::encode(std::size_t from, std::size_t end, std::string& out) const {
  std::visit([&](const auto* all) { put_items(*all, from, end, out); }, of_);
}

bool Items::encode_piece(std::size_t piece, std::string& out) const {
  if (const auto* list = std::get_if<const List*>(&of_)) return put_list_piece(**list, piece, out);
  const std::size_t from = piece * piece_items;
  HF_ASSERT(from < size());
  encode(from, std::min(size(), from + piece_items), out);
  return true;
}

Pieces* pieces_of(Value& value) {
  switch (value.type()) {
    case Type::hash:
      return value.as_hash().pieces();
    case Type::set:
      return value.as_set().pieces();
    case Type::sorted_set:
      return value.as_sorted_set().pieces();
    case Type::list:
      return value.as_list().pieces();
    case Type::string:
      return nullptr;
  }
  return nullptr;
}

void encode_head(const Value& value, std::string& out) {
  wire::put_u8(out, static_cast<std::uint8_t>(Form::pieces));
  wire::put_u8(out, static_cast<std::uint8_t>(form_of(value.type())));
  if (value.type() == Type::list) {
    put_list_head(value.as_list(), out);
  } else {
    wire::put_varint(out, Items(value).size());
  }
}

bool is_head(std::string_view bytes) {
  return !bytes.empty() && static_cast<Form>(bytes[0]) == Form::pieces;
}

struct PiecedValue::Impl {
  std::optional<ListOfPieces> list;  // nothing: it is another collection
  Filling filling;
  std::uint64_t size = 0;  // of that
  std::uint64_t taken = 0;
};

PiecedValue::PiecedValue(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
PiecedValue::PiecedValue(PiecedValue&&) noexcept = default;
PiecedValue::~PiecedValue() = default;

Result<PiecedValue> PiecedValue::of(std::string_view head) {
  wire::Reader in(head);
  const bool pieces = static_cast<Form>(in.u8()) == Form::pieces;
  const auto form = static_cast<Form>(in.u8());
  if (!pieces || !Filling::is_collection(form)) return damaged();
  auto impl = std::make_unique<Impl>(Impl{.list = {}, .filling = Filling(form)});
  if (form == Form::list) {
    impl->list = ListOfPieces::of(in);
    if (!impl->list) return damaged();
  } else {
    impl->size = in.varint();
    if (impl->size <= piece_items) return damaged();
  }
  if (!in.at_end()) return damaged();
  return PiecedValue(std::move(impl));
}

std::uint64_t PiecedValue::numbers() const {
  if (impl_->list) return impl_->list->numbers();
  return impl_->size / piece_items + (impl_->size % piece_items == 0 ? 0 : 1);
}

Status PiecedValue::take(std::uint32_t number, std::string_view piece) {
  wire::Reader in(piece);
  if (impl_->list) {
    if (!impl_->list->take(number, in)) return damaged();
    return {};
  }
  const std::uint64_t n = std::min<std::uint64_t>(impl_->size - impl_->taken, piece_items);
  if (n == 0 || number != impl_->taken / piece_items) return damaged();
  if (!impl_->filling.take(in, n) || !in.at_end()) return damaged();
  impl_->taken += n;
  return {};
}

Result<Value> PiecedValue::finish() && {
  const auto made = [&]() -> Result<Value> {
    if (impl_->list) {
      std::unique_ptr<List> list = std::move(*impl_->list).finish();
      if (list == nullptr) return damaged();
      return Value::list(std::move(list));
    }
    if (impl_->taken < impl_->size) return damaged();
    return impl_->filling.finish();
  };
  Result<Value> value = made();
  if (value) pieces_of(*value)->set_all(Pieces::stored);
  return value;
}

}  // namespace holdfast
