// SPDX-License-Identifier: Apache-2.0
#include "dedup/rows.h"

#include "base/wire.h"
#include "table/store.h"

namespace holdfast::dedup {
namespace {

constexpr std::uint8_t page_version = 1;
constexpr std::uint8_t meta_version = 1;
constexpr char kind_meta = 0;
constexpr char kind_segment = 1;
constexpr std::size_t page_key_bytes = 17;
constexpr std::uint8_t flag_voided = 1;

void put_u32_big(std::string& out, std::uint32_t v) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(v >> shift));
}

}  // namespace

std::string meta_key(KeyspaceId keyspace) {
  std::string key = keyspace_row_prefix(keyspace);
  key.push_back(kind_meta);
  return key;
}

std::string segment_prefix(KeyspaceId keyspace, SegmentName name) {
  std::string key = keyspace_row_prefix(keyspace);
  key.push_back(kind_segment);
  put_u32_big(key, name.generation);
  put_u32_big(key, name.segment);
  return key;
}

std::string page_key(KeyspaceId keyspace, SegmentName name, std::uint32_t page) {
  std::string key = segment_prefix(keyspace, name);
  put_u32_big(key, page);
  return key;
}

std::string filter_key(KeyspaceId keyspace, SegmentName name, std::size_t part) {
  std::string key = segment_prefix(keyspace, name);
  key.push_back(static_cast<char>(part >> 8));
  key.push_back(static_cast<char>(part));
  return key;
}

bool is_page_key(std::string_view key) {
  return key.size() == page_key_bytes;
}

std::uint64_t spread(const Hash128& hash, std::uint64_t seed) {
  __extension__ using Wide = unsigned __int128;
  const std::uint64_t a = hash.low ^ seed ^ 0x9E3779B97F4A7C15;
  const std::uint64_t b = hash.high ^ (seed << 32 | seed >> 32) ^ 0xD1B54A32D192ED03;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

void start_page(std::string& page, Instant base) {
  wire::put_u8(page, page_version);
  wire::put_u64(page, static_cast<std::uint64_t>(to_ms(base)));
}

void append_entry(std::string& page, Instant base, const Entry& entry) {
  wire::put_u64(page, entry.hash.high);
  wire::put_u64(page, entry.hash.low);
  wire::put_u64(page, entry.fingerprint);
  wire::put_u8(page, entry.voided ? flag_voided : 0);
  wire::put_signed(page, (entry.first_applied - base).count());
  wire::put_varint(page, entry.reply_size());
  entry.append_reply(page);
}

Status read_page(std::string_view page, std::vector<Entry>& entries) {
  entries.clear();
  wire::Reader in(page);
  const std::uint8_t version = in.u8();
  const auto base = static_cast<std::int64_t>(in.u64());
  if (!in.ok() || version != page_version) {
    return fail(Code::corrupt, "a page of request ids is of no known version");
  }
  while (in.ok() && !in.at_end()) {
    Entry entry;
    entry.hash.high = in.u64();
    entry.hash.low = in.u64();
    entry.fingerprint = in.u64();
    entry.voided = (in.u8() & flag_voided) != 0;
    // Unsigned, so that damaged numbers wrap instead of overflowing.
    entry.first_applied = instant_from_ms(static_cast<std::int64_t>(
        static_cast<std::uint64_t>(base) + static_cast<std::uint64_t>(in.signed_varint())));
    entry.stored_reply = in.bytes();
    if (in.ok()) entries.push_back(entry);
  }
  if (!in.ok()) return fail(Code::corrupt, "a page of request ids is cut short");
  return {};
}

std::string encode_meta(const Meta& meta, const Window& window) {
  std::string out;
  wire::put_u8(out, meta_version);
  window.encode(out);
  wire::put_varint(out, meta.next_generation);
  wire::put_varint(out, meta.next_segment);
  wire::put_varint(out, meta.generations.size());
  for (const GenerationMeta& generation : meta.generations) {
    wire::put_varint(out, generation.number);
    wire::put_u8(out, generation.sealed ? 1 : 0);
    wire::put_signed(out, to_ms(generation.started));
    wire::put_signed(out, to_ms(generation.latest));
    wire::put_varint(out, generation.segments.size());
    for (const SegmentMeta& segment : generation.segments) {
      wire::put_varint(out, segment.number);
      wire::put_varint(out, segment.pages);
      wire::put_varint(out, segment.ids);
      wire::put_u64(out, segment.seed);
    }
  }
  return out;
}

Status decode_meta(std::string_view bytes, Meta& meta, Window& window) {
  wire::Reader in(bytes);
  if (in.u8() != meta_version) {
    return fail(Code::corrupt, "what is remembered of request ids is of no known version");
  }
  const auto number = [&in] { return static_cast<std::uint32_t>(in.varint()); };
  if (!window.decode(in)) {
    return fail(Code::corrupt, "the counts of request ids are cut short or out of order");
  }
  meta = {};
  meta.next_generation = number();
  meta.next_segment = number();
  for (std::uint64_t n = in.varint(); n > 0 && in.ok(); --n) {
    GenerationMeta& generation = meta.generations.emplace_back();
    generation.number = number();
    generation.sealed = in.u8() != 0;
    generation.started = instant_from_ms(in.signed_varint());
    generation.latest = instant_from_ms(in.signed_varint());
    for (std::uint64_t m = in.varint(); m > 0 && in.ok(); --m) {
      SegmentMeta& segment = generation.segments.emplace_back();
      segment.number = number();
      segment.pages = number();
      segment.ids = in.varint();
      segment.seed = in.u64();
      if (segment.pages != pages_for(segment.ids)) {
        return fail(Code::corrupt,
                    "a segment of request ids has another number of pages than ids need");
      }
    }
  }
  if (!in.ok() || !in.at_end()) {
    return fail(Code::corrupt, "what is remembered of request ids is cut short");
  }
  return {};
}

}  // namespace holdfast::dedup
