// SPDX-License-Identifier: Apache-2.0
#include "catalog/members.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "base/wire.h"

namespace holdfast {
namespace {

// docs/formats/members.md. The one that older builds know is written while it says all.
constexpr std::uint8_t encoding_version = 4;
constexpr std::uint8_t encoding_version_without_caches = 3;

// A member reports a milestone soon after it has passed; who is later than this
// many is compared at the next one.
constexpr std::size_t milestones_kept = 8;

}  // namespace

Status Members::join(Member member, Instant now, bool eventual) {
  if (member.id.empty() || member.id.size() > limits::member_id_bytes_max)
    return fail(Code::err, "a member's id has 1 to 64 characters");
  for (const std::string* address : {&member.resp, &member.http, &member.mesh}) {
    if (address->size() > limits::member_address_bytes_max)
      return fail(Code::err, "a member's address is too long");
  }
  const auto known = members_.find(member.id);
  if (known == members_.end() && members_.size() >= limits::members_max)
    return fail(Code::err, "the cluster has as many members as it can");
  member.joined = known == members_.end() ? now : known->second.joined;
  const bool others = members_.size() > (known == members_.end() ? 0U : 1U);
  // Of two that come at once the log has one first, which begins with nothing.
  member.needs_base = known != members_.end() && known->second.folder == member.folder
                          ? known->second.needs_base
                          : others && eventual;
  member.heard = now;
  // What an earlier start of it had become says nothing of this one.
  for (auto& [position, digests] : milestones_) digests.erase(member.id);
  // What it needs next may be gone already.
  member.behind = member.durable < trimmable_;
  const std::uint64_t log_bytes = member.durable_log_bytes;
  std::string id = member.id;
  members_.insert_or_assign(std::move(id), std::move(member));
  settle(log_bytes);
  return {};
}

Status Members::report(std::string_view id, const Report& report, Instant now) {
  const auto found = members_.find(id);
  if (found == members_.end()) return fail(Code::err, fmt::format("no member '{}'", id));
  Member& member = found->second;
  member.heard = now;
  if (report.durable > member.durable) {
    member.durable = report.durable;
    member.durable_log_bytes = report.durable_log_bytes;
  }
  member.behind = member.durable < trimmable_;
  if (report.milestone.value != 0) {
    milestones_[report.milestone][member.id] = report.digest;
    while (milestones_.size() > milestones_kept) milestones_.erase(milestones_.begin());
  }
  settle(report.durable_log_bytes);
  return {};
}

Status Members::remove(std::string_view id) {
  const auto found = members_.find(id);
  if (found == members_.end()) return fail(Code::err, fmt::format("no member '{}'", id));
  members_.erase(found);
  ++removals_;
  caches_.removed(id);
  for (auto& [position, digests] : milestones_) digests.erase(std::string(id));
  settle(0);
  return {};
}

const Member* Members::find(std::string_view id) const {
  const auto found = members_.find(id);
  return found == members_.end() ? nullptr : &found->second;
}

// `log_bytes`: the log is known to be this long.
void Members::settle(std::uint64_t log_bytes) {
  auto waited_for = static_cast<std::size_t>(
      std::ranges::count_if(members_, [](const auto& entry) { return !entry.second.behind; }));
  for (auto& [id, member] : members_) {
    if (member.behind || waited_for <= majority()) continue;
    if (log_bytes <= member.durable_log_bytes + log_retained_bytes_) continue;
    member.behind = true;
    --waited_for;
  }
  std::optional<Position> least;
  for (const auto& [id, member] : members_) {
    if (!member.behind) least = least ? std::min(*least, member.durable) : member.durable;
  }
  if (least) trimmable_ = std::max(trimmable_, *least);
}

std::optional<std::string> Members::dissent(std::string_view id) const {
  for (const auto& [position, digests] : milestones_) {
    const auto own = digests.find(id);
    if (own == digests.end()) continue;
    std::map<std::uint64_t, std::size_t> votes;
    for (const auto& [member, digest] : digests) ++votes[digest];
    if (votes.size() == 1 || votes[own->second] >= majority()) continue;
    const bool outvoted =
        std::ranges::any_of(votes, [this](const auto& vote) { return vote.second >= majority(); });
    // With those that have not spoken yet it may still be the majority's.
    const std::size_t silent = members_.size() - digests.size();
    if (outvoted || votes[own->second] + silent < majority()) {
      return fmt::format("its state at position {} is not what a majority of the cluster has",
                         position.value);
    }
  }
  return std::nullopt;
}

std::optional<std::string> Members::differing(std::string_view id) const {
  for (const auto& [position, digests] : milestones_) {
    const auto own = digests.find(id);
    if (own == digests.end()) continue;
    for (const auto& [member, digest] : digests) {
      if (digest != own->second)
        return fmt::format("the state of '{}' at position {} differs", member, position.value);
    }
  }
  return std::nullopt;
}

std::string Members::encode() const {
  std::string out;
  wire::put_u8(out, caches_.met_any() ? encoding_version : encoding_version_without_caches);
  wire::put_varint(out, trimmable_.value);
  wire::put_varint(out, removals_);
  wire::put_varint(out, members_.size());
  for (const auto& [id, member] : members_) {
    for (const std::string* text : {&member.id, &member.resp, &member.http, &member.mesh})
      wire::put_bytes(out, *text);
    wire::put_varint(out, member.durable.value);
    wire::put_varint(out, member.durable_log_bytes);
    wire::put_u8(out, member.behind ? 1 : 0);
    wire::put_signed(out, to_ms(member.joined));
    wire::put_signed(out, to_ms(member.heard));
    wire::put_u64(out, member.folder);
    wire::put_u8(out, member.needs_base ? 1 : 0);
  }
  wire::put_varint(out, milestones_.size());
  for (const auto& [position, digests] : milestones_) {
    wire::put_varint(out, position.value);
    wire::put_varint(out, digests.size());
    for (const auto& [member, digest] : digests) {
      wire::put_bytes(out, member);
      wire::put_u64(out, digest);
    }
  }
  if (caches_.met_any()) caches_.encode(out);
  return out;
}

Status Members::decode(std::string_view bytes) {
  wire::Reader in(bytes);
  const std::uint8_t version = in.u8();
  if (version != encoding_version && version != encoding_version_without_caches)
    return fail(Code::corrupt, "members: a version that this build does not know");
  Members fresh;
  fresh.log_retained_bytes_ = log_retained_bytes_;
  fresh.trimmable_.value = in.varint();
  fresh.removals_ = in.varint();
  const std::uint64_t count = in.varint();
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    Member member;
    for (std::string* text : {&member.id, &member.resp, &member.http, &member.mesh})
      *text = in.bytes();
    member.durable.value = in.varint();
    member.durable_log_bytes = in.varint();
    member.behind = in.u8() != 0;
    member.joined = instant_from_ms(in.signed_varint());
    member.heard = instant_from_ms(in.signed_varint());
    member.folder = in.u64();
    member.needs_base = in.u8() != 0;
    std::string id = member.id;
    fresh.members_.emplace(std::move(id), std::move(member));
  }
  const std::uint64_t milestones = in.varint();
  for (std::uint64_t i = 0; i < milestones && in.ok(); ++i) {
    Digests& digests = fresh.milestones_[Position{in.varint()}];
    const std::uint64_t reports = in.varint();
    for (std::uint64_t n = 0; n < reports && in.ok(); ++n) {
      std::string member(in.bytes());
      digests[std::move(member)] = in.u64();
    }
  }
  const bool caches = version < encoding_version || fresh.caches_.decode(in);
  if (!caches || !in.ok() || !in.at_end() || fresh.members_.size() != count)
    return fail(Code::corrupt, "members: cut short, too long or one named twice");
  *this = std::move(fresh);
  return {};
}

}  // namespace holdfast
