// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace holdfast::etcd {

/// Where a cluster's things lie in etcd, and the form of an entry there:
/// docs/formats/etcd-log.md.
class Keys {
 public:
  explicit Keys(std::string_view cluster);

  std::string log_begin() const { return log_; }  // all of the log, entries and tail
  std::string log_end() const;
  std::string entries_begin() const { return log_ + "e/"; }
  std::string entries_end() const;
  /// The tail, the log's id and the mark of what was trimmed, without the entries.
  std::string heads_begin() const { return log_ + "f"; }
  std::string id() const { return log_ + "id"; }
  std::string tail() const { return log_ + "tail"; }
  std::string trimmed() const { return log_ + "trimmed"; }

  std::string entry(std::uint64_t session, std::uint64_t counter) const;
  bool is_entry(std::string_view key) const { return key.starts_with(log_ + "e/"); }
  /// The session's part of an entry's key; entries of one session are in the
  /// order of their counters, which is that of their landing.
  std::string_view session_of(std::string_view entry_key) const;

  std::string nodes_begin() const { return root_ + "nodes/"; }
  std::string node(std::string_view id) const { return nodes_begin() + std::string(id); }
  std::string alive(std::string_view id) const { return root_ + "alive/" + std::string(id); }

 private:
  std::string root_;
  std::string log_;
};

/// An entry's value: version, checksum, payload.
std::string encode_entry(std::string_view payload);
/// The payload, a view into the value. kCorrupt.
Result<std::string_view> decode_entry(std::string_view value);
/// What encode_entry() adds.
inline constexpr std::size_t entry_overhead_bytes = 9;

/// The mark of what was trimmed: entries before this position may be gone.
std::string encode_trimmed(std::uint64_t before);
/// 0 for what is no mark: then nothing may be gone.
std::uint64_t decode_trimmed(std::string_view value);

/// What a checkpoint keeps, to be able to follow on: Log::place().
struct Place {
  std::uint64_t cluster_id = 0;
  std::string log_id;
  std::uint64_t position = 0;  // etcd's revision of the entry delivered last
  std::uint64_t ordinal = 0;   // which of all entries it was, from 1 on
  std::string key;             // its key
};
std::string encode_place(const Place& place);
Result<Place> decode_place(std::string_view bytes);

}  // namespace holdfast::etcd
