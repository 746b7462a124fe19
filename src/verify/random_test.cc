// SPDX-License-Identifier: Apache-2.0
// The checker against random histories: those that really happened, and small
// ones, changed or not, against every order there is.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "verify/check.h"
#include "verify/linearizable.h"
#include "verify/random_testing.h"

namespace holdfast::verify {
namespace {

using testing::BruteForce;
using testing::happened;
using testing::Mix;
using testing::spoil;
using testing::World;

// Enough for what the tests below ask, little enough for seconds.
constexpr std::uint64_t steps_max = 1'000'000;

std::string story_of(const std::vector<Operation>& operations) {
  std::string story;
  for (const Operation& one : operations) story += to_text(one) + "\n";
  const auto report = check({.operations = operations});
  if (report && !report->violations.empty()) story += report->violations[0].explanation;
  return story;
}

Verdict verdict_of(const std::vector<Operation>& operations) {
  std::vector<Operation> sorted = operations;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Operation& a, const Operation& b) { return a.start < b.start; });
  const auto components = compile(sorted, {});
  if (!components) RC_FAIL(components.error().message + "\n" + story_of(sorted));
  Verdict worst = Verdict::ok;
  for (const Component& component : *components) {
    worst = std::max(worst, linearizable(component, steps_max).verdict);
  }
  return worst;
}

Mix any_mix() {
  return *rc::gen::element(Mix::unique_puts, Mix::few_values, Mix::counter, Mix::everything,
                           Mix::transfers);
}

RC_GTEST_PROP(LinearizableRandom, WhatReallyHappenedIsNeverAViolation, ()) {
  World world(any_mix(), *rc::gen::arbitrary<std::uint32_t>());
  const auto clients = *rc::gen::inRange<std::uint32_t>(1, 30);
  const auto unknown_percent = *rc::gen::inRange<std::uint32_t>(0, 10);
  const std::vector<Operation> all = happened(world, clients, 150, unknown_percent);
  const Verdict verdict = verdict_of(all);
  RC_CLASSIFY(verdict == Verdict::undecided, "undecided");
  if (verdict == Verdict::violation) RC_FAIL(story_of(all));
}

// With values that tell who wrote them the search finds its way; histories
// that tests record should be such.
RC_GTEST_PROP(LinearizableRandom, WhatTellsItsWriterIsDecided, ()) {
  const Mix mix = *rc::gen::element(Mix::unique_puts, Mix::counter, Mix::transfers);
  World world(mix, *rc::gen::arbitrary<std::uint32_t>());
  const auto clients = *rc::gen::inRange<std::uint32_t>(1, 30);
  const auto unknown_percent = *rc::gen::inRange<std::uint32_t>(0, 5);
  const std::vector<Operation> all = happened(world, clients, 400, unknown_percent);
  if (verdict_of(all) != Verdict::ok) RC_FAIL(story_of(all));
}

// The point of the checker's shortcuts is that they change no verdict. Small
// histories show it in both directions.
RC_GTEST_PROP(LinearizableRandom, AgreesWithEveryOrderThereIs, ()) {
  World world(any_mix(), *rc::gen::arbitrary<std::uint32_t>());
  int violations = 0;
  for (int i = 0; i < 20; ++i) {
    std::vector<Operation> all =
        happened(world, 1 + world.below(6), 3 + world.below(9), world.below(2) == 0 ? 0 : 40);
    for (std::uint32_t changes = world.below(3); changes > 0; --changes) spoil(world, all);
    const bool possible = BruteForce(all).linearizable();
    violations += possible ? 0 : 1;
    if ((verdict_of(all) == Verdict::ok) == possible) continue;
    RC_FAIL((possible ? "a violation where an order exists\n" : "ok where no order exists\n") +
            story_of(all));
  }
  RC_CLASSIFY(violations > 0, "with violations among them");
}

}  // namespace
}  // namespace holdfast::verify
