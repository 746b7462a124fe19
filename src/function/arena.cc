// SPDX-License-Identifier: Apache-2.0
#include "function/arena.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <type_traits>

#include "base/assert.h"

namespace holdfast::function {

static_assert(std::is_trivially_copyable_v<Arena>, "an image is its bytes");

Arena::Arena(std::size_t region_bytes)
    : region_bytes_(region_bytes), end_((sizeof(Arena) + step - 1) / step * step) {}

Arena& Arena::make(void* region, std::size_t region_bytes) {
  HF_ASSERT(region_bytes >= 2 * sizeof(Arena));
  return *new (region) Arena(region_bytes);
}

Arena::Class Arena::class_of(std::size_t bytes) {
  if (bytes <= small_bytes_max) {
    const std::size_t index = (bytes + step - 1) / step - 1;
    return {index, (index + 1) * step};
  }
  const std::size_t rounded = std::bit_ceil(bytes);
  return {small_classes + static_cast<std::size_t>(std::countr_zero(rounded)) -
              static_cast<std::size_t>(std::countr_zero(small_bytes_max)) - 1,
          rounded};
}

void* Arena::take(Class one) {
  if (Free* const block = free_[one.index]) {
    free_[one.index] = block->next;
    return block;
  }
  if (one.bytes > region_bytes_ - end_) return nullptr;
  void* const block = begin() + end_;
  end_ += one.bytes;
  return block;
}

void Arena::give_back(void* block, Class one) {
  free_[one.index] = new (block) Free{free_[one.index]};
}

void* Arena::resize(void* block, std::size_t old_bytes, std::size_t new_bytes,
                    std::size_t live_bytes_max) {
  if (new_bytes == 0) {
    if (block != nullptr && old_bytes != 0) {
      live_bytes_ -= old_bytes;
      give_back(block, class_of(old_bytes));
    }
    return nullptr;
  }
  const bool grows = new_bytes > old_bytes;
  // What nobody could ever have is refused before any sum of sizes could wrap.
  if (grows && (new_bytes > region_bytes_ || live_bytes_ - old_bytes + new_bytes > live_bytes_max))
    return nullptr;
  const Class wanted = class_of(new_bytes);
  void* moved = block;
  if (old_bytes == 0) {
    moved = take(wanted);
    if (moved == nullptr) return nullptr;
  } else if (const Class had = class_of(old_bytes); had.index != wanted.index) {
    moved = take(wanted);
    if (moved == nullptr && grows) return nullptr;
    if (moved == nullptr) {
      moved = block;  // the rest of it is lost until the arena is made anew
    } else {
      std::memcpy(moved, block, std::min(old_bytes, new_bytes));
      give_back(block, had);
    }
  }
  live_bytes_ = live_bytes_ - old_bytes + new_bytes;
  if (new_bytes > old_bytes) given_bytes_ += new_bytes - old_bytes;
  return moved;
}

}  // namespace holdfast::function
