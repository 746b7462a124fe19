// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "dedup/arena.h"
#include "dedup/window.h"

namespace holdfast::dedup {

/// The rows of Family::ids: docs/formats/ids.md.

/// One sorted run of ids on disk, hashed into pages. Many ids a row, because a
/// row each would cost several times as much to write, to index and to load.
struct SegmentName {
  std::uint32_t generation = 0;
  std::uint32_t segment = 0;
};

std::string meta_key(KeyspaceId keyspace);
std::string page_key(KeyspaceId keyspace, SegmentName name, std::uint32_t page);
/// What the keys of a segment's rows start with.
std::string segment_prefix(KeyspaceId keyspace, SegmentName name);
std::string filter_key(KeyspaceId keyspace, SegmentName name, std::size_t part);
bool is_page_key(std::string_view key);
/// A filter is stored in parts, so that none takes long to hand over.
inline constexpr std::size_t filter_part_bytes = 256_KiB;

/// Spreads the id's hash anew with a secret, so that nobody can choose ids
/// that all fall into one bucket or page.
std::uint64_t spread(const Hash128& hash, std::uint64_t seed);

inline constexpr std::uint64_t ids_per_page = 96;  // about 3.5 KB with integer replies
inline std::uint32_t pages_for(std::uint64_t ids) {
  return static_cast<std::uint32_t>(ids / ids_per_page + 1);
}
inline std::uint32_t page_of(std::uint64_t spread_hash, std::uint32_t pages) {
  return static_cast<std::uint32_t>((spread_hash >> 32) * pages >> 32);
}

/// A page is its header and then entries; of an id that is there twice the
/// last counts.
void start_page(std::string& page, Instant base);
void append_entry(std::string& page, Instant base, const Entry& entry);
/// Every entry in order; kCorrupt when the bytes are no page.
Status read_page(std::string_view page, std::vector<Entry>& entries);

struct SegmentMeta {
  std::uint32_t number = 0;
  std::uint32_t pages = 0;
  std::uint64_t ids = 0;
  std::uint64_t seed = 0;
};
struct GenerationMeta {
  std::uint32_t number = 0;
  bool sealed = false;
  Instant started{};
  Instant latest{};
  std::vector<SegmentMeta> segments;
};
struct Meta {
  std::uint32_t next_generation = 1;
  std::uint32_t next_segment = 1;
  std::vector<GenerationMeta> generations;
};
std::string encode_meta(const Meta& meta, const Window& window);
Status decode_meta(std::string_view bytes, Meta& meta, Window& window);

}  // namespace holdfast::dedup
