// SPDX-License-Identifier: Apache-2.0
#include "base/spilling_memory.h"

#include <new>

#ifdef HOLDFAST_JEMALLOC
#include <jemalloc/jemalloc.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "base/assert.h"
#include "base/jemalloc_arena.h"
#include "base/spilling_file.h"
#include "base/units.h"
#endif

namespace holdfast {

#ifdef HOLDFAST_JEMALLOC
namespace {

// jemalloc asks for address space by "extents", splits and joins them, and gives back those of
// which nothing is in use. https://jemalloc.net/jemalloc.3.html#arena.i.extent_hooks
//
// An extent of the file has its blocks from the beginning to the end: one that jemalloc kept
// without them it would find again, and be refused, at each turn while the disk is full.

extent_hooks_t* usual_hooks = nullptr;

// A process has one: memory belongs to no node. Hooks are called until the very end.
SpillingFile& file() {
  static SpillingFile* const made = new SpillingFile;
  return *made;
}
std::atomic<std::uint64_t> in_memory{0};  // extents that are not the file's

void* map_extent(extent_hooks_t*, void* at, std::size_t bytes, std::size_t alignment, bool* zero,
                 bool* commit, unsigned arena) {
  if (at == nullptr && file().is_wanted(in_memory.load() + bytes)) {
    if (void* const memory = file().take(bytes, alignment)) {
      *zero = true;
      *commit = true;
      return memory;
    }
  }
  if (file().has(at)) return nullptr;
  void* const memory = usual_hooks->alloc(usual_hooks, at, bytes, alignment, zero, commit, arena);
  if (memory != nullptr) in_memory += bytes;
  return memory;
}

// True: not done, and jemalloc keeps it to be used again.
bool unmap_extent(extent_hooks_t*, void* at, std::size_t bytes, bool committed, unsigned arena) {
  if (file().has(at)) return !file().give_back(at, bytes);
  const bool kept = usual_hooks->dalloc(usual_hooks, at, bytes, committed, arena);
  if (!kept) in_memory -= bytes;
  return kept;
}

void destroy_extent(extent_hooks_t*, void* at, std::size_t bytes, bool committed, unsigned arena) {
  HF_ASSERT(!file().has(at));  // the arena is never destroyed
  usual_hooks->destroy(usual_hooks, at, bytes, committed, arena);
}

bool commit_extent(extent_hooks_t*, void* at, std::size_t bytes, std::size_t offset,
                   std::size_t length, unsigned arena) {
  return !file().has(at) && usual_hooks->commit(usual_hooks, at, bytes, offset, length, arena);
}

bool decommit_extent(extent_hooks_t*, void* at, std::size_t bytes, std::size_t offset,
                     std::size_t length, unsigned arena) {
  return file().has(at) || usual_hooks->decommit(usual_hooks, at, bytes, offset, length, arena);
}

bool purge_lazily(extent_hooks_t*, void* at, std::size_t bytes, std::size_t offset,
                  std::size_t length, unsigned arena) {
  return file().has(at) || usual_hooks->purge_lazy(usual_hooks, at, bytes, offset, length, arena);
}

bool purge_at_once(extent_hooks_t*, void* at, std::size_t bytes, std::size_t offset,
                   std::size_t length, unsigned arena) {
  return file().has(at) || usual_hooks->purge_forced(usual_hooks, at, bytes, offset, length, arena);
}

bool split_extent(extent_hooks_t*, void* at, std::size_t bytes, std::size_t first,
                  std::size_t second, bool committed, unsigned arena) {
  return !file().has(at) &&
         usual_hooks->split(usual_hooks, at, bytes, first, second, committed, arena);
}

bool merge_extents(extent_hooks_t*, void* first, std::size_t first_bytes, void* second,
                   std::size_t second_bytes, bool committed, unsigned arena) {
  if (file().has(first) != file().has(second)) return true;
  return !file().has(first) && usual_hooks->merge(usual_hooks, first, first_bytes, second,
                                                  second_bytes, committed, arena);
}

template <typename T>
void set(const std::string& name, T value) {
  mallctl(name.c_str(), nullptr, nullptr, &value, sizeof(value));
}

unsigned make_spilling_arena() {
  usual_hooks = usual_extent_hooks();
  if (usual_hooks == nullptr) return 0;
  static extent_hooks_t hooks{map_extent,    unmap_extent,    destroy_extent,
                              commit_extent, decommit_extent, purge_lazily,
                              purge_at_once, split_extent,    merge_extents};
  const unsigned arena = make_arena(hooks);
  if (arena == 0) return 0;
  // Else it takes more with each extent, and it is by extents that memory ends and the file begins.
  const std::string name = "arena." + std::to_string(arena);
  set(name + ".retain_grow_limit", std::size_t{4_MiB});
  set(name + ".dirty_decay_ms", ssize_t{1'000});
  set(name + ".muzzy_decay_ms", ssize_t{0});
  return arena;
}

unsigned arena() {
  static const unsigned made = make_spilling_arena();
  return made;
}

// jemalloc's usual one of a thread would mix these with all else that the thread allocates.
class ThreadCache {
 public:
  ThreadCache() {
    std::size_t size = sizeof(number_);
    ok_ = mallctl("tcache.create", &number_, &size, nullptr, 0) == 0;
  }
  ~ThreadCache() {
    if (ok_) set("tcache.destroy", number_);
    ended = true;
  }
  ThreadCache(const ThreadCache&) = delete;
  ThreadCache& operator=(const ThreadCache&) = delete;
  int flags() const { return ok_ ? MALLOCX_TCACHE(number_) : MALLOCX_TCACHE_NONE; }

  static thread_local bool ended;

 private:
  unsigned number_ = 0;
  bool ok_ = false;
};
thread_local bool ThreadCache::ended = false;

int flags(std::size_t alignment) {
  const int all = MALLOCX_ALIGN(alignment) | static_cast<int>(MALLOCX_ARENA(arena()));
  if (ThreadCache::ended) return all | MALLOCX_TCACHE_NONE;
  thread_local const ThreadCache cache;
  return all | cache.flags();
}

}  // namespace

void* allocate_spilling(std::size_t bytes, std::size_t alignment) {
  void* const memory = mallocx(bytes, flags(alignment));
  HF_ASSERT(memory != nullptr);
  return memory;
}

void free_spilling(void* memory, std::size_t bytes, std::size_t alignment) {
  if (memory != nullptr) sdallocx(memory, bytes, flags(alignment));
}

Status spill_into(const std::string& folder, std::uint64_t in_memory_max) {
  return file().open(folder, in_memory_max);
}

std::uint64_t spilled_bytes() {
  return file().taken();
}

std::uint64_t spilled_active_bytes() {
  if (!file().is_open()) return 0;
  static const std::string name = "stats.arenas." + std::to_string(arena()) + ".pactive";
  std::size_t pages = 0;
  std::size_t size = sizeof(pages);
  if (mallctl(name.c_str(), &pages, &size, nullptr, 0) != 0) return 0;
  const std::uint64_t active = pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  return active - std::min(active, in_memory.load());
}
#else
void* allocate_spilling(std::size_t bytes, std::size_t alignment) {
  return ::operator new (bytes, std::align_val_t{alignment});
}

void free_spilling(void* memory, std::size_t, std::size_t alignment) {
  ::operator delete (memory, std::align_val_t{alignment});
}

Status spill_into(const std::string&, std::uint64_t) {
  return {};
}

std::uint64_t spilled_bytes() {
  return 0;
}

std::uint64_t spilled_active_bytes() {
  return 0;
}
#endif

}  // namespace holdfast
