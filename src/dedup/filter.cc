// SPDX-License-Identifier: Apache-2.0
#include "dedup/filter.h"

#include <cstring>

#include "base/assert.h"

namespace holdfast::dedup {
namespace {

constexpr std::uint64_t bits_per_id = 16;
constexpr std::uint64_t bits_per_block = 256;

// Odd numbers without pattern, one a word: the upper five bits of the product
// with the hash's lower half choose the word's bit. They are in files.
constexpr std::uint32_t multipliers[8] = {0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F,
                                          0x165667B1, 0xD6E8FEB9, 0xCAF649A9, 0xB5297A4D};

}  // namespace

Filter::Filter(std::uint64_t ids)
    : count_(static_cast<std::size_t>(ids * bits_per_id / bits_per_block + 1)) {
  blocks_.reset(static_cast<Block*>(std::calloc(count_, sizeof(Block))));
  HF_ASSERT(blocks_ != nullptr);
}

std::uint32_t Filter::bit(std::uint64_t hash, int word) {
  return std::uint32_t{1} << (static_cast<std::uint32_t>(hash) * multipliers[word] >> 27);
}

void Filter::add(std::uint64_t hash) {
  Block& block = blocks_[block_of(hash)];
  for (int i = 0; i < 8; ++i) block.words[i] |= bit(hash, i);
}

bool Filter::may_have(std::uint64_t hash) const {
  const Block& block = blocks_[block_of(hash)];
  std::uint32_t missing = 0;
  for (int i = 0; i < 8; ++i) missing |= ~block.words[i] & bit(hash, i);
  return missing == 0;
}

bool Filter::restore(std::size_t offset, std::string_view part) {
  if (part.size() > memory_bytes() || offset > memory_bytes() - part.size()) return false;
  std::memcpy(reinterpret_cast<char*>(blocks_.get()) + offset, part.data(), part.size());
  return true;
}

}  // namespace holdfast::dedup
