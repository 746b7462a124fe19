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

/// Entries one behind the other in chunks, 29 bytes and the reply each, as an
/// arena had them when this was copied from it; copies share the memory. What
/// they hold never changes, so each may be read by a thread of its own.
class Entries {
 public:
  /// A half-open stretch of byte offsets that begins and ends between entries.
  struct Range {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::uint64_t entries = 0;
    bool operator==(const Range&) const = default;
  };

  bool is(Ref ref, const Hash128& hash) const {
    Hash128 stored;
    std::memcpy(&stored, at(offset_of(ref)), sizeof(stored));
    return stored == hash;
  }
  Entry read(Ref ref) const {
    std::uint64_t end;
    return read_at(offset_of(ref), end);
  }

  /// Calls each(entry, its place) for the range's entries.
  template <typename Each>
  void walk(const Range& range, Each&& each) const {
    std::uint64_t offset = range.begin;
    while (offset < range.end) {
      const std::uint64_t chunk = offset / chunk_bytes;
      if (chunk < used_.size() && offset % chunk_bytes >= used_[chunk]) {
        offset = (chunk + 1) * chunk_bytes;  // the next entry did not fit behind this one
        continue;
      }
      const auto ref = static_cast<Ref>(offset / 2);
      const Entry entry = read_at(offset, offset);
      each(entry, ref);
    }
  }

 protected:
  static constexpr std::uint64_t chunk_bytes = 64_KiB;

  static std::uint64_t offset_of(Ref ref) { return std::uint64_t{ref} * 2; }
  const char* at(std::uint64_t offset) const {
    return chunks_[offset / chunk_bytes].get() + offset % chunk_bytes;
  }
  /// `end`: where the next one lies, if there is room for it in the chunk.
  Entry read_at(std::uint64_t offset, std::uint64_t& end) const;

  std::vector<std::shared_ptr<char[]>> chunks_;
  std::vector<std::uint32_t> used_;  // of every chunk but the last
  std::vector<std::shared_ptr<const std::string>> long_replies_;
  std::int64_t base_ms_ = 0;  // what the entries' times count from
};

/// Where entries are added: nothing is ever changed or freed but all at once.
/// Places stay valid; views of an entry hold until the next append.
class Arena : public Entries {
 public:
  static constexpr std::uint64_t bytes_max = std::uint64_t{1} << 33;  // what a Ref can name

  Ref append(const Hash128& hash, std::uint64_t fingerprint, Instant first_applied, bool voided,
             std::string_view reply);

  std::uint64_t end() const { return end_; }
  std::size_t memory_bytes() const { return memory_bytes_; }

 private:
  static constexpr std::uint64_t first_chunk_bytes = 1_KiB;  // grown: most keyspaces are small

  char* room_for(std::size_t bytes);

  std::uint64_t capacity_ = 0;  // of the last chunk
  std::uint64_t end_ = 2;       // a Ref of 0 is nowhere
  std::size_t memory_bytes_ = 0;
};

}  // namespace holdfast::dedup
