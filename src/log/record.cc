// SPDX-License-Identifier: Apache-2.0
#include "log/record.h"

#include <algorithm>

#include "base/assert.h"
#include "base/checksum.h"
#include "base/limits.h"
#include "base/wire.h"

namespace holdfast::log_format {
namespace {

constexpr std::string_view segment_magic = "HOLDFLOG";
constexpr std::string_view record_magic = "HFR";  // the kind is its fourth byte
constexpr std::size_t checksum_bytes = 8;
// No log comes so far; what is beyond was not written by one.
constexpr std::uint64_t position_max = std::uint64_t{1} << 62;

std::uint64_t seed_of(const Place& place) {
  std::uint64_t facts[] = {place.log_id, place.segment, place.offset};
  return checksum({reinterpret_cast<const char*>(facts), sizeof facts});
}

}  // namespace

std::string encode(const SegmentHeader& header) {
  std::string out(segment_magic);
  wire::put_u32(out, version);
  wire::put_u32(out, segment_header_bytes);
  wire::put_u64(out, header.log_id);
  wire::put_u64(out, header.number);
  wire::put_u64(out, header.bytes);
  out.resize(segment_header_bytes - checksum_bytes);
  wire::put_u64(out, checksum(out));
  HF_ASSERT(out.size() == segment_header_bytes);
  return out;
}

std::optional<SegmentHeader> parse_segment_header(std::string_view bytes,
                                                  std::uint32_t& version_found) {
  version_found = 0;
  if (bytes.size() < segment_header_bytes) return std::nullopt;
  bytes = bytes.substr(0, segment_header_bytes);
  const std::string_view covered = bytes.substr(0, segment_header_bytes - checksum_bytes);
  wire::Reader end(bytes.substr(covered.size()));
  if (end.u64() != checksum(covered)) return std::nullopt;
  wire::Reader in(covered);
  if (in.raw(segment_magic.size()) != segment_magic) return std::nullopt;
  version_found = in.u32();
  if (version_found != version || in.u32() != segment_header_bytes) return std::nullopt;
  SegmentHeader header;
  header.log_id = in.u64();
  header.number = in.u64();
  header.bytes = in.u64();
  return header;
}

void put_header(std::string& out, const RecordHeader& header, const Place& place) {
  HF_ASSERT(place.offset % alignment == 0 && header.payload_bytes <= limits::entry_bytes_max);
  const std::size_t start = out.size();
  out.append(record_magic);
  wire::put_u8(out, static_cast<std::uint8_t>(header.kind));
  wire::put_u32(out, header.payload_bytes);
  wire::put_u64(out, header.position.value);
  wire::put_u64(out, header.synced.value);
  wire::put_u64(out, header.payload_checksum);
  wire::put_u64(out, checksum(std::string_view(out).substr(start), seed_of(place)));
  HF_ASSERT(out.size() == start + record_header_bytes);
}

std::uint64_t payload_checksum(std::string_view payload, Position position) {
  return checksum(payload, position.value);
}

void put_record(std::string& out, Kind kind, Position position, Position synced,
                std::string_view payload, const Place& place) {
  RecordHeader header{.kind = kind, .position = position, .synced = synced};
  header.payload_bytes = static_cast<std::uint32_t>(payload.size());
  header.payload_checksum = payload_checksum(payload, position);
  const std::size_t end = out.size() + record_bytes(payload.size());
  put_header(out, header, place);
  out.append(payload);
  out.resize(end);
}

bool looks_like_header(std::string_view bytes) {
  return bytes.starts_with(record_magic);
}

std::optional<RecordHeader> parse_header(std::string_view bytes, const Place& place) {
  HF_ASSERT(bytes.size() >= record_header_bytes);
  if (!looks_like_header(bytes)) return std::nullopt;
  const std::string_view covered = bytes.substr(0, record_header_bytes - checksum_bytes);
  wire::Reader in(bytes);
  in.raw(record_magic.size());
  RecordHeader header;
  const std::uint8_t kind = in.u8();
  header.payload_bytes = in.u32();
  header.position.value = in.u64();
  header.synced.value = in.u64();
  header.payload_checksum = in.u64();
  if (in.u64() != checksum(covered, seed_of(place))) return std::nullopt;
  // Intact but not as we write it: made by a later version or by no log at all.
  if (kind < 1 || kind > 4 || header.payload_bytes > limits::entry_bytes_max) return std::nullopt;
  header.kind = static_cast<Kind>(kind);
  if (header.kind != Kind::entry && header.payload_bytes != 0) return std::nullopt;
  if (header.position.value > position_max || header.synced > header.position) return std::nullopt;
  return header;
}

bool payload_intact(const RecordHeader& header, std::string_view padded) {
  if (record_header_bytes + padded.size() != record_bytes(header.payload_bytes)) return false;
  const std::string_view payload = padded.substr(0, header.payload_bytes);
  const std::string_view padding = padded.substr(header.payload_bytes);
  return payload_checksum(payload, header.position) == header.payload_checksum &&
         std::all_of(padding.begin(), padding.end(), [](char c) { return c == 0; });
}

}  // namespace holdfast::log_format
