// SPDX-License-Identifier: Apache-2.0
#include "function/stage.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstring>

#include "base/assert.h"
#include "base/limits.h"

namespace holdfast::function {
namespace {

// Between a program's own segments (from 0x55…) and what the kernel maps for it (to 0x7f…);
// ThreadSanitizer lets programs use only parts of that.
#if defined(HOLDFAST_THREAD_SANITIZER)
constexpr std::uintptr_t address = 0x7e90'0000'0000;
#else
constexpr std::uintptr_t address = 0x6800'0000'0000;
#endif

// Beyond this much the pages of a call that has ended are handed back at the next.
constexpr std::size_t kept_bytes = 1_MiB;

}  // namespace

Stage::Stage() {
  region_ =
      mmap(reinterpret_cast<void*>(address), limits::function_region_bytes, PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  HF_ASSERT(region_ == reinterpret_cast<void*>(address));
  clear();
}

Stage& Stage::of_process() {
  static Stage stage;
  return stage;
}

Arena& Stage::clear() {
  return Arena::make(region_, limits::function_region_bytes);
}

Stage::Image Stage::keep() const {
  Image image;
  image.bytes_.assign(static_cast<const char*>(region_), arena().extent());
  return image;
}

Arena& Stage::show(const Image& image) {
  HF_ASSERT(!image.empty());
  const std::size_t used = arena().extent();
  if (used > kept_bytes && used > image.size()) {
    madvise(static_cast<char*>(region_) + kept_bytes, used - kept_bytes, MADV_DONTNEED);
  }
  std::memcpy(region_, image.bytes_.data(), image.size());
  return arena();
}

}  // namespace holdfast::function
