// SPDX-License-Identifier: Apache-2.0
#include "catalog/catalog.h"

#include <cstring>

#include "base/assert.h"
#include "base/wire.h"

namespace holdfast {
namespace {

constexpr std::uint8_t encoding_version = 1;  // docs/formats/catalog.md

enum KeyspaceFlags : std::uint8_t {
  is_eventual = 1 << 0,
  requires_id = 1 << 1,
  syncs_every_second = 1 << 2,
  known_flags = is_eventual | requires_id | syncs_every_second,
};

void encode(const Keyspace& keyspace, std::string& out) {
  std::uint8_t flags = 0;
  if (keyspace.guarantee == Guarantee::eventual) flags |= is_eventual;
  if (keyspace.require_id) flags |= requires_id;
  if (keyspace.durability == Durability::everysec) flags |= syncs_every_second;
  wire::put_varint(out, keyspace.id.value);
  wire::put_u8(out, flags);
  wire::put_bytes(out, keyspace.name);
  wire::put_bytes(out, keyspace.owner);
  wire::put_signed(out, keyspace.retain_ids.count());
  wire::put_varint(out, keyspace.ids_bytes_max);
  wire::put_signed(out, to_ms(keyspace.created));
}

bool retain_in_range(Millis retain_ids) {
  return retain_ids.count() >= limits::retain_ids_ms_min &&
         retain_ids.count() <= limits::retain_ids_ms_max;
}

bool is_owner(std::string_view owner) {
  return owner.empty() || is_keyspace_name(owner);
}

// Nothing when it is none.
std::optional<Keyspace> decode_keyspace(wire::Reader& in) {
  Keyspace keyspace;
  const std::uint64_t id = in.varint();
  const std::uint8_t flags = in.u8();
  keyspace.name = in.bytes();
  keyspace.owner = in.bytes();
  keyspace.retain_ids = Millis(in.signed_varint());
  keyspace.ids_bytes_max = in.varint();
  keyspace.created = instant_from_ms(in.signed_varint());
  if (!in.ok() || id == 0 || id >= limits::keyspaces_max || (flags & ~known_flags) != 0 ||
      !is_keyspace_name(keyspace.name) || !is_owner(keyspace.owner) ||
      !retain_in_range(keyspace.retain_ids)) {
    return std::nullopt;
  }
  keyspace.id.value = static_cast<std::uint32_t>(id);
  keyspace.guarantee = (flags & is_eventual) != 0 ? Guarantee::eventual : Guarantee::strong;
  keyspace.require_id = (flags & requires_id) != 0;
  keyspace.durability =
      (flags & syncs_every_second) != 0 ? Durability::everysec : Durability::always;
  return keyspace;
}

// What CREATE and ALTER both ask of settings.
Status check(std::string_view owner, Millis retain_ids) {
  if (!is_owner(owner)) return fail(Code::err, "a service's name is 1 to 64 of A-Z a-z 0-9 _ . -");
  if (!retain_in_range(retain_ids))
    return fail(Code::err, "RETAIN-IDS must lie between 1s and 3650d");
  return {};
}

std::string quoted(std::string_view name) {
  return "'" + std::string(name) + "'";
}

}  // namespace

bool is_keyspace_name(std::string_view name) {
  if (name.empty() || name.size() > limits::keyspace_name_bytes_max) return false;
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool digit = c >= '0' && c <= '9';
    if (!letter && !digit && c != '_' && c != '.' && c != '-') return false;
  }
  return true;
}

Catalog::Catalog() {
  by_id_.resize(default_id.value);  // id 0 is nobody's
  Keyspace keyspace;
  keyspace.id = default_id;
  keyspace.name = default_name;
  add(std::move(keyspace));
}

Catalog::~Catalog() = default;

const Keyspace* Catalog::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

const Keyspace* Catalog::find(KeyspaceId id) const {
  return id.value < by_id_.size() ? by_id_[id.value].get() : nullptr;
}

const Keyspace& Catalog::of_key(std::string_view key) const {
  const auto* colon = static_cast<const char*>(std::memchr(key.data(), ':', key.size()));
  if (colon == nullptr) return default_keyspace();
  const std::string_view name = key.substr(0, static_cast<std::size_t>(colon - key.data()));
  if (name.empty() || name.size() > limits::keyspace_name_bytes_max) return default_keyspace();
  if (name.size() == last_size_ && std::memcmp(name.data(), last_name_, last_size_) == 0)
    return *last_;
  const Keyspace* found = find(name);
  last_ = found != nullptr ? found : &default_keyspace();
  last_size_ = name.size();
  std::memcpy(last_name_, name.data(), name.size());
  return *last_;
}

std::vector<const Keyspace*> Catalog::all() const {
  std::vector<const Keyspace*> keyspaces;
  for (const auto& keyspace : by_id_) {
    if (keyspace) keyspaces.push_back(keyspace.get());
  }
  return keyspaces;
}

