// SPDX-License-Identifier: Apache-2.0
#include "mesh/freshness.h"

namespace holdfast::mesh {
namespace {

// A node that is behind for long needs no more: the oldest tell of its progress,
// the newest of its catching up.
constexpr std::size_t words_max = 64;

}  // namespace

void Freshness::heard(const std::string& node, Monotonic asked,
                      const eventual::VersionVector& merged) {
  Member& member = members_[node];
  if (member.seen_until && asked <= *member.seen_until) return;
  if (!member.words.empty() && asked <= member.words.back().asked) return;  // by another connection
  if (member.words.size() == words_max) member.words.erase(member.words.begin() + words_max / 2);
  member.words.push_back({asked, merged});
}

std::optional<Monotonic> Freshness::seen_until(const std::string& node,
                                               const eventual::VersionVector& own) {
  const auto it = members_.find(node);
  if (it == members_.end()) return std::nullopt;
  Member& member = it->second;
  while (!member.words.empty() && own.includes(member.words.front().merged)) {
    member.seen_until = member.words.front().asked;
    member.words.pop_front();
  }
  return member.seen_until;
}

}  // namespace holdfast::mesh
