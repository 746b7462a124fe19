// SPDX-License-Identifier: Apache-2.0
#include "verify/commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace holdfast::verify {
namespace {

using Needs = Fact::Needs;
using Does = Fact::Does;
using Kind = Answer::Kind;

/// `word` is in upper case.
bool is(std::string_view text, std::string_view word) {
  return std::equal(text.begin(), text.end(), word.begin(), word.end(), [](char a, char b) {
    return (a >= 'a' && a <= 'z' ? static_cast<char>(a - 'a' + 'A') : a) == b;
  });
}

tl::unexpected<Error> odd_reply(const Command& command) {
  return fail(Code::corrupt, fmt::format("{} never answers so", command[0]));
}

bool is_ok(const Answer& answer) {
  return answer.kind == Kind::text && answer.text == "OK";
}

/// The state that a read's answer tells of.
Status observe(const Command& command, const Answer& answer, Fact& fact) {
  if (answer.kind == Kind::nil) {
    fact.needs = Needs::absent;
  } else if (answer.kind == Kind::text) {
    fact.needs = Needs::value;
    fact.needed = answer.text;
  } else {
    return odd_reply(command);
  }
  return {};
}

/// A count of 0 or 1.
Status observe_presence(const Command& command, const Answer& answer, Fact& fact) {
  if (answer.kind != Kind::integer || (answer.integer != 0 && answer.integer != 1)) {
    return odd_reply(command);
  }
  fact.needs = answer.integer == 1 ? Needs::present : Needs::absent;
  return {};
}

using Rule = Status (*)(const Command&, const Answer*, std::vector<Fact>&);

Status get(const Command& command, const Answer* answer, std::vector<Fact>& facts) {
  if (answer == nullptr) return {};
  Fact fact{.key = command[1]};
  if (Status seen = observe(command, *answer, fact); !seen) return seen;
  facts.push_back(std::move(fact));
  return {};
}

Status exists(const Command& command, const Answer* answer, std::vector<Fact>& facts) {
  if (answer == nullptr) return {};
  Fact fact{.key = command[1]};
  if (Status seen = observe_presence(command, *answer, fact); !seen) return seen;
  facts.push_back(std::move(fact));
  return {};
}

Status mget(const Command& command, const Answer* answer, std::vector<Fact>& facts) {
  if (answer == nullptr) return {};
  if (answer->kind != Kind::array || answer->items.size() != command.size() - 1) {
    return odd_reply(command);
  }
  for (std::size_t i = 1; i < command.size(); ++i) {
    Fact fact{.key = command[i]};
    if (Status seen = observe(command, answer->items[i - 1], fact); !seen) return seen;
    facts.push_back(std::move(fact));
  }
  return {};
}

/// SET with its options and its relatives: GETSET is SET GET, SETNX is SET NX
/// but for the form of its answer.
struct SetOptions {
  bool if_absent = false;
  bool if_present = false;
  bool gives_old = false;
};

Status set_with(const Command& command, const SetOptions& options, const Answer* answer,
                std::vector<Fact>& facts) {
  Fact fact{.key = command[1], .does = Does::put, .made = command[2]};
  if (answer == nullptr || (answer->kind == Kind::nil && options.gives_old)) {
    // The old value being nil, NX has put and XX has not.
    if (answer != nullptr) fact.needs = Needs::absent;
    if (options.if_absent) fact.does = Does::put_if_absent;
    if (options.if_present) fact.does = Does::put_if_present;
  } else if (options.gives_old) {
    if (Status seen = observe(command, *answer, fact); !seen) return seen;
    if (options.if_absent) fact.does = Does::nothing;
  } else if (is_ok(*answer)) {
    if (options.if_absent) fact.needs = Needs::absent;
    if (options.if_present) fact.needs = Needs::present;
  } else if (answer->kind == Kind::nil && (options.if_absent || options.if_present)) {
    fact.needs = options.if_absent ? Needs::present : Needs::absent;
    fact.does = Does::nothing;
  } else {
    return odd_reply(command);
  }
  facts.push_back(std::move(fact));
  return {};
}

Status set(const Command& command, const Answer* answer, std::vector<Fact>& facts) {
  SetOptions options;
  for (std::size_t i = 3; i < command.size(); ++i) {
    if (is(command[i], "NX")) {
      options.if_absent = true;
    } else if (is(command[i], "XX")) {
      options.if_present = true;
    } else if (is(command[i], "GET")) {
      options.gives_old = true;
    } else {
      return fail(Code::corrupt, fmt::format("SET's option {} is not checked here", command[i]));
    }
  }
  if (options.if_absent && options.if_present) {
    return fail(Code::corrupt, "SET with both NX and XX");
  }
  return set_with(command, options, answer, facts);
}

Status getset(const Command& command, const Answer* answer, std::vector<Fact>& facts) {
  return set_with(command, {.gives_old = true}, answer, facts);
}

Status setnx(const Command& command, const Answer* answer, std::vector<Fact>& facts) {
  if (answer == nullptr) return set_with(command, {.if_absent = true}, nullptr, facts);
  if (answer->kind != Kind::integer) return odd_reply(command);
  const Answer as_set = answer->integer == 1 ? Answer::of("OK") : Answer{};
  return set_with(command, {.if_absent = true}, &as_set, facts);
}

Status mset(const Command& command, const Answer* answer, std::vector<Fact>& facts) {
  if (command.size() % 2 == 0) return fail(Code::corrupt, "MSET with a key and no value");
  if (answer != nullptr && !is_ok(*answer)) return odd_reply(command);
  for (std::size_t i = 1; i < command.size(); i += 2) {
    facts.push_back({.key = command[i], .does = Does::put, .made = command[i + 1]});
  }
  return {};
}

Status del(const Command& command, const Answer* answer, std::vector<Fact>& facts) {
  Fact fact{.key = command[1], .does = Does::erase};
  if (answer != nullptr) {
    if (Status seen = observe_presence(command, *answer, fact); !seen) return seen;
    if (fact.needs == Needs::absent) fact.does = Does::nothing;
  }
  facts.push_back(std::move(fact));
  return {};
}

Status getdel(const Command& command, const Answer* answer, std::vector<Fact>& facts) {
  Fact fact{.key = command[1], .does = Does::erase};
  if (answer != nullptr) {
    if (Status seen = observe(command, *answer, fact); !seen) return seen;
    if (fact.needs == Needs::absent) fact.does = Does::nothing;
  }
  facts.push_back(std::move(fact));
  return {};
}

Status incrby(const Command& command, const Answer* answer, std::vector<Fact>& facts) {
  const auto delta = increment_of(command);
  if (!delta) return fail(Code::corrupt, fmt::format("{} needs an integer", command[0]));
  Fact fact{.key = command[1]};
  if (answer == nullptr) {
    fact.does = Does::add;
    fact.delta = *delta;
  } else {
    if (answer->kind != Kind::integer) return odd_reply(command);
    fact.needs = Needs::number;
    if (__builtin_sub_overflow(answer->integer, *delta, &fact.number)) fact.needs = Needs::never;
    fact.does = Does::put;
    fact.made = std::to_string(answer->integer);
  }
  facts.push_back(std::move(fact));
  return {};
}

struct Row {
  std::string_view name;
  std::size_t words_min;
  std::size_t words_max;
  Rule rule;
};

constexpr std::size_t any_number = SIZE_MAX;
constexpr std::array rows{
    Row{"GET", 2, 2, get},
    Row{"SET", 3, 5, set},
    Row{"SETNX", 3, 3, setnx},
    Row{"GETSET", 3, 3, getset},
    Row{"GETDEL", 2, 2, getdel},
    Row{"DEL", 2, 2, del},
    Row{"EXISTS", 2, 2, exists},
    Row{"INCR", 2, 2, incrby},
    Row{"DECR", 2, 2, incrby},
    Row{"INCRBY", 3, 3, incrby},
    Row{"DECRBY", 3, 3, incrby},
    Row{"MGET", 2, any_number, mget},
    Row{"MSET", 3, any_number, mset},
};

}  // namespace

