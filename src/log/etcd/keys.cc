// SPDX-License-Identifier: Apache-2.0
#include "log/etcd/keys.h"

#include <fmt/format.h>

#include <charconv>

#include "base/checksum.h"
#include "base/wire.h"
#include "log/etcd/api.h"

namespace holdfast::etcd {
namespace {

constexpr std::uint8_t entry_version = 1;
constexpr std::uint8_t place_version = 1;
constexpr std::size_t session_digits = 16;

}  // namespace

Keys::Keys(std::string_view cluster)
    : root_(fmt::format("/holdfast/{}/", cluster)), log_(root_ + "log/") {}

std::string Keys::log_end() const {
  return prefix_end(log_);
}
std::string Keys::entries_end() const {
  return prefix_end(entries_begin());
}

std::string Keys::entry(std::uint64_t session, std::uint64_t counter) const {
  return fmt::format("{}{:016x}-{:016x}", entries_begin(), session, counter);
}

std::string_view Keys::session_of(std::string_view entry_key) const {
  return entry_key.substr(log_.size() + 2, session_digits);
}

std::string encode_entry(std::string_view payload) {
  std::string value;
  value.reserve(payload.size() + entry_overhead_bytes);
  wire::put_u8(value, entry_version);
  wire::put_u64(value, checksum(payload));
  value.append(payload);
  return value;
}

Result<std::string_view> decode_entry(std::string_view value) {
  wire::Reader in(value);
  const std::uint8_t version = in.u8();
  const std::uint64_t expected = in.u64();
  if (!in.ok() || version != entry_version)
    return fail(Code::corrupt, "of a version that this build does not know");
  const std::string_view payload = value.substr(entry_overhead_bytes);
  if (checksum(payload) != expected) return fail(Code::corrupt, "its checksum does not fit");
  return payload;
}

std::string encode_trimmed(std::uint64_t before) {
  return std::to_string(before);
}

std::uint64_t decode_trimmed(std::string_view value) {
  std::uint64_t before = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), before);
  return error == std::errc{} && end == value.data() + value.size() ? before : 0;
}

std::string encode_place(const Place& place) {
  std::string out;
  wire::put_u8(out, place_version);
  wire::put_u64(out, place.cluster_id);
  wire::put_bytes(out, place.log_id);
  wire::put_varint(out, place.position);
  wire::put_varint(out, place.ordinal);
  wire::put_bytes(out, place.key);
  return out;
}

Result<Place> decode_place(std::string_view bytes) {
  wire::Reader in(bytes);
  Place place;
  if (in.u8() != place_version)
    return fail(Code::corrupt, "the log's place: a version that this build does not know");
  place.cluster_id = in.u64();
  place.log_id = in.bytes();
  place.position = in.varint();
  place.ordinal = in.varint();
  place.key = in.bytes();
  if (!in.ok() || !in.at_end())
    return fail(Code::corrupt, "the log's place: cut short or too long");
  return place;
}

}  // namespace holdfast::etcd
