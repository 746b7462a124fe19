// SPDX-License-Identifier: Apache-2.0
// What makes a history smaller must not make it fail: each reduction, at
// random, on histories that really happened.
#include "verify/reductions.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>

#include "verify/linearizable.h"
#include "verify/random_testing.h"

namespace holdfast::verify {
namespace {

using testing::BruteForce;
using testing::Mix;
using testing::PlainRedis;
using testing::World;

constexpr std::uint64_t steps_max = 1'000'000;
constexpr std::size_t brute_force_max = 12;

std::string story_of(const Case& whole) {
  std::string story;
  for (const auto& [key, value] : whole.initial) story += key + " = " + to_text(value) + "\n";
  for (const Operation& one : whole.operations) story += to_text(one) + "\n";
  return story;
}

std::string problem_of(const Case& whole) {
  const auto components = compile(whole.operations, whole.initial);
  if (!components) return components.error().message;
  for (const Component& component : *components) {
    if (linearizable(component, steps_max).verdict == Verdict::violation) return "a violation";
  }
  if (whole.operations.size() > brute_force_max) return "";
  return BruteForce(whole.operations, whole.initial).linearizable() ? "" : "no order there is";
}

template <typename T>
const T& any_of(World& world, const std::vector<T>& list) {
  return list[world.below(static_cast<std::uint32_t>(list.size()))];
}

constexpr std::array reductions{"cut",          "narrowed", "without", "behind",
                                "from a level", "from one", "needless"};

Case reduce(World& world, const Case& whole, const Component& component, std::size_t how) {
  const auto half = [&world] { return world.below(2) == 0; };
  switch (how) {
    case 0: {
      const Operation& one = any_of(world, whole.operations);
      return cut(whole, half() ? one.start : one.end.value_or(one.start));
    }
    case 1: {
      Keys keys;
      for (const std::string& key : component.keys) {
        if (half()) keys.insert(key);
      }
      return narrowed(whole, keys);
    }
    case 2: {
      std::vector<bool> unwanted(whole.operations.size());
      const bool all = world.below(4) == 0;
      std::generate(unwanted.begin(), unwanted.end(), [&] { return all || half(); });
      return without(whole, component, unwanted);
    }
    case 3: {
      const auto places = quiet_places(component);
      return places.empty() ? whole : behind(whole, component, any_of(world, places));
    }
    case 4: {
      const auto values = levels(component);
      return values.empty() ? whole : from_level(whole, component, any_of(world, values));
    }
    case 5: {
      const auto telling = telling_operations(whole, component);
      return telling.empty() ? whole : from_operation(whole, component, any_of(world, telling));
    }
    default:
      return without_needless(whole, component);
  }
}

History any_history(World& world, Mix mix, std::uint32_t clients, std::uint32_t count,
                    std::uint32_t unknown_percent) {
  PlainRedis left;
  History history{.operations = testing::happened(world, clients, count, unknown_percent, &left)};
  history.operations = testing::with_tries(world, history.operations);
  if (world.below(2) == 0) {
    history.finals = testing::finals_of(left, mix == Mix::transfers
                                                  ? std::vector<std::string>{"b:a", "b:b", "b:c"}
                                                  : std::vector<std::string>{"x", "y"});
  }
  return history;
}

/// Reduces it at random until little is left; an order is there all the time.
void reduce_often(World& world, const History& history, std::vector<int>& worked) {
  auto now = case_of(history);
  RC_ASSERT(now.has_value());
  if (const auto problem = problem_of(*now); !problem.empty()) RC_FAIL(problem + story_of(*now));
  for (int i = 0; i < 8; ++i) {
    auto components = compile(now->operations, now->initial);
    if (!components) RC_FAIL(components.error().message);
    if (components->empty()) return;
    Component component = any_of(world, *components);
    const Case before = only(*now, component);
    const std::size_t how = world.below(reductions.size());
    now = reduce(world, before, component, how);
    if (now->operations.size() < before.operations.size()) ++worked[how];
    if (const auto problem = problem_of(*now); !problem.empty()) {
      RC_FAIL(problem + " after " + reductions[how] + ":\n" + story_of(*now) + "of\n" +
              story_of(before));
    }
  }
}

Mix any_mix() {
  return *rc::gen::element(Mix::unique_puts, Mix::few_values, Mix::counter, Mix::everything,
                           Mix::transfers, Mix::transactions);
}

RC_GTEST_PROP(Reductions, KeepAnOrderWhereThereIsOneOfAFew, ()) {
  const Mix mix = any_mix();
  World world(mix, *rc::gen::arbitrary<std::uint32_t>());
  std::vector<int> worked(reductions.size());
  for (int i = 0; i < 40; ++i) {
    const History history =
        any_history(world, mix, 1 + world.below(4), 3 + world.below(8), world.below(2) * 30);
    reduce_often(world, history, worked);
  }
  for (std::size_t i = 0; i < worked.size(); ++i) {
    if (worked[i] > 0) RC_TAG(reductions[i]);
  }
}

RC_GTEST_PROP(Reductions, KeepAnOrderWhereThereIsOneOfMany, ()) {
  const Mix mix = any_mix();
  World world(mix, *rc::gen::arbitrary<std::uint32_t>());
  std::vector<int> worked(reductions.size());
  const auto clients = *rc::gen::inRange<std::uint32_t>(1, 20);
  reduce_often(world, any_history(world, mix, clients, 120, world.below(2) * 5), worked);
}

}  // namespace
}  // namespace holdfast::verify
