// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace holdfast::verify {

/// An instant by the history's one clock: nanoseconds, as a rule.
using Time = std::int64_t;

/// A reply as the client saw it.
struct Answer {
  enum class Kind : std::uint8_t { nil, integer, text, error, array };
  Kind kind = Kind::nil;
  std::int64_t integer = 0;
  std::string text;  // of text and error
  std::vector<Answer> items;

  static Answer of(std::int64_t number) { return {Kind::integer, number, {}, {}}; }
  static Answer of(std::string_view text) { return {Kind::text, 0, std::string(text), {}}; }
  friend bool operator==(const Answer&, const Answer&) = default;
};
std::string to_text(const Answer& answer);

enum class Outcome : std::uint8_t {
  applied,
  refused,  // certainly not applied
  unknown,  // applied once at some time from `start` on, or never
};

using Command = std::vector<std::string>;

/// What a token stands for that a read carried: all that `node` had when it
/// was asked for it, at `start`.
struct After {
  std::string node;
  Time start = 0;
};

/// One try of an operation, or after merge_retries() a whole operation.
struct Operation {
  std::string client;
  std::string node;
  std::string id;
  std::vector<Command> commands;  // never empty, nor is one of them
  bool multi = false;             // answered by EXEC's array
  Time start = 0;
  std::optional<Time> end;  // always there where it was applied
  Outcome outcome = Outcome::unknown;
  Answer answer;      // where it was applied
  std::string error;  // as sent, where there was one
  std::optional<After> after;
  std::uint64_t line = 0;
};
/// For a person: who, what, answered how, when, and in which line.
std::string to_text(const Operation& operation);

struct Fault {
  std::string what;
  Time start = 0;
  std::optional<Time> end;  // none: until the end of the history
  bool outage = false;      // nothing can be expected to work
};

/// What one node answered when all was over.
struct Final {
  std::string node;
  std::map<std::string, Answer> values;
  std::uint64_t line = 0;
};

struct History {
  std::vector<Operation> operations;
  std::map<std::string, Answer> initial;
  std::vector<Final> finals;
  std::vector<Fault> faults;
  std::set<std::string, std::less<>> eventual;  // keyspaces; others are strong
};

/// What an error leaves open: docs/errors.md, only UNKNOWN whether it was applied.
Outcome outcome_of(std::string_view error);

/// What stands before the key's first ':', else "default".
std::string_view keyspace_of(std::string_view key);

/// Adds what a file in the format of docs/history.md says. An error names the
/// line; the history is then not to be used. Pure: it is given the text whole.
Status read_history(std::string_view text, History& history);

// A line is a client's operation: what Holdfast itself would take, and no more.
inline constexpr std::size_t history_line_bytes_max = std::size_t{16} << 20;
inline constexpr int history_answer_depth_max = 4;  // EXEC of MGET is two
// So that differences of times never overflow.
inline constexpr Time history_time_max = Time{1} << 62;

}  // namespace holdfast::verify
