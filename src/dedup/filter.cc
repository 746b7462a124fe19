// SPDX-License-Identifier: Apache-2.0
#include "dedup/filter.h"

#include <cstring>

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
    : blocks_(static_cast<std::size_t>(ids * bits_per_id / bits_per_block + 1)) {}

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

std::string Filter::encode() const {
  return std::string(reinterpret_cast<const char*>(blocks_.data()), memory_bytes());
}

Filter Filter::decode(std::string_view bytes) {
  Filter filter;
  if (bytes.empty() || bytes.size() % sizeof(Block) != 0) return filter;
  filter.blocks_.resize(bytes.size() / sizeof(Block));
  std::memcpy(filter.blocks_.data(), bytes.data(), bytes.size());
  return filter;
}

}  // namespace holdfast::dedup
