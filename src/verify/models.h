// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "verify/history.h"

namespace holdfast::verify {

/// What a key holds. A text that Redis reads as an integer is one, so that SET
/// and INCRBY speak of the same values.
struct Value {
  enum class Kind : std::uint8_t { absent, integer, text };
  Kind kind = Kind::absent;
  std::int64_t number = 0;  // of a text: its number among the texts
  friend bool operator==(const Value&, const Value&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Value& v) {
    return H::combine(std::move(h), v.kind, v.number);
  }
};

/// One key's one value, numbered within its component, so that the search
/// compares and counts by number. Values that no operation names and that only
/// unknown increments make have none.
using Cell = std::uint32_t;
inline constexpr Cell no_cell = UINT32_MAX;

/// What one command means to one key. Where the reply is known, most commands
/// come to "needs this value, puts that one": an INCRBY by 2 that answered 7
/// needs 5 and puts 7.
struct Step {
  enum class Needs : std::uint8_t {
    nothing,
    cell,  // exactly that value, or absence
    zero,  // the integer 0, or absent: an increment reads both as 0
    present,
    never,  // no value explains the reply
  };
  enum class Does : std::uint8_t { nothing, put, add, put_if_absent, put_if_present };
  std::uint32_t key = 0;
  Needs needs = Needs::nothing;
  Does does = Does::nothing;
  Cell needed = no_cell;
  Cell made = no_cell;
  std::int64_t delta = 0;
  friend bool operator==(const Step&, const Step&) = default;
};

/// Operations that share keys, directly or through others. Components are
/// checked apart: linearizability is local (Herlihy and Wing).
struct Component {
  struct Op {
    std::uint32_t operation = 0;  // in the merged operations
    std::uint32_t first_step = 0;
    std::uint32_t steps = 0;
    Time start = 0;
    Time end = 0;  // where it is not unknown
    bool unknown = false;
  };
  std::vector<std::string> keys;
  std::vector<Op> ops;  // in the order of `start`
  std::vector<Step> steps;
  std::vector<Value> cells;   // what each cell's value is
  std::vector<Cell> absent;   // of each key
  std::vector<Cell> zero;     // of each key; no_cell if none names it
  std::vector<Cell> initial;  // of each key
  absl::flat_hash_map<std::pair<std::uint32_t, Value>, Cell> numbers;
  std::shared_ptr<const std::vector<std::string>> texts;  // of all components together

  std::span<const Step> steps_of(const Op& op) const {
    return std::span(steps).subspan(op.first_step, op.steps);
  }
  std::string to_text(Value value) const;
};

enum class Model : std::uint8_t { any, registers, counters, transfers };
std::optional<Model> model_named(std::string_view name);

/// Translates merged operations, `initial` values and final reads. Operations
/// that say nothing (reads of unknown outcome) are left out. An error, of the
/// history: a command that is not known, has wrong arguments or an impossible
/// form of reply, or is not of the model asked for; it names the line.
Result<std::vector<Component>> compile(std::span<const Operation> operations,
                                       const std::map<std::string, Answer>& initial,
                                       Model model = Model::any);

/// The final reads as operations after all others.
std::vector<Operation> final_reads(const History& history, std::span<const Operation> operations);

}  // namespace holdfast::verify
