// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/limits.h"
#include "base/reply.h"
#include "base/units.h"
#include "table/table.h"

namespace holdfast::command {

/// The same numbers from the same seed on every node. SplitMix64 (Steele,
/// Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9E37'79B9'7F4A'7C15;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58'476D'1CE4'E5B9;
    z = (z ^ (z >> 27)) * 0x94D0'49BB'1331'11EB;
    return z ^ (z >> 31);
  }
  /// Below n, which is not 0. Biased by n / 2^64: nobody can tell.
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(next() % n); }

 private:
  std::uint64_t state_;
};

/// For a read. What the reply's buffer holds already is mixed in, so that commands of one
/// transaction differ although they share a millisecond; those that nobody has to repeat differ by
/// the table's chance.
inline Random random_of_read(const Table& table, Instant now, Reply& reply) {
  Random time(static_cast<std::uint64_t>(to_ms(now)));
  Random chance(time.next() + table.chance());
  return Random(chance.next() + reply.buffer().size());
}

/// Places 0 … n-1 in random order, each once: Fisher and Yates' shuffle that
/// holds only what it has moved, so that a few of many cost a few.
class RandomPlaces {
 public:
  RandomPlaces(Random random, std::size_t n) : random_(random), left_(n) {}

  /// At most n times.
  std::size_t next() {
    const std::size_t pick = random_.below(left_--);
    const std::size_t place = at(pick);
    moved_[pick] = at(left_);
    return place;
  }

 private:
  std::size_t at(std::size_t i) const {
    const auto it = moved_.find(i);
    return it == moved_.end() ? i : it->second;
  }

  Random random_;
  std::size_t left_;
  absl::flat_hash_map<std::size_t, std::size_t> moved_;
};

/// `count` places of n, repeats allowed. Nothing when a short request would ask
/// for a reply without bound; `bytes_at` says what a place adds to it.
template <typename BytesAt>
std::optional<std::vector<std::size_t>> repeated_places(Random random, std::size_t n,
                                                        std::uint64_t count, BytesAt bytes_at) {
  if (count > limits::random_repeats_max) return std::nullopt;
  std::vector<std::size_t> places(count);
  std::size_t bytes = 0;
  for (std::size_t& place : places) {
    place = random.below(n);
    bytes += bytes_at(place);
    if (bytes > limits::bulk_bytes_max) return std::nullopt;
  }
  return places;
}

}  // namespace holdfast::command
