// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <lua.hpp>
#include <string_view>

#include "base/reply.h"
#include "command/random.h"
#include "command/row.h"
#include "function/arena.h"
#include "function/work.h"

namespace holdfast::function {

struct Loading;

/// How a running function reaches its keyspace. Commands are refused by error replies.
class Commands {
 public:
  virtual ~Commands() = default;
  /// True: what RESP2 sees of the reply's array of pairs is one flat array.
  virtual bool call(Args args, Reply& reply) = 0;
};

enum class Passed : std::uint8_t { nothing, work, memory };

/// What runs on the stage at present: what it has left, and what it may reach. The functions that
/// programs call find it by of_stage(). Once a limit is passed the program ends at its
/// next instruction, whatever it catches.
class Running {
 public:
  /// Becomes of_stage() until it goes. `commands` and `loading` may be null: then there is nothing
  /// to call, or nothing is being loaded. `shared`: what it may spend together with others; null: a
  /// call's limit.
  Running(Arena& arena, Commands* commands, Loading* loading, std::uint64_t seed,
          Work* shared = nullptr);
  ~Running();
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  static Running& of_stage();

  /// Raises a Lua error where that is more than is left.
  void charge(lua_State* L, std::uint64_t units);
  /// For `bytes` that are read, compared or copied outside Lua's own instructions.
  void charge_bytes(lua_State* L, std::size_t bytes) { charge(L, 1 + bytes / bytes_per_unit); }
  /// Raises a Lua error where a program may not have so much at once.
  void check_size(lua_State* L, std::size_t bytes);
  Work& work() { return work_; }
  /// Ends the program.
  [[noreturn]] void pass(lua_State* L, Passed what);
  Passed passed() const { return passed_; }
  /// Which limit the program passed, be it without having come to another instruction.
  Passed ended_by() const {
    return passed_ == Passed::nothing && work_.spent() ? Passed::work : passed_;
  }

  Commands* commands() const { return commands_; }
  Loading* loading() const { return loading_; }
  command::Random& random() { return random_; }
  std::string_view caller;  // the service that calls; empty: nobody signed in

  /// A state whose memory is the arena's, counted and limited.
  lua_State* new_state();
  /// Counts the instructions of L from here on.
  void watch(lua_State* L);

 private:
  static constexpr std::size_t bytes_per_unit = 16;
  static constexpr int instructions_between = 1'000;

  static void* allocate(void* ignored, void* block, std::size_t old_bytes, std::size_t new_bytes);
  static void on_count(lua_State* L, lua_Debug*);

  /// One instruction may copy or compare as much as the longest string there was, or the stack:
  /// `..` that comes to a string which is there already gives out no memory, and would cost nothing
  /// else.
  static constexpr std::size_t bytes_per_instruction = 4'096;
  void note_block(bool grown, std::size_t bytes);

  Arena& arena_;
  Commands* commands_;
  Loading* loading_;
  command::Random random_;
  Work own_work_;
  Work& work_;
  Passed passed_ = Passed::nothing;
  lua_State* watched_ = nullptr;
  std::uint64_t price_ = 1;  // of an instruction
};

}  // namespace holdfast::function
