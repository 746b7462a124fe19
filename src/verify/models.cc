// SPDX-License-Identifier: Apache-2.0
#include "verify/models.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "base/string_hash.h"
#include "verify/commands.h"
#include "verify/eventual.h"

namespace holdfast::verify {
namespace {

/// Numbers keys and values, and joins keys that are touched together.
class Compiler {
 public:
  explicit Compiler(std::span<const Operation> operations) : operations_(operations) {}

  Status add(std::uint32_t operation);
  Result<std::vector<Component>> finish(const std::map<std::string, Answer>& initial);

 private:
  /// A step that speaks of the whole history's keys.
  struct WideStep {
    std::uint32_t key;
    Fact::Needs needs;
    Fact::Does does;
    Value needed;
    Value made;
    std::int64_t delta;
  };
  struct WideOp {
    std::uint32_t operation;
    std::uint32_t first_step;
    std::uint32_t steps;
  };

  std::uint32_t key_number(std::string_view key);
  std::uint32_t root_of(std::uint32_t key);
  Value value_of(std::string_view text);
  static Cell cell_of(Component& component, std::uint32_t key, Value value);
  void place(const WideOp& op, Component& component, std::span<const std::uint32_t> local);
  static Step narrow(const WideStep& wide, Component& component, std::uint32_t key);

