// SPDX-License-Identifier: Apache-2.0
#include "base/scattered_memory.h"

#include <new>

#ifdef HOLDFAST_JEMALLOC
#include <jemalloc/jemalloc.h>
#include <sys/mman.h>

#include <algorithm>

#include "base/assert.h"
#include "base/jemalloc_arena.h"
#endif

namespace holdfast {

#ifdef HOLDFAST_JEMALLOC
namespace {

constexpr std::size_t huge_page_bytes = std::size_t{2} << 20;

extent_hooks_t* usual_hooks = nullptr;

void* map_huge(extent_hooks_t*, void* at, std::size_t bytes, std::size_t alignment, bool* zero,
               bool* commit, unsigned arena) {
  if (at == nullptr) alignment = std::max(alignment, huge_page_bytes);
  void* memory = usual_hooks->alloc(usual_hooks, at, bytes, alignment, zero, commit, arena);
  // Refused or not known: then these are small pages.
  if (memory != nullptr) static_cast<void>(madvise(memory, bytes, MADV_HUGEPAGE));
  return memory;
}

// An arena of jemalloc's for these alone: were every allocation on huge pages,
// each large buffer would hold up to one more of them than it needs.
unsigned make_scattered_arena() {
  usual_hooks = usual_extent_hooks();
  if (usual_hooks == nullptr) return 0;
  static extent_hooks_t hooks;
  hooks = *usual_hooks;
  hooks.alloc = map_huge;
  return make_arena(hooks);
}

int flags(std::size_t alignment) {
  static const unsigned arena = make_scattered_arena();
  return MALLOCX_ALIGN(alignment) | MALLOCX_ARENA(arena) | MALLOCX_TCACHE_NONE;
}

}  // namespace

void* allocate_scattered(std::size_t bytes, std::size_t alignment) {
  void* memory = mallocx(bytes, flags(alignment));
  HF_ASSERT(memory != nullptr);
  return memory;
}

void free_scattered(void* memory, std::size_t bytes, std::size_t alignment) {
  sdallocx(memory, bytes, flags(alignment));
}
#else
void* allocate_scattered(std::size_t bytes, std::size_t alignment) {
  return ::operator new (bytes, std::align_val_t{alignment});
}

void free_scattered(void* memory, std::size_t, std::size_t alignment) {
  ::operator delete (memory, std::align_val_t{alignment});
}
#endif

}  // namespace holdfast
