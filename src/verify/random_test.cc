// SPDX-License-Identifier: Apache-2.0
// The checker against random histories: those that really happened, and small
// ones, changed or not, against every order there is.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <random>

#include "verify/check.h"
#include "verify/linearizable.h"
#include "verify/testing.h"

namespace holdfast::verify {
namespace {

using testing::BruteForce;
using testing::PlainRedis;

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

/// What clients may ask; each kind leans on another part of the search.
enum class Mix : std::uint8_t { unique_puts, few_values, counter, everything, transfers };

class World {
 public:
  World(Mix mix, std::uint32_t seed) : mix_(mix), random_(seed) {}

  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }

  Operation ask() {
    Operation one;
    switch (mix_) {
      case Mix::unique_puts:
        one.commands = {below(2) == 0 ? Command{"GET", "x"}
                                      : Command{"SET", "x", "v" + std::to_string(++values_)}};
        break;
      case Mix::few_values:
        one.commands = {below(2) == 0 ? Command{"GET", "x"} : Command{"SET", "x", value()}};
        break;
      case Mix::counter:
        one.commands = {below(3) == 0 ? Command{"GET", "x"}
                                      : Command{"INCRBY", "x", std::to_string(1 + below(3))}};
        break;
      case Mix::everything:
        one.commands = {anything()};
        break;
      case Mix::transfers:
        transfer(one);
        break;
    }
    return one;
  }

 private:
  std::string value() { return below(2) == 0 ? std::to_string(below(3)) : "a"; }

  Command anything() {
    static const std::vector<Command> forms{{"GET", "x"},
                                            {"SET", "x", "?"},
                                            {"SET", "x", "?", "NX"},
                                            {"SET", "x", "?", "XX"},
                                            {"SETNX", "x", "?"},
                                            {"GETSET", "x", "?"},
                                            {"GETDEL", "x"},
                                            {"DEL", "x"},
                                            {"EXISTS", "x"},
                                            {"INCRBY", "x", "1"},
                                            {"DECRBY", "x", "2"},
                                            {"SET", "x", "?", "GET"},
                                            {"SET", "x", "?", "NX", "GET"}};
    Command command = forms[below(static_cast<std::uint32_t>(forms.size()))];
    for (std::string& word : command) {
      if (word == "?") word = value();
    }
    return command;
  }

  void transfer(Operation& one) {
    static const std::vector<std::string> accounts{"b:a", "b:b", "b:c"};
    if (below(3) == 0) {
      one.commands = {{"MGET", "b:a", "b:b", "b:c"}};
      return;
    }
    const std::uint32_t from = below(3);
    const std::string& to = accounts[(from + 1 + below(2)) % 3];
    const std::string amount = std::to_string(1 + below(4));
    one.multi = true;
    one.commands = {{"DECRBY", accounts[from], amount}, {"INCRBY", to, amount}};
  }

  Mix mix_;
  std::mt19937 random_;
  std::uint32_t values_ = 0;
};

/// Really runs clients over one state: each operation begins, takes effect and
/// ends at moments of its own; some never hear how it ended, and of these some
/// take effect late or never.
std::vector<Operation> happened(World& world, std::uint32_t clients, std::uint32_t count,
                                std::uint32_t unknown_percent) {
  struct Client {
    std::optional<std::size_t> operation;
    bool applied = false;
  };
  std::vector<Operation> all;
  std::vector<Client> at(clients);
  std::vector<std::size_t> lost;  // unknown, still on their way
  PlainRedis state;
  Time now = 0;
  const auto land = [&](std::size_t index) {
    const Answer answer = state.run(all[index]);
    return answer;
  };
  bool busy = true;
  while (busy) {
    now += world.below(2);  // some moments are equal
    if (!lost.empty() && world.below(6) == 0) {
      const std::size_t which = world.below(static_cast<std::uint32_t>(lost.size()));
      if (world.below(3) > 0) land(lost[which]);
      lost.erase(lost.begin() + static_cast<std::ptrdiff_t>(which));
    }
    Client& client = at[world.below(clients)];
    if (!client.operation) {
      if (all.size() < count) {
        client = {all.size(), false};
        Operation one = world.ask();
        one.client = "c";
        one.start = now;
        all.push_back(std::move(one));
      }
    } else if (!client.applied) {
      if (world.below(100) < unknown_percent) {
        lost.push_back(*client.operation);
        client.operation.reset();
      } else {
        all[*client.operation].answer = land(*client.operation);
        client.applied = true;
      }
    } else {
      all[*client.operation].outcome = Outcome::applied;
      all[*client.operation].end = now;
      client.operation.reset();
    }
    busy = all.size() < count || std::any_of(at.begin(), at.end(), [](const Client& c) {
             return c.operation.has_value();
           });
  }
  // A refused command says nothing here; the checker is not asked about it.
  for (Operation& one : all) {
    if (one.answer.kind != Answer::Kind::error) continue;
    one.outcome = Outcome::refused;
  }
  std::erase_if(all, [](const Operation& one) { return one.outcome == Outcome::refused; });
  return all;
}

/// Swaps two answers, or moves one by a little, or takes an end forward.
void spoil(World& world, std::vector<Operation>& all) {
  std::vector<std::size_t> known;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].outcome == Outcome::applied) known.push_back(i);
  }
  if (known.empty()) return;
  Operation& one = all[known[world.below(static_cast<std::uint32_t>(known.size()))]];
  Operation& other = all[known[world.below(static_cast<std::uint32_t>(known.size()))]];
  // What one asked the other can have been answered, but for the values.
  const auto form_of = [](const Operation& operation) {
    Command form = operation.commands[0];
    if (form.size() > 2 && !is_read(form)) form[2].clear();
    return form;
  };
  const bool alike = form_of(one) == form_of(other) || (one.multi && other.multi);
  switch (world.below(3)) {
    case 0:
      if (alike) std::swap(one.answer, other.answer);
      break;
    case 1: {
      Answer& answer = one.multi ? one.answer.items[0] : one.answer;
      const bool counts = one.multi || increment_of(one.commands[0]).has_value();
      if (answer.kind == Answer::Kind::integer && counts) ++answer.integer;
      break;
    }
    default:
      one.end = one.start;
      break;
  }
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
