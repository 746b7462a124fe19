// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "lab/scenario.h"
#include "verify/history.h"

namespace holdfast::lab {

/// What one client asks for once, in however many tries.
struct Op {
  std::vector<verify::Command> commands;
  bool multi = false;
  std::string id;      // empty: without one
  bool write = true;   // counts one in what a node shows
  bool plain = false;  // in the count that ids do not protect
};

/// What a node shows of a scene.
struct Shown {
  std::int64_t value = 0;              // how many writes have their effect in it
  std::int64_t plain = 0;              // the same of those without ids
  bool sound = true;                   // what must hold of every state does
  std::vector<std::uint64_t> beats{};  // of each node, the last
  bool operator==(const Shown&) const = default;
};

/// A like as it was read from a file.
struct Like {
  std::string post;
  std::string id;  // whose like it is; empty: any
};

/// A load on one keyspace: what its clients ask, and what nodes show of it. Pure.
class Scene {
 public:
  virtual ~Scene() = default;
  /// Also the keyspace's.
  virtual std::string_view name() const = 0;
  virtual std::string_view what() const = 0;  // one write is: "like"
  virtual bool is_eventual() const = 0;
  /// A client that heard nothing tries again, at the next node, until it is answered. Else it
  /// gives up, and what is not known of is settled at the end.
  virtual bool insists() const { return false; }
  /// What has to be there first.
  virtual std::vector<verify::Command> prepare() const { return {}; }
  virtual Op next() = 0;
  /// A node's own write, numbered from 1: by those that others show one sees how stale they are.
  virtual verify::Command beat(std::size_t node, std::uint64_t number) const = 0;
  /// Asks a node for its own state. LOCAL where it is strong, so that it also
  /// answers when it is cut off.
  virtual verify::Command probe() const = 0;
  virtual Result<Shown> shown(const verify::Answer& answer) const = 0;
};

/// `run`: begins all keys and ids, so that none is another run's.
std::vector<std::unique_ptr<Scene>> make_scenes(const Scenario& scenario, std::size_t nodes,
                                                const std::string& run,
                                                const std::vector<Like>& likes, std::uint64_t seed);

}  // namespace holdfast::lab
