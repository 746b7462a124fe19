// SPDX-License-Identifier: Apache-2.0
#include "catalog/services.h"

#include <openssl/crypto.h>

#include <algorithm>

#include "base/limits.h"
#include "base/wire.h"
#include "catalog/catalog.h"

namespace holdfast {
namespace {

constexpr std::uint8_t encoding_version = 1;  // docs/formats/services.md

enum ServiceFlags : std::uint8_t {
  flag_administers = 1 << 0,
  flag_has_former = 1 << 1,
  known_flags = flag_administers | flag_has_former,
};

bool same(const TokenHash& a, const TokenHash& b) {
  return CRYPTO_memcmp(a.bytes.data(), b.bytes.data(), TokenHash::size) == 0;
}

std::string quoted(std::string_view name) {
  return "'" + std::string(name) + "'";
}

void put_hash(std::string& out, const TokenHash& hash) {
  out.append(reinterpret_cast<const char*>(hash.bytes.data()), hash.bytes.size());
}

TokenHash read_hash(wire::Reader& in) {
  TokenHash hash;
  for (std::uint8_t& byte : hash.bytes) byte = in.u8();
  return hash;
}

void encode(const Service& service, std::string& out) {
  std::uint8_t flags = 0;
  if (service.administers) flags |= flag_administers;
  if (service.former) flags |= flag_has_former;
  wire::put_varint(out, service.id.value);
  wire::put_u8(out, flags);
  wire::put_bytes(out, service.name);
  wire::put_signed(out, to_ms(service.created));
  put_hash(out, service.token);
  if (!service.former) return;
  put_hash(out, *service.former);
  wire::put_signed(out, to_ms(service.former_until));
}

std::optional<Service> decode_service(wire::Reader& in) {
  Service service;
  const std::uint64_t id = in.varint();
  const std::uint8_t flags = in.u8();
  service.name = in.bytes();
  service.created = instant_from_ms(in.signed_varint());
  service.token = read_hash(in);
  if ((flags & flag_has_former) != 0) {
    service.former = read_hash(in);
    service.former_until = instant_from_ms(in.signed_varint());
  }
  if (!in.ok() || id == 0 || id >= limits::services_ever_max || (flags & ~known_flags) != 0 ||
      !is_keyspace_name(service.name)) {
    return std::nullopt;
  }
  service.id.value = static_cast<std::uint32_t>(id);
  service.administers = (flags & flag_administers) != 0;
  return service;
}

}  // namespace

const Service* Services::find(std::string_view name) const {
  const auto at = by_name_.find(name);
  return at == by_name_.end() ? nullptr : at->second;
}

const Service* Services::find(ServiceId id) const {
  const auto at = by_id_.find(id.value);
  return at == by_id_.end() ? nullptr : at->second.get();
}

// Compares with all of them, so the time tells nothing of which comes close.
const Service* Services::by_token(const TokenHash& token, Instant now) const {
  const Service* found = nullptr;
  for (const auto& [id, service] : by_id_) {
    const bool former = service->former && same(*service->former, token);
    if (same(service->token, token) || (former && now < service->former_until))
      found = service.get();
  }
  return found;
}

std::vector<const Service*> Services::all() const {
  std::vector<const Service*> all;
  for (const auto& [id, service] : by_id_) all.push_back(service.get());
  return all;
}

Result<const Service*> Services::create(std::string_view name, bool administers,
                                        const TokenHash& token, Instant now) {
  if (!is_keyspace_name(name))
    return fail(Code::err, "a service's name is 1 to 64 of A-Z a-z 0-9 _ . -");
  if (find(name) != nullptr) return fail(Code::err, "service " + quoted(name) + " exists");
  if (by_id_.empty() && !administers) {
    return fail(Code::err,
                "from the first service on everybody has to sign in, so it has to be one that "
                "administers: SERVICE CREATE <name> ADMIN");
  }
  if (by_id_.size() >= limits::services_max || next_id_ >= limits::services_ever_max)
    return fail(Code::err, "more services than there can be");
  auto service = std::make_unique<Service>();
  service->id.value = next_id_++;
  service->name = name;
  service->administers = administers;
  service->token = token;
  service->created = now;
  Service* const added = service.get();
  by_name_.emplace(added->name, added);
  by_id_.emplace(added->id.value, std::move(service));
  ++version_;
  return added;
}

Result<const Service*> Services::rotate(std::string_view name, const TokenHash& token,
                                        Millis overlap, Instant now) {
  const auto at = by_name_.find(name);
  if (at == by_name_.end()) return fail(Code::err, "no service " + quoted(name));
  Service& service = *at->second;
  service.former.reset();
  if (overlap.count() > 0) {
    service.former = service.token;
    service.former_until = now + overlap;
  }
  service.token = token;
  ++version_;
  return &service;
}

bool Services::is_last_administrator(const Service& service) const {
  return service.administers && std::ranges::none_of(by_id_, [&](const auto& other) {
           return other.second.get() != &service && other.second->administers;
         });
}

Status Services::drop(std::string_view name) {
  const auto at = by_name_.find(name);
  if (at == by_name_.end()) return fail(Code::err, "no service " + quoted(name));
  if (is_last_administrator(*at->second))
    return fail(Code::err, quoted(name) + " is the only service that administers");
  const std::uint32_t id = at->second->id.value;
  by_name_.erase(at);
  by_id_.erase(id);
  ++version_;
  return {};
}

std::string Services::encode() const {
  std::string out;
  wire::put_u8(out, encoding_version);
  wire::put_varint(out, version_);
  wire::put_varint(out, next_id_);
  wire::put_varint(out, by_id_.size());
  for (const auto& [id, service] : by_id_) holdfast::encode(*service, out);
  return out;
}

Status Services::decode(std::string_view bytes) {
  wire::Reader in(bytes);
  if (in.u8() != encoding_version)
    return fail(Code::corrupt, "services: a version that this build does not know");
  const std::uint64_t version = in.varint();
  const std::uint64_t next_id = in.varint();
  const std::uint64_t count = in.varint();
  if (!in.ok() || next_id > limits::services_ever_max || count > limits::services_max)
    return fail(Code::corrupt, "services: their counts are out of range");
  Services read;
  std::uint32_t last_id = 0;
  bool administered = count == 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::optional<Service> service = decode_service(in);
    if (!service || service->id.value <= last_id || service->id.value >= next_id)
      return fail(Code::corrupt, "services: one is malformed or out of order");
    last_id = service->id.value;
    administered = administered || service->administers;
    auto kept = std::make_unique<Service>(*std::move(service));
    if (!read.by_name_.emplace(kept->name, kept.get()).second)
      return fail(Code::corrupt, "services: two have one name");
    read.by_id_.emplace(last_id, std::move(kept));
  }
  if (!in.ok() || !in.at_end()) return fail(Code::corrupt, "services: bytes after the last one");
  if (!administered) return fail(Code::corrupt, "services: none of them administers");
  by_name_ = std::move(read.by_name_);
  by_id_ = std::move(read.by_id_);
  next_id_ = static_cast<std::uint32_t>(next_id);
  version_ = version;
  return {};
}

}  // namespace holdfast
