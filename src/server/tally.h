// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/units.h"
#include "command/row.h"

namespace holdfast::server {

/// What sessions count of the commands that they run, for INFO: how often each was called and
/// refused, and which errors were answered. Costs no clock. One thread.
class Tally {
 public:
  struct Calls {
    std::uint64_t calls = 0;
    std::uint64_t refused = 0;  // before anything was done
    std::uint64_t failed = 0;   // answered an error at once; those from the log are not among them
  };

  void called(const Row& row) {
    if (&row != last_) {  // most come in runs
      last_ = &row;
      of_last_ = &calls_[&row];
    }
    ++of_last_->calls;
  }
  void refused(const Row& row) { ++calls_[&row].refused; }
  void failed(const Row& row) { ++calls_[&row].failed; }
  /// An error went out: "-CODE …" in its canonical form.
  void answered_error(std::string_view canonical) {
    const std::string_view text = canonical.substr(1, canonical.find_first_of(" \r") - 1);
    const auto it = errors_.find(text);
    if (it != errors_.end()) {
      ++it->second;
    } else if (errors_.size() < kinds_max) {
      errors_.emplace(text, 1);  // a function's errors have codes of its own
    }
    ++errors_answered_;
  }
  /// `commands`: how many the server has run until now.
  void reset(std::uint64_t commands) {
    *this = Tally();
    commands_before_ = commands;
  }
  /// How many had been run when it was reset last.
  std::uint64_t commands_before() const { return commands_before_; }

  const std::unordered_map<const Row*, Calls>& calls() const { return calls_; }
  /// By their code.
  const std::map<std::string, std::uint64_t, std::less<>>& errors() const { return errors_; }
  std::uint64_t errors_answered() const { return errors_answered_; }

 private:
  static constexpr std::size_t kinds_max = 128;  // as Redis
  std::unordered_map<const Row*, Calls> calls_;
  const Row* last_ = nullptr;
  Calls* of_last_ = nullptr;
  std::map<std::string, std::uint64_t, std::less<>> errors_;
  std::uint64_t errors_answered_ = 0;
  std::uint64_t commands_before_ = 0;
};

/// CLIENT PAUSE: until when whose commands wait.
struct Pause {
  Monotonic until;     // in the past: nobody's
  bool reads = false;  // those, too
};

}  // namespace holdfast::server
