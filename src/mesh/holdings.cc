// SPDX-License-Identifier: Apache-2.0
#include "mesh/holdings.h"

#include <algorithm>
#include <utility>

#include "base/checksum.h"
#include "base/limits.h"
#include "base/wire.h"

namespace holdfast::mesh {
namespace {

constexpr std::uint8_t members_version = 2;

}  // namespace

Holdings::Holdings(Holding self, std::span<const eventual::OriginId> former) : self_(self.node) {
  known_[self_] = std::move(self);
  for (const eventual::OriginId origin : former) end(origin);
}

void Holdings::set_self(const eventual::VersionVector& disk, eventual::View view,
                        HybridTime clock) {
  Holding& self = known_.at(self_);
  self.disk.merge(disk);
  self.view = view;
  self.clock = clock;
  ++changes_;
}

void Holdings::changed_members() {
  ++changes_;
  ++member_changes_;
}

void Holdings::end(eventual::OriginId origin) {
  if (origin.value == 0 || !ended_.insert(origin).second) return;
  changed_view();
}

void Holdings::set_removals(std::uint64_t removals) {
  if (std::exchange(removals_, removals) != removals) changed_view();
}

void Holdings::changed_view() {
  std::string all;
  for (const eventual::OriginId one : ended_) wire::put_u64(all, one.value);
  if (removals_ != 0) wire::put_varint(all, removals_);
  view_.value = hash128(all, 0).low;
  changed_members();
}

void Holdings::expect(const std::string& node) {
  const auto [it, added] = known_.try_emplace(node);
  it->second.node = node;
  if (added) changed_members();
}

void Holdings::meet(const std::string& node, eventual::OriginId origin) {
  if (origin.value == 0 || has_ended(origin)) return;
  expect(node);
  Holding& holding = known_.at(node);
  if (holding.origin.value != 0) return;  // its reports say more
  holding.origin = origin;
  changed_members();
}

void Holdings::begins_anew(const std::string& node, eventual::OriginId origin) {
  if (node == self_) return;
  Holding& holding = known_[node];
  if (holding.origin == origin) return;
  end(holding.origin);
  holding = {
      .node = node, .origin = origin, .disk = {}, .view = {}, .clock = holding.clock, .let_go = {}};
  changed_members();
}

void Holdings::remove(const std::string& node) {
  const auto it = known_.find(node);
  if (it == known_.end() || node == self_) return;
  end(it->second.origin);
  known_.erase(it);
  changed_members();
}

Status Holdings::heard(const Report& report) {
  for (const eventual::OriginId origin : report.ended) {
    if (has_ended(origin)) continue;
    end(origin);
    std::erase_if(known_, [&](const auto& known) {
      return known.second.origin == origin && known.first != self_;
    });
  }
  for (const Holding& told : report.holdings) {
    will_let_go(told.let_go);
    if (told.node == self_ || has_ended(told.origin)) continue;
    if (!known_.contains(told.node) && known_.size() >= limits::members_max)
      return fail(Code::err, "more members than there can be");
    Holding& holding = known_[told.node];
    // A new incarnation's clock goes on behind all that the one before has told.
    if (!holding.node.empty() && told.clock <= holding.clock) continue;
    if (holding.origin != told.origin) {
      // Which of the two came later its node itself knows; others may be behind.
      if (holding.origin.value != 0 && told.node != report.holdings.front().node) continue;
      end(holding.origin);
      changed_members();
    }
    holding = told;
    ++changes_;
  }
  return {};
}

void Holdings::will_let_go(const eventual::VersionVector& all) {
  Holding& self = known_.at(self_);
  if (self.let_go.includes(all)) return;
  self.let_go.merge(all);
  changed_members();
}

void Holdings::trim(const eventual::VersionVector& all) {
  will_let_go(all);
  if (trimmed_.includes(all)) return;
  trimmed_.merge(all);
  changed_members();
}

bool Holdings::majority(const std::function<bool(const Holding&)>& does) const {
  const auto count = static_cast<std::size_t>(
      std::ranges::count_if(known_, [&](const auto& known) { return does(known.second); }));
  return count >= known_.size() / 2 + 1;
}

bool Holdings::majority_has(const eventual::VersionVector& all) const {
  return majority([&](const Holding& holding) { return holding.disk.includes(all); });
}

bool Holdings::majority_lets_go(const eventual::VersionVector& all) const {
  return majority([&](const Holding& holding) {
    return holding.disk.includes(all) && holding.let_go.includes(all);
  });
}

std::vector<eventual::OriginId> Holdings::others() const {
  std::vector<eventual::OriginId> origins;
  for (const auto& [node, holding] : known_) {
    if (node == self_) continue;
    const bool heard = holding.origin.value != 0;
    origins.push_back(heard ? holding.origin : eventual::OriginId{hash128(node, 0).low | 1});
  }
  return origins;
}

std::string Holdings::encode_members() const {
  std::string out;
  wire::put_u8(out, members_version);
  wire::put_varint(out, known_.size() - 1);
  for (const auto& [node, holding] : known_) {
    if (node == self_) continue;
    wire::put_bytes(out, node);
    wire::put_u64(out, holding.origin.value);
  }
  wire::put_varint(out, ended_.size());
  for (const eventual::OriginId origin : ended_) wire::put_u64(out, origin.value);
  let_go().encode(out);
  trimmed_.encode(out);
  return out;
}

Status Holdings::add_members(std::string_view bytes) {
  wire::Reader in(bytes);
  bool sound = in.u8() == members_version;
  const std::uint64_t count = in.varint();
  sound = sound && count <= limits::members_max;
  for (std::uint64_t i = 0; i < count && sound && in.ok(); ++i) {
    const std::string node(in.bytes());
    const eventual::OriginId origin{in.u64()};
    if (node.empty() || node == self_) continue;
    Holding& holding = known_[node];
    holding.node = node;
    holding.origin = origin;
  }
  const std::uint64_t ended = in.varint();
  for (std::uint64_t i = 0; i < ended && sound && in.ok(); ++i) end({in.u64()});
  const auto let_go = eventual::VersionVector::decode(in);
  const auto trimmed = eventual::VersionVector::decode(in);
  if (sound && in.ok()) {
    will_let_go(let_go);
    trim(trimmed);
  }
  ++changes_;
  if (!sound || !in.ok() || !in.at_end())
    return fail(Code::corrupt, "the list of the mesh's members is damaged");
  return {};
}

}  // namespace holdfast::mesh
