// SPDX-License-Identifier: Apache-2.0
#include "verify/shrink.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/string_hash.h"
#include "verify/eventual.h"
#include "verify/merge.h"
#include "verify/narrow.h"
#include "verify/shrink_eventual.h"
#include "verify/shrink_order.h"
#include "verify/totals.h"

namespace holdfast::verify {
namespace {

/// The first two tries of one id that were answered differently. All replies of
/// an id have to be the same; so have those of any two of its tries.
std::optional<History> differing_tries(const History& history) {
  absl::flat_hash_map<std::string, const Operation*> first;
  for (const Operation& one : history.operations) {
    if (one.outcome != Outcome::applied || one.id.empty()) continue;
    const auto [at, fresh] = first.try_emplace(identity_of(one), &one);
    if (fresh || at->second->answer == one.answer) continue;
    return History{.operations = {*at->second, one}};
  }
  return std::nullopt;
}

/// Of one key and one node. The sum of a key's increments does not depend on
/// other keys, nor on reads; but on each of its increments, so these stay.
std::optional<History> wrong_sum(const History& history) {
  auto merged = merge_retries(history.operations);
  if (!merged) return std::nullopt;
  StringMap<std::vector<std::size_t>> naming;
  for (std::size_t i = 0; i < merged->operations.size(); ++i) {
    for (const Command& command : merged->operations[i].commands) {
      for (std::size_t word = 1; word < command.size(); ++word) {
        auto& list = naming[command[word]];
        if (list.empty() || list.back() != i) list.push_back(i);
      }
    }
  }
  for (const Final& final : history.finals) {
    for (const auto& [key, value] : final.values) {
      History part{.finals = {{final.node, {{key, value}}, final.line}}};
      if (const auto at = history.initial.find(key); at != history.initial.end()) {
        part.initial.insert(*at);
      }
      for (const std::size_t i : naming[key]) part.operations.push_back(merged->operations[i]);
      if (check_totals(part, part.operations).violations.empty()) continue;
      for (Operation& one : std::exchange(part.operations, {})) {
        auto rest = narrow(one, Keys{key});
        if (rest) rest = without_reads(*rest);
        if (rest) part.operations.push_back(*std::move(rest));
      }
      return part;
    }
  }
  return std::nullopt;
}

/// The first two final values of a key that differ; others have no part in it.
std::optional<History> disagreement(const History& history) {
  StringMap<Final> first;
  for (const Final& final : history.finals) {
    for (const auto& [key, value] : final.values) {
      Final mine{final.node, {{key, value}}, final.line};
      const auto [at, fresh] = first.try_emplace(key, mine);
      if (fresh) continue;
      History part{.finals = {at->second, std::move(mine)}};
      if (!check_agreement(part).empty()) return part;
    }
  }
  return std::nullopt;
}

}  // namespace

History shrink(const History& history, const std::string& check, const ShrinkOptions& options) {
  std::optional<History> smaller;
  if (check == "exactly once") smaller = wrong_sum(history);
  if (check == "agreement") smaller = disagreement(history);
  if (check == "retries" || check == "linearizable") {
    History strong = history;
    if (!take_eventual(strong)) return history;
    smaller = check == "retries" ? differing_tries(strong) : shrink_order(strong, options);
  } else if (!smaller) {
    History eventual = history;
    auto tries = take_eventual(eventual);
    if (!tries) return history;
    eventual.operations = *std::move(tries);
    smaller = shrink_eventual(eventual, check);
  }
  if (!smaller) return history;
  smaller->eventual = history.eventual;
  return *std::move(smaller);
}

}  // namespace holdfast::verify
