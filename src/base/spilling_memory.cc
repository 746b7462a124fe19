// SPDX-License-Identifier: Apache-2.0
#include "base/spilling_memory.h"

#include <new>

#ifdef HOLDFAST_JEMALLOC
#include <fcntl.h>
#include <fmt/format.h>
#include <jemalloc/jemalloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/assert.h"
#include "base/units.h"
#endif

namespace holdfast {

#ifdef HOLDFAST_JEMALLOC
namespace {

// jemalloc asks for address space by "extents", splits and joins them, and tells when the pages of
// one are not in use: then the file's blocks are given back (it is "decommitted").
// https://jemalloc.net/jemalloc.3.html#arena.i.extent_hooks

extent_hooks_t* usual_hooks = nullptr;

struct File {
  std::atomic<char*> begin{nullptr};  // nullptr: there is none. Set once, after the others
  std::size_t size = 0;               // of address space, and of the file, which is sparse
  int descriptor = -1;
  std::uint64_t in_memory_max = 0;
  std::atomic<std::uint64_t> used{0};  // of address space
  std::atomic<std::uint64_t> taken{0};
};
File file;
std::atomic<std::uint64_t> in_memory{0};  // extents that are not the file's

bool is_files(const void* at) {
  const char* const begin = file.begin.load(std::memory_order_acquire);
  const char* const byte = static_cast<const char*>(at);
  return begin != nullptr && byte >= begin && byte < begin + file.size;
}

off_t offset_of(const void* at) {
  return static_cast<const char*>(at) - file.begin.load(std::memory_order_relaxed);
}

bool take_blocks(const void* at, std::size_t bytes) {
  if (fallocate(file.descriptor, 0, offset_of(at), static_cast<off_t>(bytes)) != 0) return false;
  file.taken += bytes;
  return true;
}

// Page-aligned address space of the file's that was never given out; nullptr: it has no more.
char* next_of_file(std::size_t bytes, std::size_t alignment) {
  char* const begin = file.begin.load(std::memory_order_acquire);
  if (begin == nullptr) return nullptr;
  std::uint64_t used = file.used.load();
  for (;;) {
    const auto at = reinterpret_cast<std::uintptr_t>(begin) + used;
    const std::uint64_t from =
        (at + alignment - 1) / alignment * alignment - reinterpret_cast<std::uintptr_t>(begin);
    if (from + bytes > file.size) return nullptr;
    if (file.used.compare_exchange_weak(used, from + bytes)) return begin + from;
  }
}

void* map_extent(extent_hooks_t*, void* at, std::size_t bytes, std::size_t alignment, bool* zero,
                 bool* commit, unsigned arena) {
  if (at == nullptr && in_memory.load() + bytes > file.in_memory_max) {
    char* const memory = next_of_file(bytes, alignment);
    if (memory != nullptr && (!*commit || take_blocks(memory, bytes))) {
      *zero = true;
      return memory;
    }
  }
  if (is_files(at)) return nullptr;
  void* const memory = usual_hooks->alloc(usual_hooks, at, bytes, alignment, zero, commit, arena);
  if (memory != nullptr) in_memory += bytes;
  return memory;
}

// True: not done, and the address space is kept to be used again.
bool unmap_extent(extent_hooks_t*, void* at, std::size_t bytes, bool committed, unsigned arena) {
  if (is_files(at)) return true;
  const bool kept = usual_hooks->dalloc(usual_hooks, at, bytes, committed, arena);
  if (!kept) in_memory -= bytes;
  return kept;
}

void destroy_extent(extent_hooks_t*, void* at, std::size_t bytes, bool committed, unsigned arena) {
  HF_ASSERT(!is_files(at));  // the arena is never destroyed
  usual_hooks->destroy(usual_hooks, at, bytes, committed, arena);
}

bool commit_extent(extent_hooks_t*, void* at, std::size_t bytes, std::size_t offset,
                   std::size_t length, unsigned arena) {
  if (is_files(at)) return !take_blocks(static_cast<char*>(at) + offset, length);
  return usual_hooks->commit(usual_hooks, at, bytes, offset, length, arena);
}

bool decommit_extent(extent_hooks_t*, void* at, std::size_t bytes, std::size_t offset,
                     std::size_t length, unsigned arena) {
  if (!is_files(at)) return usual_hooks->decommit(usual_hooks, at, bytes, offset, length, arena);
  const off_t from = offset_of(at) + static_cast<off_t>(offset);
  if (fallocate(file.descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from,
                static_cast<off_t>(length)) != 0)
    return true;
  file.taken -= length;
  return false;
}

// Blocks stay reserved as long as what they are for is committed: only decommit gives them back.
bool purge_lazily(extent_hooks_t*, void* at, std::size_t bytes, std::size_t offset,
                  std::size_t length, unsigned arena) {
  return is_files(at) || usual_hooks->purge_lazy(usual_hooks, at, bytes, offset, length, arena);
}

bool purge_at_once(extent_hooks_t*, void* at, std::size_t bytes, std::size_t offset,
                   std::size_t length, unsigned arena) {
  return is_files(at) || usual_hooks->purge_forced(usual_hooks, at, bytes, offset, length, arena);
}

bool split_extent(extent_hooks_t*, void* at, std::size_t bytes, std::size_t first,
                  std::size_t second, bool committed, unsigned arena) {
  return !is_files(at) &&
         usual_hooks->split(usual_hooks, at, bytes, first, second, committed, arena);
}

bool merge_extents(extent_hooks_t*, void* first, std::size_t first_bytes, void* second,
                   std::size_t second_bytes, bool committed, unsigned arena) {
  if (is_files(first) != is_files(second)) return true;
  return !is_files(first) && usual_hooks->merge(usual_hooks, first, first_bytes, second,
                                                second_bytes, committed, arena);
}

template <typename T>
void set(const std::string& name, T value) {
  mallctl(name.c_str(), nullptr, nullptr, &value, sizeof(value));
}

unsigned make_arena() {
  std::size_t size = sizeof(void*);
  if (mallctl("arena.0.extent_hooks", &usual_hooks, &size, nullptr, 0) != 0) return 0;
  static extent_hooks_t hooks{map_extent,    unmap_extent,    destroy_extent,
                              commit_extent, decommit_extent, purge_lazily,
                              purge_at_once, split_extent,    merge_extents};
  extent_hooks_t* const wanted = &hooks;
  unsigned arena = 0;
  size = sizeof(arena);
  if (mallctl("arenas.create", &arena, &size, const_cast<extent_hooks_t**>(&wanted),
              sizeof(void*)) != 0)
    return 0;
  // Else it takes more with each extent, and it is by extents that memory ends and the file begins.
  const std::string name = "arena." + std::to_string(arena);
  set(name + ".retain_grow_limit", std::size_t{4_MiB});
  set(name + ".dirty_decay_ms", ssize_t{1'000});
  set(name + ".muzzy_decay_ms", ssize_t{0});
  return arena;
}

unsigned arena() {
  static const unsigned made = make_arena();
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

int open_nameless(const std::string& folder) {
  const int made = open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (made >= 0 || errno != EOPNOTSUPP) return made;
  std::string path = folder + "/unstable-XXXXXX";
  const int named = mkostemp(path.data(), O_CLOEXEC);
  if (named >= 0) unlink(path.c_str());
  return named;
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
  if (file.descriptor >= 0) return {};
  const auto failed = [&](const char* what) {
    return fail(Code::io,
                fmt::format("cannot {} a file in {}: {}", what, folder, std::strerror(errno)));
  };
  const int descriptor = open_nameless(folder);
  if (descriptor < 0) return failed("make");
  // Sparse: as large as the file system lets one be, within reason.
  std::size_t size = 4096_GiB;
  while (size > 1_GiB && ftruncate(descriptor, static_cast<off_t>(size)) != 0) size /= 2;
  void* const begin =
      mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, descriptor, 0);
  if (begin == MAP_FAILED) {
    const Status why = failed("map");
    close(descriptor);
    return why;
  }
  static_cast<void>(madvise(begin, size, MADV_DONTDUMP));
  file.size = size;
  file.descriptor = descriptor;
  file.in_memory_max = in_memory_max;
  file.begin.store(static_cast<char*>(begin), std::memory_order_release);
  return {};
}

std::uint64_t spilled_bytes() {
  return file.taken;
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
#endif

}  // namespace holdfast
