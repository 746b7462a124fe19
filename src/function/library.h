// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <lua.hpp>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/reply.h"
#include "function/running.h"
#include "function/stage.h"

namespace holdfast::function {

/// What a library says of one of its functions.
struct Published {
  std::string name;
  std::string description;
  bool no_writes = false;            // FCALL_RO may call it
  std::vector<std::string> allowed;  // services; empty: every one that has signed in
};

/// The first line of a library: `#!lua name=<name> [keyspace=<name>]`.
struct Header {
  std::string name;
  std::string keyspace;  // "default" where none is named
  std::string_view
      body;  // the source behind it, its line break first, so that lines count from there
};
/// kErr with Redis' words where it is none.
Result<Header> read_header(std::string_view source);

/// While a library is loaded: what it registers.
struct Loading {
  std::vector<Published> functions;
};

/// A library as it was loaded: its functions, and the stage's image at that moment, from which each
/// call begins. Immutable. Used by the stage's thread alone.
class Library {
 public:
  /// Runs the source once. kErr: what it complains of, or that it passed a limit.
  static Result<std::shared_ptr<const Library>> load(std::string source);

  /// EVAL's: compiled, not run; it has one function, which runs the whole with the globals KEYS
  /// and ARGV. Its first line may be `#!lua flags=no-writes`. kErr: what is wrong with it.
  static Result<std::shared_ptr<const Library>> compile(std::string_view script);

  const std::string& name() const { return name_; }
  const std::string& keyspace() const { return keyspace_; }
  const std::string& source() const { return source_; }
  std::span<const Published> functions() const { return functions_; }
  const Published* find(std::string_view function) const;

  struct Call {
    std::string_view function;  // one of functions()
    std::span<const std::string_view> keys;
    std::span<const std::string_view> args;
    std::string_view caller;
    std::uint64_t seed = 0;
    Work* work = nullptr;  // that it may spend with others; null: a call's limit
  };
  /// Runs it. Writes one reply: what the function returned, or an error: what it raised, or which
  /// limit it passed. Whoever calls undoes what `commands` did where it is an error.
  void call(const Call& call, Commands& commands, Reply& reply) const;

 private:
  Library() = default;
  static Result<std::shared_ptr<const Library>> make(std::shared_ptr<Library> library,
                                                     std::string_view body);

  std::string name_;
  std::string keyspace_;
  std::string source_;
  std::vector<Published> functions_;
  Stage::Image image_;
  bool script_ = false;
  lua_State* state_ = nullptr;  // on the stage, when the image is
};

}  // namespace holdfast::function
