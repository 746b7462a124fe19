// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "verify/testing.h"

/// For tests: histories that really happened, with every chance in them, and
/// ways to spoil them.
namespace holdfast::verify::testing {

/// What clients may ask; each kind leans on another part of the search.
enum class Mix : std::uint8_t {
  unique_puts,
  few_values,
  counter,
  everything,
  transfers,
  transactions
};

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
      case Mix::transactions:
        transaction(one);
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

  void transaction(Operation& one) {
    if (below(3) == 0) {
      one.commands = {below(2) == 0 ? Command{"MGET", "x", "y"}
                                    : Command{"MSET", "x", value(), "y", value()}};
      return;
    }
    one.multi = true;
    for (std::uint32_t commands = 1 + below(3); commands > 0; --commands) {
      one.commands.push_back(anything());
      if (below(2) == 0) one.commands.back()[1] = "y";
    }
  }

  Mix mix_;
  std::mt19937 random_;
  std::uint32_t values_ = 0;
};

/// Really runs clients over one state: each operation begins, takes effect and
/// ends at moments of its own; some never hear how it ended, and of these some
/// take effect late or never. `left` is the state in the end.
inline std::vector<Operation> happened(World& world, std::uint32_t clients, std::uint32_t count,
                                       std::uint32_t unknown_percent, PlainRedis* left = nullptr) {
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
    Answer answer = state.run(all[index]);
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
  if (left != nullptr) *left = state;
  // A refused command says nothing here; the checker is not asked about it.
  for (Operation& one : all) {
    if (one.answer.kind != Answer::Kind::error) continue;
    one.outcome = Outcome::refused;
  }
  std::erase_if(all, [](const Operation& one) { return one.outcome == Outcome::refused; });
  return all;
}

/// Swaps two answers, or moves one by a little, or takes an end forward.
inline void spoil(World& world, std::vector<Operation>& all) {
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

/// Gives some operations an id and records them as several tries, all of which
/// have the answer of the first to be applied, or none.
inline std::vector<Operation> with_tries(World& world, const std::vector<Operation>& all) {
  std::vector<Operation> tries;
  for (const Operation& one : all) {
    tries.push_back(one);
    if (world.below(3) > 0) continue;
    tries.back().id = "id" + std::to_string(tries.size());
    Operation again = tries.back();
    if (one.outcome == Outcome::applied && world.below(2) == 0) {
      tries.back().outcome = Outcome::unknown;
      tries.back().end.reset();
      tries.back().answer = {};
      again.start +=
          static_cast<Time>(world.below(static_cast<std::uint32_t>(*again.end - again.start) + 1));
    } else if (one.outcome == Outcome::applied) {
      again.start = *one.end;
      again.end = again.start + world.below(5);
    } else {
      again.start += world.below(5);
    }
    tries.push_back(std::move(again));
  }
  return tries;
}

/// What strong reads of two nodes say of these keys.
inline std::vector<Final> finals_of(PlainRedis state, const std::vector<std::string>& keys) {
  Final final;
  for (const std::string& key : keys) {
    final.values.emplace(key, state.run(Operation{.commands = {{"GET", key}}}));
  }
  std::vector<Final> finals{final, final};
  finals[0].node = "n1";
  finals[1].node = "n2";
  return finals;
}

}  // namespace holdfast::verify::testing
