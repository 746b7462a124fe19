// SPDX-License-Identifier: Apache-2.0
#include "table/slot.h"

#include <algorithm>
#include <utility>

#include "base/checksum.h"

namespace holdfast::table {
namespace {

constexpr std::size_t cells_min = 8;

}  // namespace

std::uint64_t hash_of(std::string_view key) {
  return checksum(key);
}

std::uint32_t Slot::find(std::string_view key, std::uint64_t hash) const {
  if (cells_.empty()) return none;
  const std::size_t mask = cells_.size() - 1;
  const std::uint32_t tag = tag_of(hash);
  for (std::size_t i = home_of(hash);; i = (i + 1) & mask) {
    const std::uint32_t cell = cells_[i];
    if (cell == empty) return none;
    if ((cell & ~place_mask) != tag) continue;
    const std::uint32_t place = cell & place_mask;
    if (at(place).key.view() == key) return place;
  }
}

void Slot::prefetch_entry(std::uint64_t hash) const {
  if (cells_.empty()) return;
  const std::size_t mask = cells_.size() - 1;
  const std::uint32_t tag = tag_of(hash);
  for (std::size_t i = home_of(hash); cells_[i] != empty; i = (i + 1) & mask) {
    if ((cells_[i] & ~place_mask) != tag) continue;
    __builtin_prefetch(&at(cells_[i] & place_mask));
    return;
  }
}

std::size_t Slot::cell_of(std::uint32_t place, std::uint64_t hash) const {
  const std::size_t mask = cells_.size() - 1;
  const std::uint32_t wanted = tag_of(hash) | place;
  std::size_t i = home_of(hash);
  while (cells_[i] != wanted) {
    HF_ASSERT(cells_[i] != empty);
    i = (i + 1) & mask;
  }
  return i;
}

void Slot::put_cell(std::uint32_t place, std::uint64_t hash) {
  const std::size_t mask = cells_.size() - 1;
  std::size_t i = home_of(hash);
  while (cells_[i] != empty) i = (i + 1) & mask;
  cells_[i] = tag_of(hash) | place;
}

void Slot::index_with(std::size_t cells) {
  cells_.assign(cells, empty);
  for (std::uint32_t place = 0; place < size_; ++place) {
    put_cell(place, hash_of(at(place).key.view()));
  }
}

std::uint32_t Slot::insert(Entry entry, std::uint64_t hash) {
  HF_ASSERT(size_ < entries_max);
  if (size_ == chunks_.size() * chunk_entries) {
    chunks_.push_back(std::unique_ptr<Chunk>(new Chunk));  // not value-initialised
  }
  if ((size_ + 1) * 4 > cells_.size() * 3) index_with(std::max(cells_min, cells_.size() * 2));
  const auto place = static_cast<std::uint32_t>(size_);
  new (chunks_[place / chunk_entries]->bytes + place % chunk_entries * sizeof(Entry))
      Entry(std::move(entry));
  ++size_;
  put_cell(place, hash);
  return place;
}

void Slot::erase(std::uint32_t place, std::uint64_t hash) {
  const std::size_t mask = cells_.size() - 1;
  std::size_t gap = cell_of(place, hash);
  const auto last = static_cast<std::uint32_t>(size_ - 1);
  if (place != last) {
    const std::uint64_t moved_hash = hash_of(at(last).key.view());
    cells_[cell_of(last, moved_hash)] = tag_of(moved_hash) | place;
    at(place) = std::move(at(last));
  }
  // Close the gap: whoever probed past it moves up (Knuth, 6.4, algorithm R).
  cells_[gap] = empty;
  for (std::size_t i = (gap + 1) & mask; cells_[i] != empty; i = (i + 1) & mask) {
    const std::size_t home = home_of(hash_of(at(cells_[i] & place_mask).key.view()));
    if (((i - home) & mask) >= ((i - gap) & mask)) {
      cells_[gap] = cells_[i];
      cells_[i] = empty;
      gap = i;
    }
  }
  at(last).~Entry();
  --size_;
  if (size_ % chunk_entries == 0) chunks_.pop_back();
}

void Slot::clear() {
  for (std::size_t place = 0; place < size_; ++place) at(place).~Entry();
  size_ = 0;
  std::vector<std::unique_ptr<Chunk>>().swap(chunks_);
  std::vector<std::uint32_t>().swap(cells_);
}

void Slot::shrink() {
  std::size_t cells = cells_min;
  while (size_ * 4 > cells * 3) cells *= 2;
  if (size_ == 0) cells = 0;
  if (cells == cells_.size()) return;
  std::vector<std::uint32_t>().swap(cells_);
  if (cells > 0) index_with(cells);
}

}  // namespace holdfast::table