void Catalog::changed() {
  ++version_;
  last_size_ = 0;
  last_ = nullptr;
}

Keyspace* Catalog::add(Keyspace keyspace) {
  HF_ASSERT(keyspace.id.value == by_id_.size());
  Keyspace* added = by_id_.emplace_back(std::make_unique<Keyspace>(std::move(keyspace))).get();
  by_name_.emplace(added->name, added);
  changed();
  return added;
}

Result<const Keyspace*> Catalog::create(Keyspace wanted) {
  if (!is_keyspace_name(wanted.name))
    return fail(Code::err, "a keyspace's name is 1 to 64 of A-Z a-z 0-9 _ . -");
  if (find(wanted.name) != nullptr)
    return fail(Code::err, "keyspace " + quoted(wanted.name) + " exists");
  if (Status allowed = check(wanted.owner, wanted.retain_ids); !allowed)
    return tl::unexpected<Error>(std::move(allowed.error()));
  if (by_id_.size() >= limits::keyspaces_max)
    return fail(Code::err, "no more keyspaces: " + std::to_string(limits::keyspaces_max - 1) +
                               " were made, those dropped included");
  wanted.id.value = static_cast<std::uint32_t>(by_id_.size());
  return add(std::move(wanted));
}

Result<const Keyspace*> Catalog::alter(std::string_view name, const KeyspaceChange& change) {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return fail(Code::err, "no keyspace " + quoted(name));
  Keyspace& keyspace = *found->second;
  if (change.owner && keyspace.id == default_id)
    return fail(Code::err, "keyspace 'default' has no owner");
  if (Status allowed = check(change.owner.value_or(keyspace.owner),
                             change.retain_ids.value_or(keyspace.retain_ids));
      !allowed) {
    return tl::unexpected<Error>(std::move(allowed.error()));
  }
  if (change.owner) keyspace.owner = *change.owner;
  if (change.retain_ids) keyspace.retain_ids = *change.retain_ids;
  if (change.require_id) keyspace.require_id = *change.require_id;
  if (change.durability) keyspace.durability = *change.durability;
  if (change.ids_bytes_max) keyspace.ids_bytes_max = *change.ids_bytes_max;
  changed();
  return &keyspace;
}

Result<std::unique_ptr<const Keyspace>> Catalog::drop(std::string_view name) {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return fail(Code::err, "no keyspace " + quoted(name));
  const KeyspaceId id = found->second->id;
  if (id == default_id) return fail(Code::err, "keyspace 'default' cannot be dropped");
  by_name_.erase(found);
  std::unique_ptr<const Keyspace> dropped = std::move(by_id_[id.value]);
  changed();
  return dropped;
}

std::string Catalog::encode() const {
  std::string out;
  wire::put_u8(out, encoding_version);
  wire::put_varint(out, version_);
  wire::put_varint(out, by_id_.size());
  wire::put_varint(out, by_name_.size());
  for (const auto& keyspace : by_id_) {
    if (keyspace) holdfast::encode(*keyspace, out);
  }
  return out;
}

Status Catalog::decode(std::string_view bytes) {
  wire::Reader in(bytes);
  if (in.u8() != encoding_version)
    return fail(Code::corrupt, "catalog: a version that this build does not know");
  const std::uint64_t version = in.varint();
  const std::uint64_t next_id = in.varint();
  const std::uint64_t count = in.varint();
  if (!in.ok() || next_id > limits::keyspaces_max || count >= next_id)
    return fail(Code::corrupt, "catalog: its counts are out of range");
  decltype(by_id_) by_id(static_cast<std::size_t>(next_id));
  decltype(by_name_) by_name;
  std::uint32_t last_id = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::optional<Keyspace> keyspace = decode_keyspace(in);
    if (!keyspace || keyspace->id.value <= last_id || keyspace->id.value >= next_id)
      return fail(Code::corrupt, "catalog: a keyspace is malformed or out of order");
    last_id = keyspace->id.value;
    by_id[last_id] = std::make_unique<Keyspace>(std::move(*keyspace));
    if (!by_name.emplace(by_id[last_id]->name, by_id[last_id].get()).second)
      return fail(Code::corrupt, "catalog: two keyspaces have one name");
  }
  if (!in.at_end()) return fail(Code::corrupt, "catalog: bytes after the last keyspace");
  const auto found = by_name.find(default_name);
  if (found == by_name.end() || found->second->id != default_id ||
      found->second->guarantee != Guarantee::strong) {
    return fail(Code::corrupt, "catalog: keyspace 'default' is missing");
  }
  by_name_ = std::move(by_name);  // first: the old names die with the old objects
  by_id_ = std::move(by_id);
  changed();
  version_ = version;
  return {};
}

}  // namespace holdfast
