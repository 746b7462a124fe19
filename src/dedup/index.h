// SPDX-License-Identifier: Apache-2.0
#pragma once

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <cstdint>
#include <vector>

#include "dedup/arena.h"

namespace holdfast::dedup {

/// From an id's hash to its place in an arena. Extendible hashing (Fagin et
/// al., TODS 1979) over pages of at most 16 KiB: growing moves one page, some
/// microseconds, whatever the number of ids. A page grows by less than a half
/// at a time, so three quarters of it are in use: about 11 bytes an id.
/// A bucket is one cache line of eight tags and eight places, so that an id
/// that is not there costs one line of memory.
class Index {
 public:
  Index();
  ~Index();
  Index(const Index&) = delete;
  Index& operator=(const Index&) = delete;

  /// The place for which `is(place)` holds among those with this hash; 0: none.
  template <typename Is>
  Ref find(std::uint64_t hash, Is&& is) const {
    const auto tag = tag_of(hash);
    const Slot page = directory_[tag & mask_];
    const std::uint32_t buckets = buckets_of(page);
    const Bucket* const first = buckets_at(page);
    for (std::uint32_t i = home(tag, buckets), probes = 0; probes < buckets; ++probes) {
      const Bucket& bucket = first[i];
      for (unsigned found = bucket.matches(tag); found != 0; found &= found - 1) {
        const Ref ref = bucket.refs[__builtin_ctz(found)];
        if (ref != 0 && is(ref)) return ref;
      }
      if (bucket.refs[slots - 1] == 0) return 0;  // filled from the front: nothing went past it
      if (++i == buckets) i = 0;
    }
    return 0;
  }

  /// Brings the line that find() will read into the cache; insert() needs no other.
  void prefetch(std::uint64_t hash) const {
    const auto tag = tag_of(hash);
    const Slot page = directory_[tag & mask_];
    __builtin_prefetch(buckets_at(page) + home(tag, buckets_of(page)));
  }

  /// Adds a place; one with this hash and this `ref` must not be there.
  void insert(std::uint64_t hash, Ref ref);
  /// Names another place for what was at `old`, which must be there.
  void repoint(std::uint64_t hash, Ref old, Ref ref);

  std::uint64_t size() const { return size_; }
  std::size_t memory_bytes() const { return memory_bytes_; }

 private:
  static constexpr std::uint32_t slots = 8;
  struct alignas(64) Bucket {
    std::uint32_t tags[slots];
    Ref refs[slots];  // 0: empty; filled from the front

    /// A bit for each slot that has the tag.
    unsigned matches(std::uint32_t tag) const {
#ifdef __SSE2__
      const auto* four = reinterpret_cast<const __m128i*>(tags);
      const __m128i wanted = _mm_set1_epi32(static_cast<int>(tag));
      const __m128i equal = _mm_packs_epi32(_mm_cmpeq_epi32(_mm_load_si128(four), wanted),
                                            _mm_cmpeq_epi32(_mm_load_si128(four + 1), wanted));
      return static_cast<unsigned>(_mm_movemask_epi8(_mm_packs_epi16(equal, equal))) & 0xFF;
#else
      unsigned found = 0;
      for (unsigned i = 0; i < slots; ++i) found |= static_cast<unsigned>(tags[i] == tag) << i;
      return found;
#endif
    }
  };
  /// The first line of a page; its buckets follow.
  struct alignas(64) Page {
    std::uint32_t buckets;
    std::uint32_t full;   // of them: counted instead of entries, as it changes less often
    std::uint32_t depth;  // how many low bits of their tags its entries share
  };
  static_assert(sizeof(Bucket) == 64 && sizeof(Page) == 64);

  /// A page's address with its number of buckets in the low six and the upper
  /// sixteen bits, so that a lookup does not read the page's first line.
  using Slot = std::uint64_t;
  static constexpr std::uint64_t address_mask = 0x0000'FFFF'FFFF'FFC0;
  static Slot make_slot(const Page* page);
  static std::uint32_t buckets_of(Slot slot) {
    return static_cast<std::uint32_t>(slot >> 48 << 6 | (slot & 63));
  }
  static Page* page_at(Slot slot) {
    return reinterpret_cast<Page*>(slot & address_mask);  // NOLINT(performance-no-int-to-ptr)
  }
  static Bucket* buckets_at(Slot slot) {
    return reinterpret_cast<Bucket*>(page_at(slot) + 1);
  }

  static std::uint32_t tag_of(std::uint64_t hash) {
    return static_cast<std::uint32_t>(hash);
  }
  static std::uint32_t home(std::uint32_t tag, std::uint32_t buckets) {
    return static_cast<std::uint32_t>(std::uint64_t{tag} * buckets >> 32);
  }

  Page* make_page(std::uint32_t buckets, std::uint32_t depth);
  void free_page(Page* page);
  /// Puts it into the first bucket from its home on that is not full; true when
  /// that one is full now.
  static bool place(Bucket* first, std::uint32_t buckets, std::uint32_t tag, Ref ref);
  static void add(Page* page, std::uint32_t tag, Ref ref);
  /// Makes room in the page: a larger one in its stead, or two.
  void grow(Page* page, std::uint32_t tag);
  void split(Page* page, std::uint32_t tag);
  void point_at(Page* page, std::uint32_t tag);

  std::vector<Slot> directory_;  // by the low bits of the tag; a power of two of them
  std::uint32_t mask_ = 0;
  std::uint64_t size_ = 0;
  std::size_t memory_bytes_ = 0;
};

}  // namespace holdfast::dedup
