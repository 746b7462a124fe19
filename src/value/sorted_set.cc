// SPDX-License-Identifier: Apache-2.0
#include "value/sorted_set.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/assert.h"
#include "value/recorder.h"

namespace holdfast {

std::unique_ptr<SortedSet> SortedSet::of(std::vector<Scored> members) {
  auto set = std::make_unique<SortedSet>();
  std::vector<ScoreOrder::Entry> entries;
  entries.reserve(members.size());
  for (Scored& scored : members) {
    HF_ASSERT(!std::isnan(scored.score));
    if (set->members_.find(scored.key.view()) != npos) return nullptr;
    set->members_.append(std::move(scored));
    entries.push_back(set->entry_of(set->members_.size() - 1));
  }
  std::ranges::sort(entries, [&](ScoreOrder::Entry a, ScoreOrder::Entry b) {
    if (a.score() != b.score()) return a.score() < b.score();
    return set->member_at(a.place()) < set->member_at(b.place());
  });
  set->order_.assign(entries);
  return set;
}

std::optional<double> SortedSet::score(std::string_view member) const {
  const std::size_t place = members_.find(member);
  if (place == npos) return std::nullopt;
  return score_at(place);
}

bool SortedSet::put(std::string_view member, double score) {
  HF_ASSERT(!std::isnan(score));
  const std::size_t found = members_.find(member);
  const bool there = found != npos;
  if (there && score_at(found) == score) return false;
  if (Recorder* const recorder = Recorder::of_thread) {
    recorder->score_put(*this, member, there ? std::optional(score_at(found)) : std::nullopt);
  }
  const std::size_t place = there ? found : members_.size();
  if (there) {
    order_.erase(rank_of(score_at(found), member));
    members_.change_at(place).score = score;
  } else {
    members_.append({SmallString(member), score});
  }
  order_.insert(rank_of(score, member_at(place)), entry_of(place));
  return !there;
}

bool SortedSet::erase(std::string_view member) {
  const std::size_t place = members_.find(member);
  if (place == npos) return false;
  if (Recorder* const recorder = Recorder::of_thread) recorder->score_erased(*this, place);
  order_.erase(rank_of(score_at(place), member));
  const std::size_t last = members_.size() - 1;
  if (place != last) {
    order_.renumber(rank_of(score_at(last), member_at(last)), static_cast<std::uint32_t>(place));
  }
  members_.erase_at(place);
  return true;
}

void SortedSet::restore(std::size_t place, std::string_view member, double score) {
  const std::size_t last = members_.size();
  if (place != last) {
    order_.renumber(rank_of(score_at(place), member_at(place)), static_cast<std::uint32_t>(last));
  }
  members_.restore_at(place, {SmallString(member), score});
  order_.insert(rank_of(score, member), entry_of(place));
}

std::optional<std::size_t> SortedSet::rank(std::string_view member) const {
  const std::size_t place = members_.find(member);
  if (place == npos) return std::nullopt;
  return rank_of(score_at(place), member);
}

std::size_t SortedSet::count_below(double score, bool or_equal) const {
  return order_.count([&](ScoreOrder::Entry entry) {
    return or_equal ? entry.score() <= score : entry.score() < score;
  });
}

std::size_t SortedSet::count_before(std::string_view member, bool or_equal) const {
  return order_.count([&](ScoreOrder::Entry entry) {
    const std::string_view other = member_at(entry.place());
    return or_equal ? other <= member : other < member;
  });
}

std::size_t SortedSet::rank_of(double score, std::string_view member) const {
  return order_.count([&](ScoreOrder::Entry entry) {
    if (entry.score() != score) return entry.score() < score;
    return member_at(entry.place()) < member;
  });
}

ScoreOrder::Entry SortedSet::entry_of(std::size_t place) const {
  return {score_at(place), static_cast<std::uint32_t>(place)};
}

}  // namespace holdfast
