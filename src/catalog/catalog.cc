// SPDX-License-Identifier: Apache-2.0
#include "catalog/catalog.h"

#include <cstring>

#include "base/assert.h"
#include "base/checksum.h"
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
  const bool named = id == Catalog::id_of_name(keyspace.name).value;
  if (!in.ok() || id == 0 || (id >= limits::keyspaces_max && !named) ||
      (flags & ~known_flags) != 0 || !Catalog::check(keyspace)) {
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
Status check_settings(std::string_view owner, Millis retain_ids) {
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
  Keyspace keyspace;
  keyspace.id = default_id;
  keyspace.name = default_name;
  default_ = add(std::move(keyspace));
  next_id_ = default_id.value + 1;
}

Catalog::~Catalog() = default;

const Keyspace* Catalog::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

const Keyspace* Catalog::find(KeyspaceId id) const {
  const auto found = by_id_.find(id.value);
  return found == by_id_.end() ? nullptr : found->second.get();
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
  for (const auto& [id, keyspace] : by_id_) keyspaces.push_back(keyspace.get());
  return keyspaces;
}

void Catalog::changed() {
  ++version_;
  last_size_ = 0;
  last_ = nullptr;
}

Keyspace* Catalog::add(Keyspace keyspace) {
  std::unique_ptr<Keyspace>& place = by_id_[keyspace.id.value];
  HF_ASSERT(place == nullptr);
  place = std::make_unique<Keyspace>(std::move(keyspace));
  Keyspace* added = place.get();
  by_name_.emplace(added->name, added);
  changed();
  return added;
}

KeyspaceId Catalog::id_of_name(std::string_view name) {
  const auto hash = static_cast<std::uint32_t>(hash128(name, 0).low);
  return KeyspaceId{named_ids_begin | (hash & (named_ids_begin - 1))};
}

Status Catalog::check(const Keyspace& wanted) {
  if (!is_keyspace_name(wanted.name))
    return fail(Code::err, "a keyspace's name is 1 to 64 of A-Z a-z 0-9 _ . -");
  return check_settings(wanted.owner, wanted.retain_ids);
}

Result<const Keyspace*> Catalog::create(Keyspace wanted) {
  if (find(wanted.name) != nullptr)
    return fail(Code::err, "keyspace " + quoted(wanted.name) + " exists");
  if (Status allowed = check(wanted); !allowed)
    return tl::unexpected<Error>(std::move(allowed.error()));
  if (next_id_ >= limits::keyspaces_max)
    return fail(Code::err, "no more keyspaces: " + std::to_string(limits::keyspaces_max - 1) +
                               " were made, those dropped included");
  wanted.id.value = next_id_++;
  return add(std::move(wanted));
}

const Keyspace& Catalog::put(Keyspace keyspace) {
  HF_ASSERT(keyspace.id == id_of_name(keyspace.name));
  const auto found = by_id_.find(keyspace.id.value);
  if (found == by_id_.end()) return *add(std::move(keyspace));
  HF_ASSERT(found->second->name == keyspace.name);
  by_name_.erase(keyspace.name);  // it looks at the object's name
  *found->second = std::move(keyspace);
  by_name_.emplace(found->second->name, found->second.get());
  changed();
  return *found->second;
}

Result<const Keyspace*> Catalog::alter(std::string_view name, const KeyspaceChange& change) {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return fail(Code::err, "no keyspace " + quoted(name));
  Keyspace& keyspace = *found->second;
  if (change.owner && keyspace.id == default_id)
    return fail(Code::err, "keyspace 'default' has no owner");
  if (Status allowed = check_settings(change.owner.value_or(keyspace.owner),
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
  std::unique_ptr<const Keyspace> dropped = std::move(by_id_.extract(id.value).mapped());
  changed();
  return dropped;
}

std::string Catalog::encode() const {
  std::string out;
  wire::put_u8(out, encoding_version);
  wire::put_varint(out, version_);
  wire::put_varint(out, next_id_);
  wire::put_varint(out, by_id_.size());
  for (const auto& [id, keyspace] : by_id_) holdfast::encode(*keyspace, out);
  return out;
}

Status Catalog::decode(std::string_view bytes) {
  wire::Reader in(bytes);
  if (in.u8() != encoding_version)
    return fail(Code::corrupt, "catalog: a version that this build does not know");
  const std::uint64_t version = in.varint();
  const std::uint64_t next_id = in.varint();
  const std::uint64_t count = in.varint();
  if (!in.ok() || next_id > limits::keyspaces_max || count >= limits::keyspaces_max)
    return fail(Code::corrupt, "catalog: its counts are out of range");
  decltype(by_id_) by_id;
  decltype(by_name_) by_name;
  std::uint32_t last_id = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::optional<Keyspace> keyspace = decode_keyspace(in);
    if (!keyspace || keyspace->id.value <= last_id ||
        (keyspace->id.value >= next_id && keyspace->id.value < named_ids_begin))
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
  default_ = found->second;
  by_name_ = std::move(by_name);  // first: the old names die with the old objects
  by_id_ = std::move(by_id);
  next_id_ = static_cast<std::uint32_t>(next_id);
  changed();
  version_ = version;
  return {};
}

}  // namespace holdfast
