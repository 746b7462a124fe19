// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/checksum.h"
#include "base/units.h"

namespace holdfast::dedup {

/// Where an entry lies in its arena, in units of two bytes; 0 is nowhere.
using Ref = std::uint32_t;

/// One remembered outcome, as it lies in memory. The reply is canonical, so it
/// nearly always ends in CR LF, which short ones do not store.
struct Entry {
  Hash128 hash;
  std::uint64_t fingerprint = 0;
  Instant first_applied{};
  bool voided = false;
  bool crlf_follows = false;
  std::string_view stored_reply;

  std::size_t reply_size() const { return stored_reply.size() + (crlf_follows ? 2 : 0); }
  void append_reply(std::string& out) const {
    out.append(stored_reply);
    if (crlf_follows) out.append("\r\n", 2);
  }
};

/// Entries one behind the other in chunks, 29 bytes and the reply each: nothing
/// is ever changed or freed but all at once. Places stay valid; views of an
/// entry hold until the next append.
class Arena {
 public:
  /// A half-open stretch of byte offsets that begins and ends between entries.
  struct Range {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::uint64_t entries = 0;
    bool operator==(const Range&) const = default;
  };
  static constexpr std::uint64_t bytes_max = std::uint64_t{1} << 33;  // what a Ref can name

  Ref append(const Hash128& hash, std::uint64_t fingerprint, Instant first_applied, bool voided,
             std::string_view reply);

  bool is(Ref ref, const Hash128& hash) const {
    Hash128 stored;
    std::memcpy(&stored, at(offset_of(ref)), sizeof(stored));
    return stored == hash;
  }
  Entry read(Ref ref) const { return read_at(offset_of(ref)).entry; }

  std::uint64_t end() const { return end_; }
  std::size_t memory_bytes() const { return memory_bytes_; }

  /// Reads up to `max` entries of the range from `offset` on; returns where to
  /// go on, `range.end` when all were read.
  template <typename Each>
  std::uint64_t walk(const Range& range, std::uint64_t offset, std::size_t max, Each&& each) const {
    while (offset < range.end && max > 0) {
      const std::uint64_t chunk = offset / chunk_bytes;
      if (chunk < used_.size() && offset % chunk_bytes >= used_[chunk]) {
        offset = (chunk + 1) * chunk_bytes;  // the next entry did not fit behind this one
        continue;
      }
      const Placed placed = read_at(offset);
      each(placed.entry);
      offset = placed.end;
      --max;
    }
    return offset < range.end ? offset : range.end;
  }

 private:
  struct Placed {
    Entry entry;
    std::uint64_t end;
  };
  static constexpr std::uint64_t chunk_bytes = 64_KiB;
  static constexpr std::uint64_t first_chunk_bytes = 1_KiB;  // grown: most keyspaces are small

  static std::uint64_t offset_of(Ref ref) { return std::uint64_t{ref} * 2; }
  const char* at(std::uint64_t offset) const {
    return chunks_[offset / chunk_bytes].get() + offset % chunk_bytes;
  }
  Placed read_at(std::uint64_t offset) const;
  char* room_for(std::size_t bytes);

  std::vector<std::unique_ptr<char[]>> chunks_;
  std::vector<std::uint32_t> used_;  // of every chunk but the last
  std::vector<std::string> long_replies_;
  std::uint64_t capacity_ = 0;  // of the last chunk
  std::uint64_t end_ = 2;       // a Ref of 0 is nowhere
  std::size_t memory_bytes_ = 0;
  std::int64_t base_ms_ = 0;  // what the entries' times count from
};

}  // namespace holdfast::dedup
