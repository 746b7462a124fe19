// SPDX-License-Identifier: Apache-2.0
#include "function/running.h"

#include <algorithm>
#include <bit>

#include "base/assert.h"
#include "base/limits.h"

namespace holdfast::function {
namespace {

Running* on_stage = nullptr;

// What a program over its limit may still have, so that it can be told so.
constexpr std::size_t to_say_so_bytes = 64_KiB;

}  // namespace

Running::Running(Arena& arena, Commands* commands, Loading* loading, std::uint64_t seed,
                 Work* shared)
    : arena_(arena),
      commands_(commands),
      loading_(loading),
      random_(seed),
      own_work_(limits::function_work_max),
      work_(shared == nullptr ? own_work_ : *shared) {
  HF_ASSERT(on_stage == nullptr);
  on_stage = this;
}

Running::~Running() {
  on_stage = nullptr;
}

Running& Running::of_stage() {
  HF_ASSERT(on_stage != nullptr);
  return *on_stage;
}

void Running::charge(lua_State* L, std::uint64_t units) {
  if (!work_.spend(units)) pass(L, Passed::work);
}

void Running::check_size(lua_State* L, std::size_t bytes) {
  if (bytes > limits::function_memory_bytes_max) pass(L, Passed::memory);
}

void Running::pass(lua_State* L, Passed what) {
  if (passed_ == Passed::nothing) passed_ = what;
  // From now on at every instruction, so that catching it leads nowhere.
  lua_sethook(L, on_count, LUA_MASKCOUNT, 1);
  luaL_error(L, "a limit of functions is passed");
  __builtin_unreachable();
}

void* Running::allocate(void*, void* block, std::size_t old_bytes, std::size_t new_bytes) {
  Running& running = of_stage();
  const bool over = running.passed_ != Passed::nothing;
  void* const given =
      running.arena_.resize(block, old_bytes, new_bytes,
                            limits::function_memory_bytes_max + (over ? to_say_so_bytes : 0));
  if (new_bytes == 0) return nullptr;
  if (given == nullptr) {
    running.passed_ = running.passed_ == Passed::nothing ? Passed::memory : running.passed_;
    if (running.watched_ != nullptr) lua_sethook(running.watched_, on_count, LUA_MASKCOUNT, 1);
    return nullptr;
  }
  running.note_block(block != nullptr, new_bytes);
  if (new_bytes > old_bytes) running.work_.spend((new_bytes - old_bytes) / bytes_per_unit);
  return given;
}

void Running::on_count(lua_State* L, lua_Debug*) {
  Running& running = of_stage();
  if (running.passed_ != Passed::nothing) running.pass(L, running.passed_);
  running.charge(L, instructions_between * running.price_);
}

// A string is made at its size, and the stack is the only block that grows to sizes other than
// tables' arrays and the list of calls have. A table's hash part and the index of all strings are
// made at their sizes, too: those may be strings, and so cost, though less.
void Running::note_block(bool grown, std::size_t bytes) {
  if (bytes < bytes_per_instruction) return;
  const std::size_t odd_part = bytes >> static_cast<unsigned>(std::countr_zero(bytes));
  const bool like_a_table = odd_part == 1 || odd_part == 5;
  if (grown && (like_a_table || bytes % 16 != 0)) return;
  const std::size_t per_unit = like_a_table ? 4 * bytes_per_instruction : bytes_per_instruction;
  price_ = std::max(price_, 1 + bytes / per_unit);
}

lua_State* Running::new_state() {
  lua_State* const L = lua_newstate(allocate, nullptr);
  HF_ASSERT(L != nullptr);  // it takes a few KiB of an empty arena
  return L;
}

void Running::watch(lua_State* L) {
  watched_ = L;
  lua_sethook(L, on_count, LUA_MASKCOUNT, instructions_between);
}

}  // namespace holdfast::function