std::optional<std::int64_t> integer_of(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (std::to_string(number) != text) return std::nullopt;
  return number;
}

std::optional<std::int64_t> counted(const Answer& value) {
  if (value.kind == Answer::Kind::nil) return 0;
  if (value.kind == Answer::Kind::integer) return value.integer;
  return value.kind == Answer::Kind::text ? integer_of(value.text) : std::nullopt;
}

std::optional<std::int64_t> increment_of(const Command& command) {
  if (command.size() == 2 && is(command[0], "INCR")) return 1;
  if (command.size() == 2 && is(command[0], "DECR")) return -1;
  const bool up = is(command[0], "INCRBY");
  if (command.size() != 3 || !(up || is(command[0], "DECRBY"))) return std::nullopt;
  const auto amount = integer_of(command[2]);
  if (!amount || up) return amount;
  std::int64_t negated = 0;
  if (__builtin_sub_overflow(std::int64_t{0}, *amount, &negated)) return std::nullopt;
  return negated;
}

bool is_read(const Command& command) {
  return is(command[0], "GET") || is(command[0], "MGET") || is(command[0], "EXISTS");
}

Status facts_of(const Command& command, const Answer* answer, std::vector<Fact>& facts) {
  for (const Row& row : rows) {
    if (!is(command[0], row.name)) continue;
    if (command.size() < row.words_min || command.size() > row.words_max) {
      return fail(Code::corrupt, fmt::format("a wrong number of arguments for {}{}", command[0],
                                             row.words_max == 2 ? " (one key, here)" : ""));
    }
    // Within EXEC's array a command can have failed; then it changed nothing,
    // and what it says of the state is left aside.
    if (answer != nullptr && answer->kind == Kind::error) return {};
    return row.rule(command, answer, facts);
  }
  return fail(Code::corrupt, fmt::format("the command {} is not checked here", command[0]));
}

}  // namespace holdfast::verify
