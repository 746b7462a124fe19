// SPDX-License-Identifier: Apache-2.0
#include "verify/check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <span>

#include "verify/eventual.h"
#include "verify/merge.h"
#include "verify/totals.h"

namespace holdfast::verify {
namespace {

std::string keys_of(const Component& component) {
  const std::size_t shown = std::min(component.keys.size(), component_keys_shown_max);
  std::string text = fmt::format("{}", fmt::join(std::span(component.keys).first(shown), ", "));
  if (shown < component.keys.size()) {
    text += fmt::format(" and {} more", component.keys.size() - shown);
  }
  return text;
}

std::string explain(const Component& component, const Failure& failure,
                    std::span<const Operation> operations, Verdict verdict) {
  const auto add_blocked = [&](std::string& text) {
    for (const Failure::Blocked& blocked : failure.blocked) {
      text += "    " + to_text(operations[blocked.operation]) + "\n";
      if (!blocked.why.empty()) text += "        " + blocked.why + "\n";
      if (blocked.whom) text += "        " + to_text(operations[*blocked.whom]) + "\n";
    }
  };
  std::string text = verdict == Verdict::violation
                         ? "no order explains the answers about "
                         : "out of steps (--steps) before an order was found for ";
  text += keys_of(component) + ".\n";
  if (!failure.conflict.empty()) {
    text += failure.conflict + "\n";
    add_blocked(text);
    return text;
  }
  text += fmt::format(
      "The longest order found places {} of {} operations with known outcome and ends in\n",
      failure.placed, failure.known);
  for (const std::uint32_t index : failure.last) text += "    " + to_text(operations[index]) + "\n";
  text += "which leaves";
  for (const auto& [key, value] : failure.state) text += fmt::format(" {} = {}", key, value);
  text += ". One of these would have to be next:\n";
  add_blocked(text);
  return text;
}

void add_all(Report& report, const char* check, std::vector<std::string> texts) {
  for (std::string& text : texts) report.violations.push_back({check, std::move(text)});
}

void add_totals(Report& report, Totals totals) {
  report.counters += totals.counters;
  add_all(report, "exactly once", std::move(totals.violations));
}

Status check_eventual(const History& history, std::vector<Operation> tries, Report& report) {
  const auto checked = verify::check_eventual(history, tries);
  if (!checked) return tl::unexpected(checked.error());
  report.operations += checked->operations;
  report.unknown += checked->unknown;
  report.keys += checked->keys;
  report.eventual_reads = checked->reads;
  for (const auto& found : checked->violations)
    report.violations.push_back({found.check, found.explanation});
  // Where a retry was answered differs, so only the effects are compared.
  auto merged = merge_retries(std::move(tries));
  if (!merged) return tl::unexpected(merged.error());
  add_totals(report, check_totals(history, merged->operations));
  return {};
}

}  // namespace

Verdict Report::verdict() const {
  if (!violations.empty()) return Verdict::violation;
  return undecided.empty() ? Verdict::ok : Verdict::undecided;
}

Result<Report> check(History history, const CheckOptions& options) {
  Report report;
  report.summary = summarize(history);
  auto eventual = take_eventual(history);
  if (!eventual) return tl::unexpected(eventual.error());
  auto merged = merge_retries(std::move(history.operations));
  if (!merged) return tl::unexpected(merged.error());
  std::vector<Operation>& operations = merged->operations;
  report.operations = operations.size();
  report.unknown = static_cast<std::uint64_t>(
      std::count_if(operations.begin(), operations.end(),
                    [](const Operation& one) { return one.outcome == Outcome::unknown; }));
  add_all(report, "retries", std::move(merged->differing));
  add_all(report, "agreement", check_agreement(history));
  if (Status s = check_eventual(history, *std::move(eventual), report); !s)
    return tl::unexpected(s.error());
  add_totals(report, check_totals(history, operations));

  std::vector<Operation> reads = final_reads(history, operations);
  std::move(reads.begin(), reads.end(), std::back_inserter(operations));
  const auto components = compile(operations, history.initial, options.model);
  if (!components) return tl::unexpected(components.error());
  report.components = components->size();
  for (const Component& component : *components) {
    report.keys += component.keys.size();
    const Checked checked = linearizable(component, options.steps_max);
    report.steps += checked.steps;
    if (checked.verdict == Verdict::ok) continue;
    auto& list = checked.verdict == Verdict::violation ? report.violations : report.undecided;
    list.push_back(
        {"linearizable", explain(component, *checked.failure, operations, checked.verdict)});
  }
  return report;
}

}  // namespace holdfast::verify
