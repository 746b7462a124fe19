// SPDX-License-Identifier: Apache-2.0
// How OpenState lies in checkpoints: docs/formats/open-rows.md.
#include <algorithm>
#include <span>
#include <utility>

#include "base/assert.h"
#include "base/wire.h"
#include "eventual/element_values.h"
#include "eventual/open_row_keys.h"
#include "eventual/open_state.h"

namespace holdfast::eventual {
namespace {

// Version 1 had no sorted sets: parts of three types.
constexpr std::uint8_t format_version = 2;
constexpr std::size_t types_of_version_1 = 3;

enum : std::uint8_t { has_id_flag = 1, replies_differ_flag = 2 };
enum : std::uint8_t { has_put_flag = 1, has_sum_flag = 2 };
enum : std::uint8_t { parked_flag = 1, has_expiry_flag = 2 };
enum : std::uint8_t { settled_flag = 0x80 };

std::string row_key_of(const OpenKey& key) {
  return open_row_key(key.keyspace, key_row).append(key.name.view());
}
std::string row_key_of(const UnstableOperation& operation) {
  std::string key = open_row_key(operation.keyspace, operation_row);
  put_big_endian(key, operation.dot.origin.value);
  put_big_endian(key, operation.dot.sequence);
  return key;
}

void encode_stamp(const Stamp& stamp, std::string& out) {
  wire::put_u64(out, stamp.time.value);
  wire::put_u64(out, stamp.origin.value);
}

std::string row_of(const UnstableOperation& operation) {
  std::string out;
  wire::put_u8(out, format_version);
  wire::put_u8(out,
               static_cast<std::uint8_t>((operation.has_id ? has_id_flag : 0) |
                                         (operation.replies_differ ? replies_differ_flag : 0)));
  wire::put_u64(out, operation.time.value);
  operation.seen->encode(out);
  wire::put_varint(out, operation.tries.size());
  for (const Dot& dot : operation.tries) {
    wire::put_u64(out, dot.origin.value);
    wire::put_varint(out, dot.sequence);
  }
  if (operation.has_id) {
    wire::put_u64(out, operation.id.hash.high);
    wire::put_u64(out, operation.id.hash.low);
    wire::put_u64(out, operation.fingerprint);
    wire::put_bytes(out, operation.reply.view());
  }
  return out;
}

void encode_parts(const Parts* parts, std::string& out) {
  std::string value;
  for (const Type type : types_by_rank) {
    value.clear();
    if (parts != nullptr && parts->of(type)) encode(*parts->of(type), value);
    wire::put_bytes(out, value);
  }
}

bool decode_parts(wire::Reader& in, std::size_t types, OpenKey& key, Parts OpenKey::Aside::*parts) {
  for (const Type type : std::span(types_by_rank).first(types)) {
    const std::string_view bytes = in.bytes();
    if (bytes.empty()) continue;
    Result<Value> value = decode_value(bytes);
    if (!value || value->type() != type) return false;
    (key.make_aside().*parts).of(type) = std::move(*value);
  }
  return in.ok();
}

void encode_element(const Element& element, std::string& out) {
  wire::put_u8(out, static_cast<std::uint8_t>(element.kind));
  wire::put_bytes(out, element.name.view());
  const Base& base = element.base;
  wire::put_u8(out, static_cast<std::uint8_t>((base.has_put ? has_put_flag : 0) |
                                              (base.has_sum ? has_sum_flag : 0)));
  encode_stamp(base.stamp, out);
  wire::put_signed(out, base.number);
  wire::put_bytes(out, base.text.view());
  wire::put_varint(out, element.items.size());
  for (const Item& item : element.items) {
    wire::put_u64(out, item.operation->dot.origin.value);
    wire::put_varint(out, item.operation->dot.sequence);
    wire::put_varint(out, item.index);
    wire::put_u8(out, static_cast<std::uint8_t>(static_cast<std::uint8_t>(item.role) |
                                                (item.settled ? settled_flag : 0)));
    wire::put_signed(out, item.number);
    wire::put_bytes(out, item.text.view());
  }
}

std::string row_of(const OpenKey& key) {
  std::string out;
  wire::put_u8(out, format_version);
  wire::put_u8(out, static_cast<std::uint8_t>((key.parked ? parked_flag : 0) |
                                              (key.live_expiry ? has_expiry_flag : 0)));
  wire::put_u8(out, key.shown ? static_cast<std::uint8_t>(*key.shown) : 0);
  wire::put_signed(out, key.live_expiry ? to_ms(*key.live_expiry) : 0);
  encode_parts(key.aside != nullptr ? &key.aside->hidden : nullptr, out);
  encode_parts(key.aside != nullptr ? &key.aside->displaced : nullptr, out);
  wire::put_varint(out, key.elements().size());
  for (const auto& element : key.elements()) encode_element(*element, out);
  return out;
}

bool is_known(std::uint8_t version) {
  return version >= 1 && version <= format_version;
}

Status damaged() {
  return fail(Code::corrupt, "the checkpoint's rows of unstable operations are damaged");
}

}  // namespace

// ---- While a checkpoint is written

void OpenState::write_early(OpenKey& key) {
  odd_.early(row_key_of(key), row_of(key));
  key.listed.stored = true;
  pending_keys_.remove(&key);
}

void OpenState::write_early(UnstableOperation& operation) {
  odd_.early(row_key_of(operation), row_of(operation));
  operation.listed.stored = true;
  pending_operations_.remove(&operation);
}

void OpenState::changing(OpenKey& key) {
  if (key.listed.mark == Mark::pending) write_early(key);
  if (key.listed.mark == Mark::clean) dirty_keys_.add(&key);
}

void OpenState::changing(UnstableOperation& operation) {
  if (operation.listed.mark == Mark::pending) write_early(operation);
  if (operation.listed.mark == Mark::clean) dirty_operations_.add(&operation);
}

void OpenState::forgetting(OpenKey& key) {
  if (key.listed.mark == Mark::pending) write_early(key);
  if (key.listed.mark == Mark::dirty) dirty_keys_.remove(&key);
  if (key.listed.stored) odd_.gone(row_key_of(key));
  key.listed.stored = false;
}

void OpenState::forgetting(UnstableOperation& operation) {
  if (operation.listed.mark == Mark::pending) write_early(operation);
  if (operation.listed.mark == Mark::dirty) dirty_operations_.remove(&operation);
  if (operation.listed.stored) odd_.gone(row_key_of(operation));
  operation.listed.stored = false;
}

void OpenState::begin_checkpoint() {
  odd_.begin();
  while (!dirty_operations_.empty()) {
    UnstableOperation* operation = dirty_operations_.back();
    dirty_operations_.remove(operation);
    pending_operations_.add(operation);
  }
  while (!dirty_keys_.empty()) {
    OpenKey* key = dirty_keys_.back();
    dirty_keys_.remove(key);
    pending_keys_.add(key);
  }
  light_.begin_checkpoint();
}

bool OpenState::checkpoint_slice(CheckpointRows& rows, std::size_t max_rows) {
  const std::size_t odd = odd_.write(rows, max_rows);
  for (std::size_t n = odd; n < max_rows; ++n) {
    if (!pending_operations_.empty()) {
      UnstableOperation& operation = *pending_operations_.back();
      rows.put(Family::open, row_key_of(operation), row_of(operation));
      operation.listed.stored = true;
      pending_operations_.remove(&operation);
    } else if (!pending_keys_.empty()) {
      OpenKey& key = *pending_keys_.back();
      rows.put(Family::open, row_key_of(key), row_of(key));
      key.listed.stored = true;
      pending_keys_.remove(&key);
    } else {
      const auto put = [&](const std::string& key, const std::string& row) {
        rows.put(Family::open, key, row);
      };
      return light_.write_rows(max_rows - n, put) < max_rows - n;
    }
  }
  return false;
}

void OpenState::end_checkpoint(bool committed) {
  odd_.end(committed);
  if (!committed) {  // nothing of it is in the store: all is to be written again
    for (const auto& operation : operations_) {
      if (operation->listed.mark == Mark::pending) pending_operations_.remove(operation.get());
      if (operation->listed.mark == Mark::clean) dirty_operations_.add(operation.get());
    }
    for (const auto& [id, space] : spaces_) {
      for (const auto& key : space->keys) {
        if (key->listed.mark == Mark::pending) pending_keys_.remove(key.get());
        if (key->listed.mark == Mark::clean) dirty_keys_.add(key.get());
      }
    }
  }
  light_.end_checkpoint(committed);
}

// ---- Loading

Status OpenState::load_light(std::string_view row_key, std::string_view row, const ByDot& by_dot) {
  const auto loaded = light_.load(row_key, row);
  if (!loaded || !could_be_light(*loaded)) return damaged();
  const KeyspaceId keyspace = keyspace_of_open_row(row_key);
  if (find_key(keyspace, loaded->effect.effect.key) != nullptr) return damaged();
  if (loaded->has_id) {
    // Of two operations that used one id the later is the one tried now, and that is the light one.
    const auto space = spaces_.find(keyspace.value);
    if (space != spaces_.end()) space->second->ids.erase(loaded->id);
    return {};
  }
  // Of an operation some of whose effects are not light.
  const auto whole = by_dot.find(loaded->dot);
  if (whole != by_dot.end() && whole->second->has_id) return damaged();
  if (whole != by_dot.end()) {
    whole->second->unpacked = true;
    unpacked_.emplace(loaded->dot, whole->second);
  }
  return {};
}

Status OpenState::load_operation(std::string_view row_key, std::string_view row, ByDot& by_dot) {
  if (row_key.size() != open_row_prefix_bytes + 16) return damaged();
  auto made = std::make_unique<UnstableOperation>();
  UnstableOperation& operation = *made;
  operation.keyspace = keyspace_of_open_row(row_key);
  operation.dot.origin.value = read_big_endian(row_key.substr(open_row_prefix_bytes, 8));
  operation.dot.sequence = read_big_endian(row_key.substr(open_row_prefix_bytes + 8));
  wire::Reader in(row);
  if (!is_known(in.u8())) return damaged();
  const std::uint8_t flags = in.u8();
  operation.has_id = (flags & has_id_flag) != 0;
  operation.replies_differ = (flags & replies_differ_flag) != 0;
  operation.time = HybridTime{in.u64()};
  operation.seen = share(VersionVector::decode(in));
  const std::uint64_t tries = in.varint();
  for (std::uint64_t i = 0; i < tries && in.ok(); ++i) {
    const Dot dot{OriginId{in.u64()}, in.varint()};
    operation.tries.push_back(dot);
    queue(operation, dot);
  }
  if (operation.has_id) {
    operation.id.hash.high = in.u64();
    operation.id.hash.low = in.u64();
    operation.fingerprint = in.u64();
    operation.reply = SpillingString(in.bytes());
  }
  operation.listed.stored = true;
  by_dot.emplace(operation.dot, &operation);
  own(std::move(made));
  if (operation.has_id) {
    auto& space = spaces_[operation.keyspace.value];
    if (space == nullptr) space = std::make_unique<Space>();
    // Of two operations that used one id the later is the one tried now.
    UnstableOperation*& of_id = space->ids[operation.id];
    if (of_id == nullptr || of_id->stamp() < operation.stamp()) of_id = &operation;
  }
  return in.ok() && in.at_end() ? Status() : damaged();
}

Status OpenState::load_key(std::string_view row_key, std::string_view row, const ByDot& by_dot) {
  auto made = std::make_unique<OpenKey>();
  OpenKey& key = *made;
  key.keyspace = keyspace_of_open_row(row_key);
  key.name = SpillingString(row_key.substr(open_row_prefix_bytes));
  key.listed.stored = true;
  wire::Reader in(row);
  const std::uint8_t version = in.u8();
  if (!is_known(version)) return damaged();
  const std::size_t types = version == 1 ? types_of_version_1 : types_by_rank.size();
  const std::uint8_t flags = in.u8();
  const std::uint8_t shown = in.u8();
  const std::int64_t expiry = in.signed_varint();
  key.parked = (flags & parked_flag) != 0;
  if ((flags & has_expiry_flag) != 0) key.live_expiry = instant_from_ms(expiry);
  if (shown > types) return damaged();
  if (shown != 0) key.shown = static_cast<Type>(shown);
  if (!decode_parts(in, types, key, &OpenKey::Aside::hidden)) return damaged();
  if (!decode_parts(in, types, key, &OpenKey::Aside::displaced)) return damaged();
  const std::uint64_t elements = in.varint();
  for (std::uint64_t i = 0; i < elements && in.ok(); ++i) {
    const std::uint8_t kind = in.u8();
    if (kind < static_cast<std::uint8_t>(ElementKind::content) ||
        kind > static_cast<std::uint8_t>(ElementKind::score))
      return damaged();
    const std::string_view name = in.bytes();
    if (key.find(static_cast<ElementKind>(kind), name) != nullptr) return damaged();
    Element& element = key.make(static_cast<ElementKind>(kind), name);
    const std::uint8_t base_flags = in.u8();
    element.base.has_put = (base_flags & has_put_flag) != 0;
    element.base.has_sum = (base_flags & has_sum_flag) != 0;
    element.base.stamp.time = HybridTime{in.u64()};
    element.base.stamp.origin = OriginId{in.u64()};
    element.base.number = in.signed_varint();
    element.base.text = SpillingString(in.bytes());
    const bool is_score = element.kind == ElementKind::score;
    if (is_score && element.base.has_put && !score_of(element.base.text.view())) return damaged();
    const std::uint64_t items = in.varint();
    for (std::uint64_t j = 0; j < items && in.ok(); ++j) {
      const OriginId origin{in.u64()};
      const auto found = by_dot.find(Dot{origin, in.varint()});
      const auto index = static_cast<std::uint32_t>(in.varint());
      const std::uint8_t role = in.u8();
      const std::int64_t number = in.signed_varint();
      const std::string_view text = in.bytes();
      const auto role_bits = static_cast<std::uint8_t>(role & ~settled_flag);
      if (!in.ok() || found == by_dot.end() ||
          role_bits < static_cast<std::uint8_t>(Role::remove) ||
          role_bits > static_cast<std::uint8_t>(Role::add) ||
          (is_score && static_cast<Role>(role_bits) == Role::put && !score_of(text)))
        return damaged();
      UnstableOperation& operation = *found->second;
      insert_item(element, Item{&operation, index, static_cast<Role>(role_bits),
                                (role & settled_flag) != 0, number, SpillingString(text)});
      if (operation.touched.empty() || operation.touched.back() != &element) {
        operation.touched.push_back(&element);
        ++element.refs;
      }
    }
    if (element.items.empty()) {  // it was kept for its operations; the next fold closes it
      element.fold_queued = true;
      ++element.refs;
      folds_.push_back(&element);
    }
  }
  if (!in.ok() || !in.at_end()) return damaged();
  if (key.elements().empty() && key.is_empty()) {
    key.emptied = ++emptied_;
    limbo_.push_back({key.keyspace, key.name, key.emptied, merged_});
  }
  auto& space = spaces_[key.keyspace.value];
  if (space == nullptr) space = std::make_unique<Space>();
  space->keys.insert(std::move(made));
  ++key_count_;
  return {};
}

Status OpenState::load(Store& store) {
  ByDot by_dot;
  Status result;
  const auto load_row = [&](std::string_view row_key, std::string_view row) -> Status {
    const char kind =
        row_key.size() < open_row_prefix_bytes ? '\0' : row_key[open_row_prefix_bytes - 1];
    if (kind == operation_row) return load_operation(row_key, row, by_dot);
    if (kind == key_row) return load_key(row_key, row, by_dot);
    if (kind == light_row) return load_light(row_key, row, by_dot);
    return damaged();
  };
  Status scanned =
      store.scan(Family::open, {}, {}, [&](std::string_view row_key, std::string_view row) {
        result = load_row(row_key, row);
        return result.has_value();
      });
  if (!scanned) return scanned;
  if (result && !light_.loaded()) result = damaged();
  for (auto& [origin, queued] : queues_) std::ranges::sort(queued, {}, &Queued::sequence);
  return result;
}

}  // namespace holdfast::eventual
