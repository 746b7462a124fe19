// SPDX-License-Identifier: Apache-2.0
#include "table/slot.h"

#include <algorithm>
#include <utility>

#include "base/checksum.h"

namespace holdfast::table {
namespace {

// The index is made for fifteen cells to eight entries and made anew when four
// fifths of its cells are used: linear probing then meets three cells where a
// key is there and thirteen, one cache line, where none is.
constexpr std::size_t cells_min = 8;
std::size_t cells_for(std::size_t entries) {
  return std::max(cells_min, entries * 15 / 8);
}
bool is_full(std::size_t used, std::size_t cells) {
  return used * 5 > cells * 4;
}

}  // namespace

std::uint64_t hash_of(std::string_view key) {
  return checksum(key);
}

std::uint32_t Slot::find(std::string_view key, std::uint64_t hash) const {
  if (size_ == 0) return none;
  const std::uint32_t tag = tag_of(hash);
  for (std::size_t i = home_of(hash);; i = after(i)) {
    const std::uint32_t cell = cells_[i];
    if (cell == empty) return none;
    if ((cell & ~place_mask) != tag || cell == erased) continue;
    const std::uint32_t place = cell & place_mask;
    if (at(place).key.view() == key) return place;
  }
}

const Entry* Slot::likely_entry(std::uint64_t hash) const {
  if (size_ == 0) return nullptr;
  const std::uint32_t tag = tag_of(hash);
  for (std::size_t i = home_of(hash); cells_[i] != empty; i = after(i)) {
    if ((cells_[i] & ~place_mask) == tag && cells_[i] != erased)
      return entry_at(cells_[i] & place_mask);
  }
  return nullptr;
}

void Slot::prefetch_entry(std::uint64_t hash) const {
  const Entry* const entry = likely_entry(hash);
  if (entry == nullptr) return;
  __builtin_prefetch(entry);
  __builtin_prefetch(reinterpret_cast<const std::byte*>(entry + 1) - 1);  // it may lie in two lines
}

void Slot::prefetch_content(std::uint64_t hash) const {
  const Entry* const entry = likely_entry(hash);
  if (entry == nullptr) return;
  __builtin_prefetch(entry->key.view().data());
  entry->value.prefetch();
}

void Slot::prefetch_item(std::uint64_t hash, std::string_view item) const {
  if (const Entry* const entry = likely_entry(hash)) entry->value.prefetch_item(item);
}

std::uint64_t Slot::collect(std::uint64_t from, std::size_t wanted, std::vector<Met>& met) const {
  const std::uint64_t slot_end = from | (~std::uint64_t{0} >> slot_bits);
  if (size_ == 0) return slot_end;
  HF_ASSERT(wanted > 0);
  const std::size_t met_before = met.size();
  // An entry lies at its home or after it, with no empty cell between; past
  // the last cell probing goes on at the first.
  const auto meet = [&](std::size_t cell, bool past_the_end) {
    if (cells_[cell] == empty || cells_[cell] == erased) return;
    const std::uint32_t place = cells_[cell] & place_mask;
    const std::uint64_t hash = hash_of(at(place).key.view());
    if (hash >= from && (home_of(hash) > cell) == past_the_end) met.push_back({hash, place});
  };
  for (std::size_t cell = home_of(from); cell < cells_.size(); ++cell) {
    if (cells_[cell] == empty && met.size() - met_before >= wanted) {
      // Met: every entry whose home is before this cell.
      const std::uint64_t bound = ((std::uint64_t{cell} << 32) + cells_.size() - 1) / cells_.size();
      return (slot_end & ~(~std::uint64_t{0} >> slot_bits)) | ((bound << (32 - slot_bits)) - 1);
    }
    meet(cell, false);
  }
  for (std::size_t cell = 0; cells_[cell] != empty; ++cell) meet(cell, true);
  return slot_end;
}

std::size_t Slot::cell_of(std::uint32_t place, std::uint64_t hash) const {
  const std::uint32_t wanted = tag_of(hash) | place;
  std::size_t i = home_of(hash);
  while (cells_[i] != wanted) {
    HF_ASSERT(cells_[i] != empty);
    i = after(i);
  }
  return i;
}

void Slot::put_cell(std::uint32_t place, std::uint64_t hash) {
  std::size_t i = home_of(hash);
  while (cells_[i] != empty && cells_[i] != erased) i = after(i);
  if (cells_[i] == empty) ++used_cells_;
  cells_[i] = tag_of(hash) | place;
}

void Slot::index_for(std::size_t entries) {
  std::vector<std::uint32_t>(cells_for(entries), empty).swap(cells_);
  used_cells_ = 0;
  for (std::uint32_t place = 0; place < size_; ++place) {
    put_cell(place, hash_of(at(place).key.view()));
  }
}

std::uint32_t Slot::insert(Entry entry, std::uint64_t hash) {
  HF_ASSERT(size_ < entries_max);
  const std::size_t room = room_of(chunks_.size());
  if (size_ == room) {
    const std::size_t entries = room_of(chunks_.size() + 1) - room;
    chunks_.push_back(std::make_unique_for_overwrite<std::byte[]>(entries * sizeof(Entry)));
  }
  if (is_full(used_cells_ + 1, cells_.size())) index_for(size_ + 1);
  const std::uint32_t place = size_++;
  new (entry_at(place)) Entry(std::move(entry));
  put_cell(place, hash);
  return place;
}

void Slot::erase(std::uint32_t place, std::uint64_t hash) {
  std::size_t gap = cell_of(place, hash);
  const std::uint32_t last = size_ - 1;
  if (place != last) {
    const std::uint64_t moved_hash = hash_of(at(last).key.view());
    cells_[cell_of(last, moved_hash)] = tag_of(moved_hash) | place;
    at(place) = std::move(at(last));
  }
  cells_[gap] = erased;
  if (cells_[after(gap)] == empty) {  // then nothing was probed past it
    while (cells_[gap] == erased) {
      cells_[gap] = empty;
      --used_cells_;
      gap = (gap == 0 ? cells_.size() : gap) - 1;
    }
  }
  at(last).~Entry();
  size_ = last;
  if (size_ == room_of(chunks_.size() - 1)) chunks_.pop_back();
}

void Slot::reserve(std::size_t entries) {
  if (entries > size_ && cells_for(entries) > cells_.size()) index_for(entries);
}

void Slot::clear() {
  for (std::size_t place = 0; place < size_; ++place) at(place).~Entry();
  size_ = 0;
  used_cells_ = 0;
  std::vector<Chunk>().swap(chunks_);
  std::vector<std::uint32_t>().swap(cells_);
}

void Slot::shrink() {
  chunks_.shrink_to_fit();
  if (size_ == 0) {
    std::vector<std::uint32_t>().swap(cells_);
    used_cells_ = 0;
  } else if (cells_.size() > cells_for(size_)) {
    index_for(size_);
  }
}

}  // namespace holdfast::table
