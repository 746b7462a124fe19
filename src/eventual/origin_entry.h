// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/hybrid_clock.h"
#include "base/units.h"
#include "base/wire.h"
#include "command/effect.h"
#include "dedup/id_table.h"
#include "eventual/clock.h"

namespace holdfast::eventual {

/// An effect as it is merged. `fresh`: its operation saw nothing at the key
/// (none, expired, removed), so it first removes whatever of the key it had
/// seen; then what one replica has already erased and another has not makes no
/// difference. put_string and clear do that anyway and are never fresh.
struct MergedEffect {
  Effect effect;
  bool fresh = false;
};

/// Walks the effects of one operation, whose bytes an EntryReader has checked.
class EffectReader {
 public:
  explicit EffectReader(std::string_view bytes) : in_(bytes) {}
  /// False at the end.
  bool next(MergedEffect& out);
  bool ok() const { return ok_ && in_.ok(); }
  const char* cursor() const { return in_.cursor(); }
  /// Whether the effects are one.
  static bool is_one(std::string_view bytes) {
    EffectReader reader(bytes);
    MergedEffect effect;
    return reader.next(effect) && !reader.next(effect);
  }

 private:
  wire::Reader in_;
  std::string_view key_;
  bool first_ = true;
  bool ok_ = true;
};

/// Appends what an EffectReader reads.
void put_effect(std::string& out, const MergedEffect& effect);

/// What an entry says of one operation beside its effects.
struct OperationHead {
  KeyspaceId keyspace;
  HybridTime time;
  bool has_id = false;
  IdKey id;
  std::uint64_t fingerprint = 0;
};

/// Gathers operations into one entry: docs/formats/origin-entry.md.
class EntryWriter {
 public:
  bool is_open() const { return open_; }
  std::uint64_t operations() const { return operations_; }
  std::size_t bytes() const { return operations_ == 0 ? 0 : bytes_.size(); }
  /// `seen`: what the origin had merged of the others.
  void open(OriginId origin, std::uint64_t first_sequence, const VersionVector& seen);
  /// An operation: begin, its effects, then commit or abandon.
  void begin(const OperationHead& head);
  void effect(const MergedEffect& effect);
  void commit(std::string_view reply);  // the reply is kept with an id only
  void abandon();
  std::string take();

 private:
  std::string bytes_;
  std::size_t count_at_ = 0;      // where the number of operations lies
  std::size_t operation_at_ = 0;  // where the operation begins
  std::size_t key_at_ = 0;        // the last effect's key, 0: none
  std::size_t key_bytes_ = 0;
  HybridTime time_;  // of the last operation committed
  HybridTime operation_time_;
  std::uint64_t operations_ = 0;
  bool open_ = false;
  bool has_id_ = false;
};

/// Which operations an entry has, read from its first bytes; nothing behind them
/// is checked.
struct EntryDots {
  OriginId origin;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
};
/// kCorrupt: it is no entry's beginning.
Result<EntryDots> dots_of(std::string_view payload);

/// Walks an entry. open() checks it whole, so that afterwards nothing fails.
class EntryReader {
 public:
  /// kCorrupt: it is no entry, or one of a version this build does not know.
  static Result<EntryReader> open(std::string_view payload);

  OriginId origin() const { return origin_; }
  std::uint64_t first_sequence() const { return first_; }
  std::uint64_t last_sequence() const { return first_ + operations_ - 1; }
  const VersionVector& seen() const { return seen_; }
  HybridTime last_time() const { return last_time_; }
  KeyspaceId greatest_keyspace() const { return greatest_keyspace_; }

  struct Operation {
    OperationHead head;
    std::string_view effects;  // for an EffectReader
    std::string_view reply;
  };
  /// False at the end.
  bool next(Operation& out);

 private:
  explicit EntryReader(std::string_view payload) : in_(payload) {}
  bool parse(Operation& out);

  wire::Reader in_;
  OriginId origin_;
  std::uint64_t first_ = 0;
  std::uint64_t operations_ = 0;
  std::uint64_t read_ = 0;
  VersionVector seen_;
  HybridTime time_;
  HybridTime last_time_;
  KeyspaceId greatest_keyspace_;
};

}  // namespace holdfast::eventual
