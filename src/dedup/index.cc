// SPDX-License-Identifier: Apache-2.0
#include "dedup/index.h"

#include <bit>
#include <new>

#include "base/assert.h"
#include "base/scattered_memory.h"

namespace holdfast::dedup {
namespace {

constexpr std::uint32_t page_lines_max = 256;   // 16 KiB; then it is split
constexpr std::uint32_t depth_max = 16;         // past it pages grow without limit
constexpr std::uint32_t buckets_max = 1 << 22;  // what a directory slot can say

// One of the allocator's size classes, which are four to a doubling: a page of
// any other size would waste the rest of its class. Large pages go by every
// second one: half as many moves for 3% more memory.
std::uint32_t next_lines(std::uint32_t lines) {
  if (lines < 8) return lines + 1;
  return lines + (std::bit_floor(lines) >> (lines < 64 ? 2 : 1));
}

// With three of five buckets full seven eighths of all places are in use
// (simulated for 1 to 255 buckets).
bool is_crowded(std::uint32_t full, std::uint32_t buckets) {
  return full * 5 >= buckets * 3;
}

std::uint32_t capacity(std::uint32_t buckets) {
  return buckets * 7;
}

}  // namespace

Index::Slot Index::make_slot(const Page* page) {
  const auto address = reinterpret_cast<std::uint64_t>(page);
  HF_ASSERT((address & ~address_mask) == 0);
  return address | std::uint64_t{page->buckets >> 6} << 48 | (page->buckets & 63);
}

Index::Index() {
  directory_.push_back(make_slot(make_page(1, 0)));
}

Index::~Index() {
  for (std::uint64_t i = 0; i < directory_.size(); ++i) {
    Page* page = page_at(directory_[i]);
    // Several slots may name one page; the last of them frees it.
    if (i + (std::uint64_t{1} << page->depth) >= directory_.size()) free_page(page);
  }
}

Index::Page* Index::make_page(std::uint32_t buckets, std::uint32_t depth) {
  HF_ASSERT(buckets < buckets_max);
  const std::size_t bytes = sizeof(Page) + std::size_t{buckets} * sizeof(Bucket);
  void* memory = allocate_scattered(bytes, alignof(Page));
  std::memset(memory, 0, bytes);
  memory_bytes_ += bytes;
  return new (memory) Page{buckets, 0, depth};
}

void Index::free_page(Page* page) {
  const std::size_t bytes = sizeof(Page) + std::size_t{page->buckets} * sizeof(Bucket);
  memory_bytes_ -= bytes;
  free_scattered(page, bytes, alignof(Page));
}

bool Index::place(Bucket* first, std::uint32_t buckets, std::uint32_t tag, Ref ref) {
  std::uint32_t i = home(tag, buckets);
  while (first[i].refs[slots - 1] != 0) {
    if (++i == buckets) i = 0;
  }
  Bucket& bucket = first[i];
  // One by one: when a page moves, its neighbours have just been written here,
  // and the processor cannot read several fresh words as one.
  std::uint32_t slot = 0;
  while (bucket.refs[slot] != 0) ++slot;
  bucket.tags[slot] = tag;
  bucket.refs[slot] = ref;
  return slot == slots - 1;
}

void Index::add(Page* page, std::uint32_t tag, Ref ref) {
  if (place(reinterpret_cast<Bucket*>(page + 1), page->buckets, tag, ref)) ++page->full;
}

void Index::insert(std::uint64_t hash, Ref ref) {
  const std::uint32_t tag = tag_of(hash);
  const Slot slot = directory_[tag & mask_];
  ++size_;
  if (!place(buckets_at(slot), buckets_of(slot), tag, ref)) return;
  Page* const page = page_at(slot);
  if (is_crowded(++page->full, page->buckets)) grow(page, tag);
}

void Index::repoint(std::uint64_t hash, Ref old, Ref ref) {
  const std::uint32_t tag = tag_of(hash);
  Page* page = page_at(directory_[tag & mask_]);
  Bucket* const buckets = reinterpret_cast<Bucket*>(page + 1);
  std::uint32_t i = home(tag, page->buckets);
  for (std::uint32_t probes = 0; probes < page->buckets; ++probes) {
    for (Ref& there : buckets[i].refs) {
      if (there == old) {
        there = ref;
        return;
      }
    }
    if (++i == page->buckets) i = 0;
  }
  HF_ASSERT(false && "the old place is in the index");
}

void Index::point_at(Page* page, std::uint32_t tag) {
  const std::uint64_t step = std::uint64_t{1} << page->depth;
  for (std::uint64_t i = tag & (step - 1); i < directory_.size(); i += step) {
    directory_[i] = make_slot(page);
  }
}

void Index::grow(Page* page, std::uint32_t tag) {
  if (page->buckets + 1 >= page_lines_max && page->depth < depth_max) {
    split(page, tag);
    return;
  }
  Page* larger = make_page(next_lines(page->buckets + 1) - 1, page->depth);
  const Bucket* const buckets = reinterpret_cast<const Bucket*>(page + 1);
  for (std::uint32_t i = 0; i < page->buckets; ++i) {
    for (std::uint32_t slot = 0; slot < slots && buckets[i].refs[slot] != 0; ++slot) {
      add(larger, buckets[i].tags[slot], buckets[i].refs[slot]);
    }
  }
  point_at(larger, tag);
  free_page(page);  // NOLINT(clang-analyzer-cplusplus.NewDeleteLeaks): `larger` is in the directory
}

void Index::split(Page* page, std::uint32_t tag) {
  if (directory_.size() == std::uint64_t{1} << page->depth) {
    const std::size_t before = directory_.size();
    directory_.resize(before * 2);
    for (std::size_t i = 0; i < before; ++i) directory_[before + i] = directory_[i];
    mask_ = static_cast<std::uint32_t>(directory_.size() - 1);
  }
  const std::uint32_t bit = std::uint32_t{1} << page->depth;
  const Bucket* const buckets = reinterpret_cast<const Bucket*>(page + 1);
  std::uint32_t counts[2] = {0, 0};
  for (std::uint32_t i = 0; i < page->buckets; ++i) {
    for (std::uint32_t slot = 0; slot < slots && buckets[i].refs[slot] != 0; ++slot) {
      ++counts[(buckets[i].tags[slot] & bit) != 0];
    }
  }
  Page* halves[2];
  for (int half = 0; half < 2; ++half) {
    std::uint32_t lines = 2;
    while (capacity(lines - 1) * 7 / 8 <= counts[half]) lines = next_lines(lines);
    halves[half] = make_page(lines - 1, page->depth + 1);
  }
  for (std::uint32_t i = 0; i < page->buckets; ++i) {
    for (std::uint32_t slot = 0; slot < slots && buckets[i].refs[slot] != 0; ++slot) {
      const std::uint32_t its = buckets[i].tags[slot];
      add(halves[(its & bit) != 0], its, buckets[i].refs[slot]);
    }
  }
  point_at(halves[0], tag & ~bit);
  point_at(halves[1], tag | bit);
  free_page(page);
}

}  // namespace holdfast::dedup
