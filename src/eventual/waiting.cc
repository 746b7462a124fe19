// SPDX-License-Identifier: Apache-2.0
#include "eventual/waiting.h"

#include <iterator>

namespace holdfast::eventual {
namespace {

// What an entry takes beside its payload, so that small ones are bounded too.
constexpr std::size_t overhead_bytes = 128;

std::size_t size_of(std::string_view payload) {
  return payload.size() + overhead_bytes;
}

}  // namespace

bool is_ready(const EntryReader& entry, const VersionVector& merged) {
  return entry.first_sequence() <= merged.at(entry.origin()) + 1 && merged.includes(entry.seen());
}

Status Waiting::keep(const EntryReader& entry, std::string_view payload) {
  const std::pair place(entry.origin(), entry.first_sequence());
  if (entries_.contains(place)) return {};  // entries never change
  if (bytes_ + size_of(payload) > bytes_max_)
    return fail(Code::busy, "too many entries wait for others that have not come yet");
  bytes_ += size_of(payload);
  entries_.emplace(place, Entry{entry.last_sequence(), entry.seen(), std::string(payload)});
  return {};
}

Waiting::Entries::iterator Waiting::erase(Entries::iterator it) {
  bytes_ -= size_of(it->second.payload);
  return entries_.erase(it);
}

std::optional<std::string> Waiting::take_ready(const VersionVector& merged) {
  for (auto it = entries_.begin(); it != entries_.end();) {
    const auto& [origin, first] = it->first;
    const std::uint64_t have = merged.at(origin);
    if (it->second.last <= have) {
      it = erase(it);
    } else if (first <= have + 1 && merged.includes(it->second.seen)) {
      std::string payload = std::move(it->second.payload);
      bytes_ -= size_of(payload);
      entries_.erase(it);
      return payload;
    } else {
      // The rest of this origin's comes after what is missing.
      const OriginId behind = origin;
      it = entries_.upper_bound({behind, UINT64_MAX});
    }
  }
  return std::nullopt;
}

void Waiting::forget_others(OriginId self) {
  for (auto it = entries_.begin(); it != entries_.end();)
    it = it->first.first == self ? std::next(it) : erase(it);
}

bool Waiting::has(OriginId origin) const {
  const auto it = entries_.lower_bound({origin, 0});
  return it != entries_.end() && it->first.first == origin;
}

}  // namespace holdfast::eventual
