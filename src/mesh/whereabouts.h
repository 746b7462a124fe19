// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace holdfast::mesh {

/// Where the members are, for nodes that no engine tells it: some addresses were
/// listed at start (--peers), without saying whose they are; nodes tell their own,
/// and those of others. Of two addresses of a node the one it came to later counts.
/// Pure. One thread.
class Whereabouts {
 public:
  struct Place {
    std::string address;
    std::uint64_t since = 0;  // when the node came there, by its own wall clock
    bool operator==(const Place&) const = default;
  };
  using Places = std::map<std::string, Place, std::less<>>;  // by node

  Whereabouts(std::string self, std::vector<std::string> listed);

  /// Who answered at a listed or told address; and where it says it is.
  void answered(const std::string& dialed, const std::string& node, const Place& place);
  /// It was this node itself.
  void is_self(const std::string& dialed);
  /// What a node says of itself, or of others.
  void told(const std::string& node, const Place& place);
  void told(const Places& places);
  /// A node that is no longer a member.
  void forget(const std::string& node);

  /// Every address that is worth a connection, one for each node as far as it is
  /// known whose they are.
  std::vector<std::string> to_dial() const;
  /// Listed, and nobody has ever answered there.
  std::vector<std::string> never_met() const;
  /// Who answered there last, in this life or one before. Empty: nobody has.
  std::string met_at(std::string_view listed) const;
  const Places& places() const { return places_; }
  /// Empty: not known.
  std::string address_of(std::string_view node) const;

  /// Grows with every change of the above.
  std::uint64_t changes() const { return changes_; }

  /// What a node keeps of it on its disk.
  std::string encode() const;
  /// kCorrupt: that is not encode()'s.
  Status restore(std::string_view bytes);

 private:
  struct Listed {
    std::string address;
    bool met = false;  // since this node's start
    bool self = false;
    std::string node;  // who answered last
    std::uint64_t since = 0;
  };

  std::string self_;
  std::vector<Listed> listed_;
  Places places_;
  std::uint64_t changes_ = 1;
};

/// A frame's body: docs/formats/mesh.md.
std::string encode(const Whereabouts::Places& places);
/// kCorrupt: it is none.
Result<Whereabouts::Places> decode_places(std::string_view bytes);

}  // namespace holdfast::mesh
