// SPDX-License-Identifier: Apache-2.0
#include "mesh/replication.h"

#include <algorithm>
#include <limits>

#include "base/assert.h"

namespace holdfast::mesh {

Replication::Replication(std::string node, eventual::OriginId origin,
                         std::span<const eventual::OriginId> former,
                         std::span<const std::string> members, eventual::Replica& replica,
                         DiskLog& log)
    : self_(origin),
      replica_(replica),
      log_(log),
      holdings_({.node = std::move(node),
                 .origin = origin,
                 .disk = {},
                 .view = {},
                 .clock = {},
                 .let_go = {}},
                former) {
  for (const std::string& member : members) holdings_.expect(member);
  tell_replica();
}

void Replication::start() {
  // What a log holds when it is opened is on disk.
  holdings_.set_self(replica_.merged(), holdings_.view(), replica_.clock());
}

Status Replication::add_members(std::string_view bytes) {
  Status added = holdings_.add_members(bytes);
  tell_replica();
  return added;
}

void Replication::expect(const std::string& node) {
  holdings_.expect(node);
  tell_replica();
}

void Replication::meet(const std::string& node, eventual::OriginId origin) {
  holdings_.meet(node, origin);
  tell_replica();
}

void Replication::begins_anew(const std::string& node, eventual::OriginId origin) {
  holdings_.begins_anew(node, origin);
  tell_replica();
}

void Replication::remove(const std::string& node) {
  holdings_.remove(node);
  tell_replica();
}

void Replication::set_removals(std::uint64_t removals) {
  holdings_.set_removals(removals);
  tell_replica();
}

void Replication::tell_replica() {
  const std::uint64_t changes = holdings_.changes();
  if (std::exchange(told_changes_, changes) == changes) return;
  const auto members = holdings_.others();
  replica_.set_members(members, holdings_.view());
  for (const auto& [node, holding] : holdings_.all()) {
    if (node == holdings_.self().node || holding.origin.value == 0) continue;
    replica_.acknowledged(holding.origin, holding.disk, holding.clock, holding.view);
  }
}

const Report& Replication::report(Instant wall) {
  HF_ASSERT(replica_.open_bytes() == 0);
  report_.merged = replica_.merged();
  const eventual::View view = holdings_.view();
  if (syncing_.empty() || syncing_.back().until < log_.last() || !(syncing_.back().view == view))
    syncing_.push_back({log_.last(), report_.merged, view});
  Holding word = holdings_.self();
  while (!syncing_.empty() && syncing_.front().until <= log_.synced()) {
    word.disk = std::move(syncing_.front().merged);
    word.view = syncing_.front().view;
    syncing_.pop_front();
  }
  // What this node writes from now on is later than what it tells, and what it tells
  // next is heard, though its wall clock be set back.
  holdings_.set_self(word.disk, word.view, replica_.tell_time(wall));

  report_.hears.clear();
  for (const auto& [node, origin] : hears_) {
    if (is_fed_by(node)) report_.hears.push_back(origin);
  }
  std::ranges::sort(report_.hears);
  report_.holdings.assign(1, holdings_.self());
  for (const auto& [node, holding] : holdings_.all()) {
    if (node != holdings_.self().node && holding.origin.value != 0)
      report_.holdings.push_back(holding);
  }
  report_.ended.assign(holdings_.ended().begin(), holdings_.ended().end());
  report_.trimmed = holdings_.trimmed();
  return report_;
}

Status Replication::heard(const Report& report) {
  if (Status s = holdings_.heard(report); !s) return s;
  others_have(report.merged.at(self_));
  told_[report.holdings.front().node] = {report.merged, report.trimmed};
  for (const Holding& holding : report.holdings) replica_.observe(holding.clock);
  tell_replica();
  return {};
}

Status Replication::receive(eventual::View view, std::string_view entry) {
  if (!(view == holdings_.view())) return fail(Code::err, "it began before a node began anew");
  const auto origin = eventual::origin_of(entry);
  if (!origin) return tl::unexpected(origin.error());
  // First, as what was merged must be logged.
  if (Status room = log_.reserve(entry.size()); !room) return room;
  return replica_.receive(*origin, entry);
}

void Replication::hears(const std::string& node, eventual::OriginId origin) {
  hears_[node] = origin;
}

void Replication::hears_no_more(const std::string& node) {
  hears_.erase(node);
}

Outbound& Replication::outbound(const std::string& node) {
  return outbound_.try_emplace(node, log_, holdings_.trimmed(), Outbound::Options{.self = self_})
      .first->second;
}

// Whether its log comes from itself: one that no longer has what this node lacks sends
// nothing, so others are to hand it on.
bool Replication::is_fed_by(const std::string& node) const {
  const auto told = told_.find(node);
  return hears_.contains(node) &&
         (told == told_.end() || replica_.merged().includes(told->second.trimmed));
}

// What this node has told others that it has, and would not come by again by replaying its
// log: of each origin what lies before its first entry there.
eventual::VersionVector Replication::not_in_log() const {
  eventual::VersionVector lacks = replica_.merged();
  std::map<eventual::OriginId, std::uint64_t> first;
  LogCursor cursor(Position{log_.first().value - 1});
  while (true) {
    const auto entry = log_.next(cursor);
    if (!entry) return lacks;  // damaged: it may lack anything
    if (!*entry) break;
    const auto dots = eventual::dots_of((*entry)->payload);
    if (!dots) return lacks;
    first.try_emplace(dots->origin, dots->first);
  }
  eventual::VersionVector before;
  for (const auto& part : lacks.parts()) {
    const auto found = first.find(part.origin);
    const std::uint64_t until =
        found == first.end() ? part.sequence : std::min(part.sequence, found->second - 1);
    if (until > 0) before.raise(part.origin, until);
  }
  return before;
}

bool Replication::needs_checkpoint() const {
  eventual::VersionVector trimmed;
  for (const auto& [node, told] : told_) {
    if (holdings_.all().contains(node)) trimmed.merge(told.trimmed);
  }
  const eventual::VersionVector& merged = replica_.merged();
  if (merged.includes(trimmed)) return false;
  return std::ranges::none_of(told_, [&](const auto& peer) {
    const auto& [node, told] = peer;
    return is_fed_by(node) && told.merged.includes(trimmed);
  });
}

Position Replication::let_go(Position position, const eventual::VersionVector& merged) {
  if (!holdings_.self().disk.includes(holdings_.let_go())) return {};
  if (!letting_go_) letting_go_ = Checkpoint{position, merged};
  const eventual::VersionVector& all = letting_go_->merged;
  if (!holdings_.majority_has(all)) return {};
  holdings_.will_let_go(all);
  if (!holdings_.majority_lets_go(all)) return {};
  holdings_.trim(all);
  const Position until = letting_go_->position;
  letting_go_.reset();
  return until;
}

Position Replication::trimmable() const {
  Position least{std::numeric_limits<std::uint64_t>::max()};
  for (const auto& [node, holding] : holdings_.all()) {
    if (node == holdings_.self().node) continue;
    const auto peer = outbound_.find(node);
    least = std::min(least, peer == outbound_.end() ? Position{} : peer->second.acknowledged());
  }
  return least;
}

}  // namespace holdfast::mesh
