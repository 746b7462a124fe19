// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace holdfast::lab {

/// What there is in a lab, by the names that its page and scenarios use:
/// processes "node1", "etcd1", and links "node1-node2", "node1-etcd1",
/// "etcd1-etcd2", "clients-node1". Pure.
class Places {
 public:
  /// `etcd_members`: 0 where there is no engine.
  Places(std::size_t nodes, std::size_t etcd_members);

  const std::vector<std::string>& nodes() const { return nodes_; }
  const std::vector<std::string>& etcd() const { return etcd_; }
  bool is_process(std::string_view name) const;

  /// Part of a link: all of it, or only what its one end sends.
  struct Piece {
    std::string link;  // as it is named above, whichever way it was asked for
    std::string from;  // empty: both ways
    bool operator==(const Piece&) const = default;
  };
  /// The links that a name stands for: its own; one way of it, as
  /// "node1>node2"; a process's to other processes, by the process's name; those
  /// of "clients", of "mesh" (nodes to nodes), of "etcd" (nodes to etcd), and
  /// "all". An error says which names there are.
  Result<std::vector<Piece>> links_of(std::string_view name) const;

 private:
  struct Link {
    std::string first, second;
    std::string name() const { return first + "-" + second; }
  };
  bool is_group(const Link& link, std::string_view name) const;
  const Link* between(std::string_view one, std::string_view other) const;

  std::vector<std::string> nodes_, etcd_;
  std::vector<Link> links_;
};

}  // namespace holdfast::lab
