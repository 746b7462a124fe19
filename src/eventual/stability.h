// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/hybrid_clock.h"
#include "base/wire.h"
#include "eventual/clock.h"
#include "eventual/unstable_operation.h"

namespace holdfast::eventual {

/// What every member is known to have, from what they acknowledged.
///
/// Of an incarnation that has ended nobody can say what it wrote last: some
/// member may have more of it than others, concurrent with anything. So when a
/// View ends (as in virtual synchrony: Birman and Joseph, SOSP 1987) nothing is
/// stable until every member has acknowledged in the new one: who knows that an
/// incarnation has ended takes nothing more that was sent before it knew, so what
/// the members have of it then is all there will be.
class Stability {
 public:
  explicit Stability(OriginId self) : self_(self) {}

  /// Nobody else: everything is stable at once.
  bool alone() const { return members_.empty(); }
  void set_members(std::span<const OriginId> members, View view = {});
  View view() const { return view_; }
  /// Of another view it is ignored. Else it counts once everything that the member had from itself,
  /// and from origins that write no more, is in `merged`: only then can nothing turn up that is
  /// concurrent with what it has.
  void acknowledged(OriginId member, const VersionVector& acknowledged, HybridTime clock, View view,
                    const VersionVector& merged);
  /// `merged` has grown.
  void merged_more(const VersionVector& merged);
  bool waits() const { return waits_; }
  /// Everything of this origin up to this time has been merged.
  void heard(OriginId origin, HybridTime time);

  /// All that every member has.
  const VersionVector& frontier() const { return frontier_; }
  bool is_stable(Dot dot) const { return dot.sequence <= stable_until(dot.origin); }
  /// The last of the origin's operations that every member has.
  std::uint64_t stable_until(OriginId origin) const {
    return alone() ? UINT64_MAX : frontier_.at(origin);
  }
  bool is_stable(const UnstableOperation& operation) const;
  /// What is yet to come from any member is later than this.
  HybridTime time() const;

  void encode(std::string& out) const;
  void decode(wire::Reader& in);

 private:
  struct Acknowledgement {
    VersionVector vector;
    HybridTime clock;
  };
  struct Member {
    OriginId origin;
    VersionVector acknowledged;
    HybridTime time;
    bool in_view = false;  // has acknowledged in this view
    // The oldest that could not count yet, and the newest behind it: were the
    // newest the only one, it might for ever be one message ahead.
    std::optional<Acknowledgement> waiting;
    std::optional<Acknowledgement> next;
  };
  bool counts(const Member& member, const VersionVector& acknowledged,
              const VersionVector& merged) const;
  void count(Member& member, const Acknowledgement& acknowledgement);
  Member* find(OriginId origin);
  bool all_in_view() const;
  void compute();

  OriginId self_;
  std::vector<Member> members_;  // sorted by origin
  View view_;
  VersionVector frontier_;
  bool waits_ = false;
};

}  // namespace holdfast::eventual
