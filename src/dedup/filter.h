// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::dedup {

/// A Bloom filter of 32-byte blocks: a hash picks one block and one bit in
/// each of its eight words (Putze, Sanders and Singler, WEA 2007), so asking
/// costs one line of memory. 16 bits an id let about one stranger in 1,000 pass.
class Filter {
 public:
  Filter() = default;
  /// Sized for this many ids.
  explicit Filter(std::uint64_t ids);

  void add(std::uint64_t hash);
  bool may_have(std::uint64_t hash) const;
  void prefetch(std::uint64_t hash) const { __builtin_prefetch(&blocks_[block_of(hash)]); }

  bool empty() const { return blocks_.empty(); }
  std::size_t memory_bytes() const { return blocks_.size() * sizeof(Block); }

  /// The blocks' words in order, little-endian.
  std::string encode() const;
  /// Empty when the bytes are no filter's.
  static Filter decode(std::string_view bytes);

 private:
  struct Block {
    std::uint32_t words[8];
  };
  std::size_t block_of(std::uint64_t hash) const {
    return static_cast<std::size_t>((hash >> 32) * blocks_.size() >> 32);
  }
  static std::uint32_t bit(std::uint64_t hash, int word);

  std::vector<Block> blocks_;
};

}  // namespace holdfast::dedup
