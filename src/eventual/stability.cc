// SPDX-License-Identifier: Apache-2.0
#include "eventual/stability.h"

#include <algorithm>
#include <utility>

namespace holdfast::eventual {

Stability::Member* Stability::find(OriginId origin) {
  const auto it =
      std::lower_bound(members_.begin(), members_.end(), origin,
                       [](const Member& member, OriginId id) { return member.origin < id; });
  return it != members_.end() && it->origin == origin ? &*it : nullptr;
}

void Stability::set_members(std::span<const OriginId> origins, View view) {
  if (!(std::exchange(view_, view) == view)) {
    for (Member& member : members_) {
      member.in_view = false;
      member.waiting.reset();
      member.next.reset();
    }
  }
  std::vector<Member> members;
  for (const OriginId origin : origins) {
    if (origin == self_) continue;
    Member* known = find(origin);
    if (known != nullptr) {
      members.push_back(*known);
    } else {
      Member member;
      member.origin = origin;
      members.push_back(std::move(member));
    }
  }
  std::ranges::sort(members, {}, &Member::origin);
  // Not std::ranges::unique: Clang 14 cannot read what GCC 12's returns.
  const auto same = [](const Member& a, const Member& b) { return a.origin == b.origin; };
  members.erase(std::unique(members.begin(), members.end(), same), members.end());
  members_ = std::move(members);
  compute();
}

void Stability::acknowledged(OriginId origin, const VersionVector& vector, HybridTime clock,
                             View view, const VersionVector& merged) {
  Member* member = find(origin);
  if (member == nullptr || !(view == view_)) return;
  Acknowledgement acknowledgement{vector, clock};
  if (member->waiting) {
    member->next = std::move(acknowledgement);
    waits_ = true;
    return merged_more(merged);
  }
  if (!counts(*member, vector, merged)) {
    member->waiting = std::move(acknowledgement);
    waits_ = true;
    return;
  }
  count(*member, acknowledgement);
  compute();
}

void Stability::merged_more(const VersionVector& merged) {
  if (!waits_) return;
  waits_ = false;
  bool more = false;
  for (Member& member : members_) {
    while (member.waiting && counts(member, member.waiting->vector, merged)) {
      count(member, *member.waiting);
      member.waiting = std::exchange(member.next, std::nullopt);
      more = true;
    }
    waits_ = waits_ || member.waiting.has_value();
  }
  if (more) compute();
}

bool Stability::counts(const Member& member, const VersionVector& vector,
                       const VersionVector& merged) const {
  return std::ranges::all_of(vector.parts(), [&](const VersionVector::Part& part) {
    const bool other_member =
        part.origin != member.origin &&
        std::ranges::binary_search(members_, part.origin, {}, &Member::origin);
    return other_member || merged.at(part.origin) >= part.sequence;
  });
}

void Stability::count(Member& member, const Acknowledgement& acknowledgement) {
  member.acknowledged.merge(acknowledgement.vector);
  member.time = std::max(member.time, acknowledgement.clock);
  member.in_view = true;
}

void Stability::heard(OriginId origin, HybridTime time) {
  if (Member* member = find(origin)) member->time = std::max(member->time, time);
}

bool Stability::is_stable(const UnstableOperation& operation) const {
  return operation.stable ||
         std::ranges::any_of(operation.tries, [&](Dot dot) { return is_stable(dot); });
}

bool Stability::all_in_view() const {
  return std::ranges::all_of(members_, &Member::in_view);
}

HybridTime Stability::time() const {
  if (!all_in_view()) return {};
  HybridTime least{UINT64_MAX};
  for (const Member& member : members_) least = std::min(least, member.time);
  return least;
}

void Stability::compute() {
  frontier_ = {};
  if (!all_in_view()) return;
  bool first = true;
  for (const Member& member : members_) {
    frontier_ = first ? member.acknowledged : VersionVector::meet(frontier_, member.acknowledged);
    first = false;
  }
}

void Stability::encode(std::string& out) const {
  wire::put_u64(out, view_.value);
  wire::put_varint(out, members_.size());
  for (const Member& member : members_) {
    wire::put_u64(out, member.origin.value);
    member.acknowledged.encode(out);
    wire::put_u64(out, member.time.value);
    wire::put_u8(out, member.in_view ? 1 : 0);
  }
}

void Stability::decode(wire::Reader& in) {
  members_.clear();
  view_.value = in.u64();
  const std::uint64_t count = in.varint();
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    Member member;
    member.origin = OriginId{in.u64()};
    member.acknowledged = VersionVector::decode(in);
    member.time = HybridTime{in.u64()};
    member.in_view = in.u8() != 0;
    members_.push_back(std::move(member));
  }
  compute();
}

}  // namespace holdfast::eventual
