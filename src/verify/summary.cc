// SPDX-License-Identifier: Apache-2.0
#include "verify/summary.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::verify {
namespace {

/// Time that at least one fault, or outage, covers, as stretches that do not overlap.
std::vector<std::pair<Time, Time>> covered(const std::vector<Fault>& faults, bool outages) {
  std::vector<std::pair<Time, Time>> stretches;
  stretches.reserve(faults.size());
  for (const Fault& fault : faults) {
    if (fault.outage != outages) continue;
    stretches.emplace_back(fault.start, fault.end.value_or(history_time_max));
  }
  std::sort(stretches.begin(), stretches.end());
  std::vector<std::pair<Time, Time>> merged;
  for (const auto& [start, end] : stretches) {
    if (!merged.empty() && start <= merged.back().second) {
      merged.back().second = std::max(merged.back().second, end);
    } else {
      merged.emplace_back(start, end);
    }
  }
  return merged;
}

Time end_of(const Operation& one) {
  return one.end.value_or(one.start);
}

bool overlaps(const Operation& one, const std::vector<std::pair<Time, Time>>& stretches) {
  // The last stretch that begins before the try ends: an earlier one that
  // overlaps would have been merged with it, or ends before.
  const auto behind = std::upper_bound(
      stretches.begin(), stretches.end(), end_of(one),
      [](Time time, const std::pair<Time, Time>& stretch) { return time < stretch.first; });
  return behind != stretches.begin() && std::prev(behind)->second >= one.start;
}

/// Faults that were over before a try was under way in them.
void complain_of_idle_faults(const History& history, Summary& summary) {
  std::vector<std::pair<Time, Time>> tries;
  tries.reserve(history.operations.size());
  for (const Operation& one : history.operations) tries.emplace_back(one.start, end_of(one));
  std::sort(tries.begin(), tries.end());
  std::vector<Time> latest_end;  // of the tries up to each
  latest_end.reserve(tries.size());
  for (const auto& [start, end] : tries) {
    latest_end.push_back(latest_end.empty() ? end : std::max(latest_end.back(), end));
  }
  for (const Fault& fault : history.faults) {
    const auto behind =
        std::upper_bound(tries.begin(), tries.end(),
                         std::pair(fault.end.value_or(history_time_max), history_time_max));
    const auto begun = static_cast<std::size_t>(behind - tries.begin());
    if (begun > 0 && latest_end[begun - 1] >= fault.start) continue;
    summary.complaints.push_back(fmt::format("nothing was tried during \"{}\"", fault.what));
  }
}

}  // namespace

double Summary::Tries::share() const {
  return all == 0 ? 1 : static_cast<double>(replied) / static_cast<double>(all);
}

Summary summarize(const History& history) {
  Summary summary;
  summary.faults = history.faults.size();
  const auto stretches = covered(history.faults, false);
  const auto outages = covered(history.faults, true);
  for (const Operation& one : history.operations) {
    Summary::Tries& tries = overlaps(one, outages)     ? summary.outages
                            : overlaps(one, stretches) ? summary.during
                                                       : summary.outside;
    ++tries.all;
    if (!one.id.empty()) ++summary.ids;
    // A refused WATCH is a reply too: it was decided.
    if (one.outcome == Outcome::applied || (one.outcome == Outcome::refused && one.error.empty())) {
      ++tries.replied;
    } else if (one.error.empty()) {
      ++summary.errors["no answer"];
    } else {
      ++summary.errors[one.error.substr(0, one.error.find(' '))];
    }
  }
  if (summary.outside.replied + summary.during.replied + summary.outages.replied == 0) {
    summary.complaints.emplace_back("nothing was answered by a reply");
  }
  const auto complain = [&summary](const Summary::Tries& tries, double least, const char* when) {
    if (tries.share() >= least) return;
    summary.complaints.push_back(fmt::format("{:.1f}% of the tries {} got a reply; {:.0f}% should",
                                             tries.share() * 100, when, least * 100));
  };
  complain(summary.outside, replies_outside_min, "outside faults");
  complain(summary.during, replies_during_min, "during faults");
  complain_of_idle_faults(history, summary);
  return summary;
}

}  // namespace holdfast::verify
