// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "base/hybrid_clock.h"
#include "base/spilling_memory.h"
#include "base/wire.h"

namespace holdfast::eventual {

/// One incarnation of one node's log. Never reused: a node that may have lost
/// the end of its log goes on under a new one.
struct OriginId {
  std::uint64_t value = 0;
  auto operator<=>(const OriginId&) const = default;
};

/// Which incarnations a node knows to have ended (its log lost, its disk wiped,
/// taken out): equal for nodes that know the same. 0: none.
struct View {
  std::uint64_t value = 0;
  bool operator==(const View&) const = default;
};

/// Names an operation's arrival: the `sequence`-th operation of its origin's
/// log, from 1. Operations, not entries: those of one entry see each other in
/// order.
struct Dot {
  OriginId origin;
  std::uint64_t sequence = 0;
  auto operator<=>(const Dot&) const = default;
  template <typename H>
  friend H AbslHashValue(H h, const Dot& dot) {
    return H::combine(std::move(h), dot.origin.value, dot.sequence);
  }
};

/// What decides between concurrent writes: later clock, then greater origin.
/// (The sequence only for completeness: one origin's clock never repeats.)
struct Stamp {
  HybridTime time;
  OriginId origin;
  auto operator<=>(const Stamp&) const = default;
};

/// For each origin, up to which operation its log is included. Absent: none.
class VersionVector {
 public:
  struct Part {
    OriginId origin;
    std::uint64_t sequence;
    bool operator==(const Part&) const = default;
  };
  std::uint64_t at(OriginId origin) const;
  bool includes(Dot dot) const { return dot.sequence <= at(dot.origin); }
  bool includes(const VersionVector& other) const;
  void raise(OriginId origin, std::uint64_t sequence);  // to the greater
  void merge(const VersionVector& other);
  void erase(OriginId origin);
  /// For each origin known to either, the lesser: what both include.
  static VersionVector meet(const VersionVector& a, const VersionVector& b);
  std::span<const Part> parts() const { return parts_; }  // sorted by origin
  bool operator==(const VersionVector&) const = default;

  void encode(std::string& out) const;
  /// Makes the reader bad when the bytes are no vector's one encoding.
  static VersionVector decode(wire::Reader& in);

 private:
  SpillingVector<Part> parts_;
};

/// What operations keep of one.
using SharedVector = std::shared_ptr<const VersionVector>;
inline SharedVector share(VersionVector vector) {
  return std::allocate_shared<const VersionVector>(SpillingAllocator<VersionVector>(),
                                                   std::move(vector));
}

}  // namespace holdfast::eventual
