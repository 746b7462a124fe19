// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/flat_hash_set.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast {

/// Finds the places of keys that its owner keeps: `Owner::key_at(place)`. No insertion takes
/// longer than rehashing `shard_places_max` keys: past those the index is extendible hashing
/// (Fagin, Nievergelt, Pippenger, Strong 1979), a directory by the hash's first bits of shards that
/// are split one at a time. Hashes fill all shards alike, so all would be full at about the same
/// time, and one insertion in a few would split one: so they are small, and each has a limit of its
/// own, which spreads the splits over the time in which the index doubles.
template <typename Owner>
class PlaceIndex {
 public:
  // As many as a set of 511 slots takes, which it has once it holds half of them.
  static constexpr std::size_t shard_places_max = 447;

  explicit PlaceIndex(const Owner& owner) : owner_(owner), only_(make_places()) {}

  /// O(1).
  std::optional<std::uint32_t> find(std::string_view key) const {
    const std::size_t hash = hash_of(key);
    const Places& places = shards_.empty() ? only_ : shards_[shard_of(hash)]->places;
    const auto it = places.find(key, hash);
    if (it == places.end()) return std::nullopt;
    return *it;
  }

  /// Brings towards the processor's cache what find() looks at first.
  void prefetch(std::string_view key) const {
    (shards_.empty() ? only_ : shards_[shard_of(hash_of(key))]->places).prefetch(key);
  }

  /// The place's key must not be there. O(1) amortised.
  void insert(std::uint32_t place) {
    if (shards_.empty()) {
      only_.insert(place);
      if (only_.size() > shard_places_max) divide();
      return;
    }
    const std::size_t hash = hash_of(owner_.key_at(place));
    const std::size_t shard = shard_of(hash);
    shards_[shard]->places.insert(place);
    if (shards_[shard]->places.size() > limit_of(shard)) split(shard, hash);
  }

  /// O(1).
  void erase(std::uint32_t place) {
    if (shards_.empty()) {
      only_.erase(place);
    } else {
      shards_[shard_of(hash_of(owner_.key_at(place)))]->places.erase(place);
    }
  }

  std::size_t heap_bytes() const {
    constexpr std::size_t bytes_a_place = sizeof(std::uint32_t) + 1;
    std::size_t bytes = only_.capacity() * bytes_a_place + cells_.capacity() * sizeof(cells_[0]) +
                        shards_.capacity() * sizeof(shards_[0]);
    for (const auto& shard : shards_)
      bytes += sizeof(Shard) + shard->places.capacity() * bytes_a_place;
    return bytes;
  }

 private:
  struct ByKey {
    using is_transparent = void;
    const Owner* owner;
    std::size_t operator()(std::uint32_t place) const { return hash_of(owner->key_at(place)); }
    std::size_t operator()(std::string_view key) const { return hash_of(key); }
    bool operator()(std::uint32_t a, std::uint32_t b) const { return a == b; }
    bool operator()(std::uint32_t a, std::string_view b) const { return owner->key_at(a) == b; }
    bool operator()(std::string_view a, std::uint32_t b) const { return a == owner->key_at(b); }
  };
  using Places = absl::flat_hash_set<std::uint32_t, ByKey, ByKey>;
  struct Shard {
    unsigned depth;  // so many first bits do the hashes of its keys share
    Places places;
  };
  static constexpr unsigned depth_max = 24;
  // The least is well above half the greatest: whoever was split is not to be again soon.
  static constexpr std::size_t shard_limits = 160;
  static std::size_t limit_of(std::size_t shard) {
    return shard_places_max - shard * 61 % shard_limits;
  }

  static std::size_t hash_of(std::string_view key) { return absl::Hash<std::string_view>()(key); }
  Places make_places() const { return Places(0, ByKey{&owner_}, ByKey{&owner_}); }
  std::size_t shard_of(std::size_t hash) const { return cells_[hash >> (64 - depth_)]; }

  /// From one set of places to shards.
  void divide() {
    depth_ = 1;
    cells_ = {0, 0};
    shards_.push_back(std::make_unique<Shard>(Shard{0, std::exchange(only_, make_places())}));
    split(0, 0);
  }

  /// `hash`: of one of the shard's keys.
  void split(std::size_t number, std::size_t hash) {
    Shard& full = *shards_[number];
    if (full.depth == depth_max) return;  // so many keys do not share their first bits by chance
    if (full.depth == depth_) double_directory();
    const unsigned depth = full.depth + 1;
    auto ones = std::make_unique<Shard>(Shard{depth, make_places()});
    Places zeros = make_places();
    for (const std::uint32_t place : full.places) {
      const bool is_one = (hash_of(owner_.key_at(place)) >> (64 - depth) & 1) != 0;
      (is_one ? ones->places : zeros).insert(place);
    }
    full = Shard{depth, std::move(zeros)};
    // The shard's cells lie together; the second half of them is the new one's.
    const std::size_t cells = std::size_t{1} << (depth_ - depth);
    const std::size_t first_bits = full.depth == 1 ? 0 : hash >> (64 - full.depth + 1);
    const std::size_t second_half = (first_bits << 1 | 1) * cells;
    for (std::size_t i = 0; i < cells; ++i)
      cells_[second_half + i] = static_cast<std::uint32_t>(shards_.size());
    shards_.push_back(std::move(ones));
  }

  void double_directory() {
    std::vector<std::uint32_t> twice(cells_.size() * 2);
    for (std::size_t i = 0; i < twice.size(); ++i) twice[i] = cells_[i / 2];
    cells_ = std::move(twice);
    ++depth_;
  }

  const Owner& owner_;
  Places only_;  // until there are shards
  unsigned depth_ = 0;
  std::vector<std::uint32_t> cells_;  // the directory: which shard
  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace holdfast
