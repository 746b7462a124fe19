// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <utility>

namespace holdfast::dedup {

/// A Bloom filter of 32-byte blocks: a hash picks one block and one bit in
/// each of its eight words (Putze, Sanders and Singler, WEA 2007), so asking
/// costs one line of memory. 16 bits an id let about one stranger in 1,000 pass.
class Filter {
 public:
  Filter() = default;
  Filter(Filter&& other) noexcept
      : blocks_(std::move(other.blocks_)), count_(std::exchange(other.count_, 0)) {}
  Filter& operator=(Filter&& other) noexcept {
    blocks_ = std::move(other.blocks_);
    count_ = std::exchange(other.count_, 0);
    return *this;
  }
  /// Sized for this many ids.
  explicit Filter(std::uint64_t ids);

  void add(std::uint64_t hash);
  bool may_have(std::uint64_t hash) const;
  void prefetch(std::uint64_t hash) const { __builtin_prefetch(&blocks_[block_of(hash)]); }

  bool empty() const { return count_ == 0; }
  std::size_t memory_bytes() const { return count_ * sizeof(Block); }

  /// What is stored: the blocks' words in order, little-endian.
  std::string_view bytes() const {
    return {reinterpret_cast<const char*>(blocks_.get()), memory_bytes()};
  }
  /// Puts in a part of what was stored; false when it does not fit.
  bool restore(std::size_t offset, std::string_view part);

 private:
  struct Block {
    std::uint32_t words[8];
  };
  std::size_t block_of(std::uint64_t hash) const {
    return static_cast<std::size_t>((hash >> 32) * count_ >> 32);
  }
  static std::uint32_t bit(std::uint64_t hash, int word);

  // From calloc: a large one is zero without being touched, so making it is no
  // pause.
  struct Free {
    void operator()(Block* blocks) const { std::free(blocks); }
  };
  std::unique_ptr<Block[], Free> blocks_;
  std::size_t count_ = 0;
};

}  // namespace holdfast::dedup
