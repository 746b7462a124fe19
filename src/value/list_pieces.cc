// SPDX-License-Identifier: Apache-2.0
// The chunks of a list as pieces that are stored by themselves. A piece is told of before its
// items, or what comes next, change: what it holds can be read then, whatever was changed of
// others.
#include "value/list_pieces.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/assert.h"

namespace holdfast {

std::uint32_t List::first_piece() const {
  return large_->numbers[front_];
}

std::uint32_t List::piece_numbers() const {
  return static_cast<std::uint32_t>(large_->pieces.size());
}

std::size_t List::Large::heap_bytes() const {
  return sizeof(Large) + packed_bytes + pieces.heap_bytes() +
         numbers.capacity() * sizeof(numbers[0]) + free.size() * sizeof(numbers[0]);
}

std::size_t List::heap_bytes() const {
  const std::size_t bytes = chunks_.capacity() * sizeof(Chunk);
  if (large_ != nullptr) return bytes + large_->heap_bytes();
  return bytes + (size_ == 0 ? 0 : chunks_[front_].pack.heap_bytes());
}

void List::changing(std::size_t chunk) {
  if (large_ == nullptr) return;
  large_->sought_last = chunk;
  large_->pieces.changing(large_->numbers[chunk]);
}

/// Gives all of them new numbers, where there are several.
void List::number_chunks() {
  if (chunks_.size() - front_ < 2) return;
  large_ = std::make_unique<Large>();
  large_->numbers.resize(chunks_.size());
  for (std::size_t i = front_; i < chunks_.size(); ++i) {
    large_->numbers[i] = static_cast<std::uint32_t>(large_->pieces.size());
    large_->pieces.added();
    large_->packed_bytes += chunks_[i].pack.heap_bytes();
  }
}

/// For one more chunk. The least that is free, so that the greatest are let go of in time.
std::uint32_t List::take_number() {
  if (large_ == nullptr) {
    large_ = std::make_unique<Large>();
    large_->numbers.resize(chunks_.size());
    large_->pieces.added();  // the only one's, 0
    large_->packed_bytes = chunks_[front_].pack.heap_bytes();
  }
  Pieces& pieces = large_->pieces;
  if (large_->free.empty()) {
    HF_ASSERT(pieces.size() < std::numeric_limits<std::uint32_t>::max());
    pieces.added();
    return static_cast<std::uint32_t>(pieces.size() - 1);
  }
  const std::uint32_t number = *large_->free.begin();
  pieces.changing(number);
  large_->free.erase(large_->free.begin());
  return number;
}

/// After some were freed.
void List::settle_numbers() {
  if (large_ == nullptr) return;
  Pieces& pieces = large_->pieces;
  absl::btree_set<std::uint32_t>& free = large_->free;
  while (!free.empty() && *free.rbegin() + std::size_t{1} == pieces.size()) {
    pieces.changing(*free.rbegin());
    free.erase(std::prev(free.end()));
    pieces.removed();
  }
  if (chunks_.size() - front_ > 1) return;
  pieces.become_small();
  large_.reset();
}

std::optional<List::Piece> List::piece(std::uint32_t number) const {
  if (number >= large_->pieces.size() || large_->free.contains(number)) return std::nullopt;
  const std::vector<std::uint32_t>& numbers = large_->numbers;
  const std::size_t from = std::clamp(large_->sought_last, front_, numbers.size() - 1);
  const std::size_t farthest = std::max(from - front_, numbers.size() - 1 - from);
  for (std::size_t distance = 0; distance <= farthest; ++distance) {
    std::size_t at = from + distance;
    if (at >= numbers.size() || numbers[at] != number) {
      if (distance > from - front_) continue;
      at = from - distance;
      if (numbers[at] != number) continue;
    }
    large_->sought_last = at;
    return Piece{chunks_[at].pack, at + 1 < numbers.size() ? numbers[at + 1] : number};
  }
  HF_ASSERT(false);
  return std::nullopt;
}

std::unique_ptr<List> List::of(std::vector<Numbered> pieces) {
  HF_ASSERT(pieces.size() > 1);
  auto list = std::make_unique<List>();
  list->large_ = std::make_unique<Large>();
  Large& large = *list->large_;
  list->chunks_.reserve(pieces.size());
  large.numbers.reserve(pieces.size());
  for (Numbered& piece : pieces) {
    for (; large.pieces.size() <= piece.number; large.pieces.added())
      large.free.insert(static_cast<std::uint32_t>(large.pieces.size()));
    const std::size_t erased = large.free.erase(piece.number);
    HF_ASSERT(erased == 1 && piece.pack.count() > 0);
    const auto first = static_cast<std::int64_t>(list->size_);
    list->size_ += piece.pack.count();
    large.packed_bytes += piece.pack.heap_bytes();
    large.numbers.push_back(piece.number);
    list->chunks_.push_back({std::move(piece.pack), first});
  }
  return list;
}

void put_list_head(const List& list, std::string& out) {
  wire::put_varint(out, list.size());
  wire::put_varint(out, list.piece_numbers());
  wire::put_varint(out, list.first_piece());
}

bool put_list_piece(const List& list, std::size_t number, std::string& out) {
  const auto piece = list.piece(static_cast<std::uint32_t>(number));
  if (!piece) return false;
  wire::put_varint(out, piece->next);
  IntegerText room;
  for (std::size_t at = 0; at < piece->pack.bytes(); at = piece->pack.after(at))
    wire::put_bytes(out, piece->pack.at(at, room));
  return true;
}

std::optional<ListOfPieces> ListOfPieces::of(wire::Reader& head) {
  ListOfPieces list;
  list.items_ = head.varint();
  list.numbers_ = head.varint();
  list.first_ = head.varint();
  if (!head.ok() || list.first_ >= list.numbers_) return std::nullopt;
  if (list.numbers_ > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  return list;
}

bool ListOfPieces::take(std::uint32_t number, wire::Reader& in) {
  if (number >= numbers_ || (!taken_.empty() && number <= taken_.back().number)) return false;
  Taken taken{number, in.varint(), {}};
  while (in.ok() && !in.at_end()) taken.pack.insert(taken.pack.count(), in.bytes());
  if (!in.ok() || taken.pack.count() == 0) return false;
  taken.pack.fit();
  taken_.push_back(std::move(taken));
  return true;
}

std::unique_ptr<List> ListOfPieces::finish() && {
  // The greatest number is in use, and there are so many pieces that they are worth it.
  if (taken_.size() < 2 || taken_.back().number + std::uint64_t{1} != numbers_) return nullptr;
  std::vector<List::Numbered> pieces;
  pieces.reserve(taken_.size());
  std::uint64_t items = 0;
  std::uint64_t next = first_;
  while (pieces.size() < taken_.size()) {
    const auto it = std::lower_bound(
        taken_.begin(), taken_.end(), next,
        [](const Taken& taken, std::uint64_t number) { return taken.number < number; });
    if (it == taken_.end() || it->number != next || it->pack.count() == 0) return nullptr;
    items += it->pack.count();
    next = it->next;
    const bool is_last = next == it->number;
    pieces.push_back({it->number, std::exchange(it->pack, {})});
    if (is_last) break;
  }
  const bool whole = pieces.size() == taken_.size() && next == pieces.back().number;
  if (!whole || items != items_) return nullptr;
  return List::of(std::move(pieces));
}

}  // namespace holdfast