  std::span<const Operation> operations_;
  std::vector<WideOp> ops_;
  std::vector<WideStep> steps_;
  std::vector<std::string> keys_;
  std::vector<std::uint32_t> parent_;  // union-find over keys
  StringMap<std::uint32_t> key_numbers_;
  std::vector<std::string> texts_;
  StringMap<std::int64_t> text_numbers_;
};

std::uint32_t Compiler::key_number(std::string_view key) {
  const auto found = key_numbers_.find(key);
  if (found != key_numbers_.end()) return found->second;
  const auto number = static_cast<std::uint32_t>(keys_.size());
  key_numbers_.emplace(key, number);
  keys_.emplace_back(key);
  parent_.push_back(number);
  return number;
}

std::uint32_t Compiler::root_of(std::uint32_t key) {
  while (parent_[key] != key) key = parent_[key] = parent_[parent_[key]];
  return key;
}

Value Compiler::value_of(std::string_view text) {
  if (const auto number = integer_of(text)) return {Value::Kind::integer, *number};
  const auto found = text_numbers_.find(text);
  if (found != text_numbers_.end()) return {Value::Kind::text, found->second};
  const auto number = static_cast<std::int64_t>(texts_.size());
  text_numbers_.emplace(text, number);
  texts_.emplace_back(text);
  return {Value::Kind::text, number};
}

Status Compiler::add(std::uint32_t operation) {
  const Operation& one = operations_[operation];
  const bool known = one.outcome == Outcome::applied;
  const auto about_line = [&one](const std::string& what) {
    return fail(Code::corrupt, fmt::format("line {}: {}", one.line, what));
  };
  if (known && one.multi &&
      (one.answer.kind != Answer::Kind::array || one.answer.items.size() != one.commands.size())) {
    return about_line("EXEC answers with one reply a command");
  }
  std::vector<Fact> facts;
  for (std::size_t i = 0; i < one.commands.size(); ++i) {
    const Answer* const answer =
        !known ? nullptr : (one.multi ? &one.answer.items[i] : &one.answer);
    Status said = facts_of(one.commands[i], answer, facts);
    if (!said) return about_line(said.error().message);
  }
  if (facts.empty()) return {};
  const auto first = static_cast<std::uint32_t>(steps_.size());
  for (const Fact& fact : facts) {
    WideStep step{key_number(fact.key), fact.needs, fact.does, {}, {}, fact.delta};
    if (fact.needs == Fact::Needs::value) step.needed = value_of(fact.needed);
    if (fact.needs == Fact::Needs::number) step.needed = {Value::Kind::integer, fact.number};
    if (!fact.made.empty() || fact.does != Fact::Does::nothing) step.made = value_of(fact.made);
    if (fact.does == Fact::Does::erase) step.made = Value{};
    parent_[root_of(step.key)] = root_of(steps_.size() == first ? step.key : steps_[first].key);
    steps_.push_back(step);
  }
  ops_.push_back({operation, first, static_cast<std::uint32_t>(steps_.size()) - first});
  return {};
}

Cell Compiler::cell_of(Component& component, std::uint32_t key, Value value) {
  const auto [at, fresh] = component.numbers.try_emplace(std::pair(key, value),
                                                         static_cast<Cell>(component.cells.size()));
  if (fresh) component.cells.push_back(value);
  return at->second;
}

Step Compiler::narrow(const WideStep& wide, Component& component, std::uint32_t key) {
  Step step{.key = key, .delta = wide.delta};
  switch (wide.needs) {
    case Fact::Needs::nothing:
      break;
    case Fact::Needs::number:
      step.needs = wide.needed.number == 0 ? Step::Needs::zero : Step::Needs::cell;
      step.needed = cell_of(component, key, wide.needed);
      break;
    case Fact::Needs::value:
      step.needs = Step::Needs::cell;
      step.needed = cell_of(component, key, wide.needed);
      break;
    case Fact::Needs::absent:
      step.needs = Step::Needs::cell;
      step.needed = component.absent[key];
      break;
    case Fact::Needs::present:
      step.needs = Step::Needs::present;
      break;
    case Fact::Needs::never:
      step.needs = Step::Needs::never;
      break;
  }
  switch (wide.does) {
    case Fact::Does::nothing:
      return step;
    case Fact::Does::add:
      step.does = Step::Does::add;
      return step;
    case Fact::Does::put:
    case Fact::Does::erase:
      step.does = Step::Does::put;
      break;
    case Fact::Does::put_if_absent:
      step.does = Step::Does::put_if_absent;
      break;
    case Fact::Does::put_if_present:
      step.does = Step::Does::put_if_present;
      break;
  }
  step.made = cell_of(component, key, wide.made);
  return step;
}

void Compiler::place(const WideOp& op, Component& component, std::span<const std::uint32_t> local) {
  const Operation& one = operations_[op.operation];
  const bool unknown = one.outcome != Outcome::applied;
  component.ops.push_back({.operation = op.operation,
                           .first_step = static_cast<std::uint32_t>(component.steps.size()),
                           .steps = op.steps,
                           .start = one.start,
                           .end = unknown ? 0 : *one.end,
                           .unknown = unknown});
  for (std::uint32_t i = 0; i < op.steps; ++i) {
    const WideStep& wide = steps_[op.first_step + i];
    component.steps.push_back(narrow(wide, component, local[wide.key]));
  }
}

Result<std::vector<Component>> Compiler::finish(const std::map<std::string, Answer>& initial) {
  std::vector<Component> components;
  std::vector<std::uint32_t> component_of(keys_.size(), UINT32_MAX);  // by root
  std::vector<std::uint32_t> local(keys_.size());
  for (std::uint32_t key = 0; key < keys_.size(); ++key) {
    std::uint32_t& at = component_of[root_of(key)];
    if (at == UINT32_MAX) {
      at = static_cast<std::uint32_t>(components.size());
      components.emplace_back();
    }
    Component& component = components[at];
    local[key] = static_cast<std::uint32_t>(component.keys.size());
    component.keys.push_back(keys_[key]);
    component.absent.push_back(cell_of(component, local[key], Value{}));
    const auto before = initial.find(keys_[key]);
    component.initial.push_back(component.absent.back());
    if (before == initial.end() || before->second.kind == Answer::Kind::nil) continue;
    const Answer& value = before->second;
    component.initial.back() = cell_of(
        component, local[key],
        value_of(value.kind == Answer::Kind::integer ? std::to_string(value.integer) : value.text));
  }
  for (const WideOp& op : ops_) {
    place(op, components[component_of[root_of(steps_[op.first_step].key)]], local);
  }
  const auto texts = std::make_shared<const std::vector<std::string>>(std::move(texts_));
  for (Component& component : components) {
    component.texts = texts;
    for (std::uint32_t key = 0; key < component.keys.size(); ++key) {
      const auto zero = component.numbers.find(std::pair(key, Value{Value::Kind::integer, 0}));
      component.zero.push_back(zero == component.numbers.end() ? no_cell : zero->second);
    }
  }
  return components;
}

Status check_model(const Operation& one, Model model) {
  std::set<std::string_view> keys;
  bool counts = false;
  bool puts = false;
  for (const Command& command : one.commands) {
    const bool increments = increment_of(command).has_value();
    counts = counts || increments;
    puts = puts || (!increments && !is_read(command));
    if (command.size() > 1) keys.insert(command[1]);
    if (command.size() > 2 && (is_read(command))) keys.insert(command.begin() + 1, command.end());
  }
  const bool fits = (model == Model::registers && !counts && keys.size() == 1) ||
                    (model == Model::counters && !puts && keys.size() == 1) ||
                    (model == Model::transfers && !puts) || model == Model::any;
  if (fits) return {};
  return fail(Code::corrupt, fmt::format("line {}: no operation of the model asked for", one.line));
}

}  // namespace

std::string Component::to_text(Value value) const {
  switch (value.kind) {
    case Value::Kind::absent:
      return "absent";
    case Value::Kind::integer:
      return std::to_string(value.number);
    case Value::Kind::text:
      break;
  }
  return fmt::format("\"{}\"", (*texts)[static_cast<std::size_t>(value.number)]);
}

std::optional<Model> model_named(std::string_view name) {
  if (name == "auto") return Model::any;
  if (name == "register") return Model::registers;
  if (name == "counter") return Model::counters;
  if (name == "transfers") return Model::transfers;
  return std::nullopt;
}

Result<std::vector<Component>> compile(std::span<const Operation> operations,
                                       const std::map<std::string, Answer>& initial, Model model) {
  Compiler compiler(operations);
  for (std::uint32_t i = 0; i < operations.size(); ++i) {
    if (Status fits = check_model(operations[i], model); !fits) {
      return tl::unexpected(fits.error());
    }
    if (Status added = compiler.add(i); !added) return tl::unexpected(added.error());
  }
  return compiler.finish(initial);
}

std::vector<Operation> final_reads(const History& history, std::span<const Operation> operations) {
  Time last = 0;
  for (const Operation& one : operations) last = std::max({last, one.start, one.end.value_or(0)});
  std::vector<Operation> reads;
  for (const Final& final : history.finals) {
    for (const auto& [key, value] : final.values) {
      if (is_eventual(history, key)) continue;
      Operation read{.client = "final", .node = final.node, .commands = {{"GET", key}}};
      read.start = last + 1;
      read.end = last + 1;
      read.outcome = Outcome::applied;
      // A counter may be written down as a number; GET's answer is a text.
      read.answer =
          value.kind == Answer::Kind::integer ? Answer::of(std::to_string(value.integer)) : value;
      read.line = final.line;
      reads.push_back(std::move(read));
    }
  }
  return reads;
}

}  // namespace holdfast::verify
