// SPDX-License-Identifier: Apache-2.0
#include "verify/totals.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/string_hash.h"
#include "verify/commands.h"
#include "verify/wide.h"

namespace holdfast::verify {
namespace {

struct Sums {
  Wide least = 0;
  Wide greatest = 0;
  bool only_increments = true;
};

std::string to_text(Wide number) {
  if (number < 0) return "-" + to_text(-number);
  const auto digit = static_cast<char>('0' + static_cast<int>(number % 10));
  return number < 10 ? std::string(1, digit) : to_text(number / 10) + digit;
}

void add(const Operation& one, std::size_t index, StringMap<Sums>& sums) {
  const Command& command = one.commands[index];
  if (is_read(command)) return;
  const auto delta = increment_of(command);
  if (!delta) {
    // Whatever it is, it may change each thing it names.
    for (std::size_t i = 1; i < command.size(); ++i) sums[command[i]].only_increments = false;
    return;
  }
  const bool known = one.outcome == Outcome::applied;
  if (known && one.multi && index < one.answer.items.size() &&
      one.answer.items[index].kind == Answer::Kind::error) {
    return;
  }
  Sums& sum = sums[command[1]];
  if (known || *delta < 0) sum.least += *delta;
  if (known || *delta > 0) sum.greatest += *delta;
}

}  // namespace

Totals check_totals(const History& history, std::span<const Operation> operations) {
  StringMap<Sums> sums;
  for (const Operation& one : operations) {
    for (std::size_t i = 0; i < one.commands.size(); ++i) add(one, i, sums);
  }
  Totals totals;
  for (const Final& final : history.finals) {
    for (const auto& [key, value] : final.values) {
      const auto sum = sums.find(key);
      if (sum == sums.end() || !sum->second.only_increments) continue;
      const auto before = history.initial.find(key);
      const auto start = before == history.initial.end() ? 0 : counted(before->second);
      const auto end = counted(value);
      if (!start || !end) continue;  // no counter
      ++totals.counters;
      const Wide least = *start + sum->second.least;
      const Wide greatest = *start + sum->second.greatest;
      if (*end >= least && *end <= greatest) continue;
      const std::string expected =
          least == greatest ? to_text(least) : to_text(least) + " to " + to_text(greatest);
      totals.violations.push_back(
          fmt::format("{} is {}{}, where what was acknowledged makes {}: {}", key, *end,
                      final.node.empty() ? "" : " at " + final.node, expected,
                      *end < least ? "increments are lost" : "increments count twice"));
    }
  }
  return totals;
}

namespace {

/// The same for values that are the same: 7 and "7", members in any order.
std::string comparable(const Answer& answer) {
  if (answer.kind == Answer::Kind::integer)
    return verify::to_text(Answer::of(std::to_string(answer.integer)));
  if (answer.kind != Answer::Kind::array) return verify::to_text(answer);
  Answer sorted = answer;
  std::sort(sorted.items.begin(), sorted.items.end(),
            [](const Answer& a, const Answer& b) { return a.text < b.text; });
  return verify::to_text(sorted);
}

}  // namespace

std::vector<std::string> check_agreement(const History& history) {
  struct Seen {
    std::string value;
    std::string node;
  };
  StringMap<Seen> first;
  std::vector<std::string> violations;
  for (const Final& final : history.finals) {
    for (const auto& [key, answer] : final.values) {
      const std::string value = comparable(answer);
      const auto [at, fresh] = first.try_emplace(key, Seen{value, final.node});
      if (fresh || at->second.value == value) continue;
      violations.push_back(fmt::format("{} is {} at {} and {} at {}", key, at->second.value,
                                       at->second.node, value, final.node));
    }
  }
  return violations;
}

}  // namespace holdfast::verify
