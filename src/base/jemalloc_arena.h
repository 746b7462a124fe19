// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <jemalloc/jemalloc.h>

#include <cstddef>

namespace holdfast {

/// The hooks that jemalloc's arenas have unless told otherwise; nullptr: it does not say.
inline extent_hooks_t* usual_extent_hooks() {
  extent_hooks_t* hooks = nullptr;
  std::size_t size = sizeof(void*);
  if (mallctl("arena.0.extent_hooks", &hooks, &size, nullptr, 0) != 0) return nullptr;
  return hooks;
}

/// A new arena with these hooks, which outlive it; 0, the usual one: there is none.
inline unsigned make_arena(extent_hooks_t& hooks) {
  extent_hooks_t* wanted = &hooks;
  unsigned arena = 0;
  std::size_t size = sizeof(arena);
  if (mallctl("arenas.create", &arena, &size, &wanted, sizeof(void*)) != 0) return 0;
  return arena;
}

}  // namespace holdfast
