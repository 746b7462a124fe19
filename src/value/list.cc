// SPDX-License-Identifier: Apache-2.0
#include "value/list.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "base/assert.h"
#include "value/recorder.h"

namespace holdfast {
namespace {

constexpr std::size_t chunks_kept = 16;  // room for so few is not worth giving back

/// Room for so many more: to move sixteen chunks for each new one is little next to filling it.
std::size_t more_for(std::size_t chunks) {
  return std::max<std::size_t>(1, chunks / 16);
}

std::int64_t number(std::size_t n) {
  return static_cast<std::int64_t>(n);
}

}  // namespace

std::unique_ptr<List> List::clone() const {
  auto copy = std::make_unique<List>();
  copy->chunks_.reserve(chunks_.size() - front_);
  for (std::size_t i = front_; i < chunks_.size(); ++i) {
    copy->chunks_.push_back({chunks_[i].pack.clone(), chunks_[i].first});
  }
  copy->size_ = size_;
  copy->number_chunks();
  return copy;
}

std::size_t List::chunk_of(std::size_t index) const {
  HF_ASSERT(index < size_);
  const std::int64_t wanted = origin() + number(index);
  if (chunks_.back().first <= wanted) return chunks_.size() - 1;
  const auto behind =
      std::upper_bound(chunks_.begin() + number(front_), chunks_.end(), wanted,
                       [](std::int64_t value, const Chunk& chunk) { return value < chunk.first; });
  return static_cast<std::size_t>(behind - chunks_.begin()) - 1;
}

std::string_view List::at(std::size_t index, IntegerText& room) const {
  const std::size_t chunk = chunk_of(index);
  const Pack& pack = chunks_[chunk].pack;
  return pack.at(pack.offset(place_in(chunk, index)), room);
}

void List::walk(std::size_t from, std::size_t n, Visit each) const {
  if (from >= size_) return;
  n = std::min(n, size_ - from);
  std::size_t chunk = chunk_of(from);
  std::size_t at = chunks_[chunk].pack.offset(place_in(chunk, from));
  IntegerText room;
  for (std::size_t index = from; index < from + n; ++index) {
    if (at == chunks_[chunk].pack.bytes()) {
      ++chunk;
      at = 0;
    }
    const Pack& pack = chunks_[chunk].pack;
    if (!each(index, pack.at(at, room))) return;
    at = pack.after(at);
  }
}

void List::walk_back(std::size_t from, std::size_t n, Visit each) const {
  if (from >= size_) return;
  n = std::min(n, from + 1);
  std::size_t chunk = chunk_of(from);
  std::size_t behind = chunks_[chunk].pack.offset(place_in(chunk, from) + 1);
  IntegerText room;
  for (std::size_t left = n; left > 0; --left) {
    if (behind == 0) behind = chunks_[--chunk].pack.bytes();
    const Pack& pack = chunks_[chunk].pack;
    behind = pack.before(behind);
    if (!each(from - (n - left), pack.at(behind, room))) return;
  }
}

/// Of what holds the same items after it.
template <typename Change>
void List::recount(std::size_t chunk, Change what) {
  Pack& pack = chunks_[chunk].pack;
  if (large_ == nullptr) return what(pack);
  large_->packed_bytes -= pack.heap_bytes();
  what(pack);
  large_->packed_bytes += pack.heap_bytes();
}

template <typename Change>
void List::change(std::size_t chunk, Change what) {
  changing(chunk);
  recount(chunk, what);
}

/// What lies behind the chunk has moved by so much, in whichever way renumbers less.
void List::shift(std::size_t chunk, std::int64_t by) {
  if (chunks_.size() - chunk - 1 <= chunk - front_ + 1) {
    for (std::size_t i = chunk + 1; i < chunks_.size(); ++i) chunks_[i].first += by;
  } else {
    for (std::size_t i = front_; i <= chunk; ++i) chunks_[i].first -= by;
  }
}

/// Which one it is, at last: others may have moved.
std::size_t List::add_chunk(std::size_t at, std::int64_t first) {
  if (at > front_) changing(at - 1);  // another comes next
  const std::uint32_t its_number = take_number();
  std::vector<std::uint32_t>& numbers = large_->numbers;
  if (at != front_) {
    if (chunks_.size() == chunks_.capacity()) {
      chunks_.reserve(chunks_.size() + more_for(chunks_.size()));
      numbers.reserve(chunks_.capacity());
    }
    chunks_.insert(chunks_.begin() + number(at), Chunk{{}, first});
    numbers.insert(numbers.begin() + number(at), its_number);
    return at;
  }
  if (front_ == 0) {
    front_ = more_for(chunks_.size());
    std::vector<Chunk> more(front_);
    more.reserve(front_ + chunks_.size());
    std::move(chunks_.begin(), chunks_.end(), std::back_inserter(more));
    chunks_ = std::move(more);
    numbers.reserve(chunks_.size());
    numbers.insert(numbers.begin(), front_, 0);
  }
  chunks_[--front_].first = first;
  numbers[front_] = its_number;
  return front_;
}

void List::remove_chunks(std::size_t from, std::size_t n) {
  if (from > front_) changing(from - 1);  // another comes next
  for (std::size_t i = from; i < from + n; ++i) {
    change(i, [](Pack& pack) { pack = Pack(); });
    if (large_ != nullptr) large_->free.insert(large_->numbers[i]);
  }
  if (from == front_) {
    front_ += n;
  } else {
    const auto begin = chunks_.begin() + number(from);
    chunks_.erase(begin, begin + number(n));
    const auto numbers_begin = large_->numbers.begin() + number(from);
    large_->numbers.erase(numbers_begin, numbers_begin + number(n));
  }
  const std::size_t live = chunks_.size() - front_;
  if (chunks_.capacity() > chunks_kept && live * 4 < chunks_.capacity()) {
    std::vector<Chunk> fewer;
    fewer.reserve(live * 2);
    std::move(chunks_.begin() + number(front_), chunks_.end(), std::back_inserter(fewer));
    chunks_ = std::move(fewer);
    if (large_ != nullptr)
      large_->numbers = {large_->numbers.begin() + number(front_), large_->numbers.end()};
    front_ = 0;
  }
  settle_numbers();
}

/// Makes the chunk and the next one, if both have become small.
void List::join(std::size_t chunk) {
  if (chunk < front_ || chunk + 1 >= chunks_.size()) return;
  const Pack& next = chunks_[chunk + 1].pack;
  if (chunks_[chunk].pack.bytes() + next.bytes() > Pack::bytes_target / 2) return;
  change(chunk, [&](Pack& pack) { pack.append(next); });
  remove_chunks(chunk + 1, 1);
}

void List::insert(std::size_t index, std::string_view item) {
  insert_item(index, item);
  if (Recorder* const recorder = Recorder::of_thread) recorder->item_inserted(*this, index);
}

void List::insert_item(std::size_t index, std::string_view item) {
  HF_ASSERT(index <= size_);
  std::size_t chunk = 0;
  std::size_t place = 0;
  if (size_ == 0) {
    chunks_.clear();
    front_ = 0;
    chunks_.emplace_back();
  } else {
    chunk = index == size_ ? chunks_.size() - 1 : chunk_of(index);
    place = place_in(chunk, index);
    if (!chunks_[chunk].pack.has_room(item)) std::tie(chunk, place) = make_room(chunk, place, item);
  }
  change(chunk, [&](Pack& pack) { pack.insert(place, item); });
  shift(chunk, 1);
  ++size_;
}

/// Where the item can be put instead, between the same two others.
std::pair<std::size_t, std::size_t> List::make_room(std::size_t chunk, std::size_t place,
                                                    std::string_view item) {
  const std::int64_t first = chunks_[chunk].first + number(place);
  if (place == 0) {
    if (chunk > front_ && chunks_[chunk - 1].pack.has_room(item))
      return {chunk - 1, chunks_[chunk - 1].pack.count()};
    if (chunk == front_) recount(chunk, [](Pack& pack) { pack.fit(); });
    return {add_chunk(chunk, first), 0};
  }
  if (place < chunks_[chunk].pack.count()) {
    Pack rest;
    change(chunk, [&](Pack& pack) { rest = pack.split(place); });
    add_chunk(chunk + 1, first);
    change(chunk + 1, [&](Pack& pack) { pack = std::move(rest); });
    if (chunks_[chunk].pack.has_room(item)) return {chunk, place};
    if (chunks_[chunk + 1].pack.has_room(item)) return {chunk + 1, 0};
  } else {
    recount(chunk, [](Pack& pack) { pack.fit(); });
  }
  return {add_chunk(chunk + 1, first), 0};
}

void List::set(std::size_t index, std::string_view item) {
  if (Recorder* const recorder = Recorder::of_thread) recorder->item_set(*this, index);
  const std::size_t chunk = chunk_of(index);
  const std::size_t place = place_in(chunk, index);
  const Pack& pack = chunks_[chunk].pack;
  const std::size_t at = pack.offset(place);
  const std::size_t others = pack.bytes() - (pack.after(at) - at);
  if (others + Pack::bytes_of(item) > Pack::bytes_target && pack.count() > 1) {
    erase_items(index, 1);
    insert_item(index, item);
    return;
  }
  change(chunk, [&](Pack& changed) {
    changed.erase(place, 1);
    changed.insert(place, item);
  });
}

void List::record_erased(std::size_t index) {
  if (Recorder* const recorder = Recorder::of_thread) recorder->item_erased(*this, index);
}

void List::erase(std::size_t index, std::size_t n) {
  HF_ASSERT(index + n <= size_);
  if (n == 0) return;
  // Each as if those behind it had gone before.
  if (Recorder::of_thread != nullptr) {
    for (std::size_t i = n; i-- > 0;) record_erased(index + i);
  }
  erase_items(index, n);
}

void List::erase_items(std::size_t index, std::size_t n) {
  std::size_t chunk = chunk_of(index);
  std::size_t left = n;
  if (const std::size_t place = place_in(chunk, index); place > 0) {
    const std::size_t some = std::min(left, chunks_[chunk].pack.count() - place);
    change(chunk, [&](Pack& pack) { pack.erase(place, some); });
    left -= some;
    ++chunk;
  }
  std::size_t end = chunk;  // of those that go as a whole
  for (; left > 0 && left >= chunks_[end].pack.count(); ++end) left -= chunks_[end].pack.count();
  if (left > 0) {
    change(end, [&](Pack& pack) { pack.erase(0, left); });
    chunks_[end].first += number(left);
  }
  size_ -= n;
  if (chunk > front_) {
    // Those that go lie behind, too: what they are numbered is no matter.
    shift(chunk - 1, -number(n));
  }
  const std::size_t before = chunk - front_;
  if (end > chunk) remove_chunks(chunk, end - chunk);
  if (before > 0) join(front_ + before - 1);
}

void List::erase_all(std::span<const std::size_t> indexes) {
  for (std::size_t i = indexes.size(); i-- > 0;) record_erased(indexes[i]);
  const std::vector<bool> goes = erase_in_place(indexes);
  std::vector<Chunk> kept;
  std::vector<std::uint32_t> numbers;
  kept.reserve(chunks_.size() - front_);
  size_ = 0;
  for (std::size_t i = front_; i < chunks_.size(); ++i) {
    Pack pack = std::move(chunks_[i].pack);
    const std::size_t count = pack.count();
    if (!goes[i - front_]) {
      kept.push_back({std::move(pack), number(size_)});
      if (large_ != nullptr) numbers.push_back(large_->numbers[i]);
    } else {
      if (count > 0) kept.back().pack.append(pack);
      if (large_ != nullptr) large_->free.insert(large_->numbers[i]);
    }
    size_ += count;
  }
  chunks_ = std::move(kept);
  front_ = 0;
  if (large_ == nullptr) return;
  large_->numbers = std::move(numbers);
  large_->packed_bytes = 0;
  for (const Chunk& chunk : chunks_) large_->packed_bytes += chunk.pack.heap_bytes();
  settle_numbers();
}

/// Only within the chunks, all of which stay. True of those to go: they are empty, or can be
/// joined to the one before them that stays.
std::vector<bool> List::erase_in_place(std::span<const std::size_t> indexes) {
  std::vector<bool> goes;
  goes.reserve(chunks_.size() - front_);
  std::size_t end = 0;  // of the chunk, as it was
  auto gone = indexes.begin();
  IntegerText room;
  std::size_t stays = front_;   // the last one
  std::size_t bytes_of_it = 0;  // and of those joined to it
  for (std::size_t i = front_; i < chunks_.size(); ++i) {
    std::size_t index = end;
    end += chunks_[i].pack.count();
    if (gone != indexes.end() && *gone < end) {
      change(i, [&](Pack& pack) {
        Pack some;
        for (std::size_t at = 0; at < pack.bytes(); at = pack.after(at), ++index) {
          if (gone != indexes.end() && *gone == index) {
            ++gone;
          } else {
            some.insert(some.count(), pack.at(at, room));
          }
        }
        pack = std::move(some);
      });
    }
    const std::size_t bytes = chunks_[i].pack.bytes();
    const bool joined = bytes_of_it > 0 && bytes_of_it + bytes <= Pack::bytes_target / 2;
    goes.push_back(bytes == 0 || joined);
    if (!goes.back()) {
      stays = i;
      bytes_of_it = bytes;
      continue;
    }
    if (bytes_of_it > 0) changing(stays);
    changing(i);
    bytes_of_it += bytes;
  }
  return goes;
}

}  // namespace holdfast
