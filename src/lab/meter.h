// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/latencies.h"

namespace holdfast::lab {

/// Since the run began.
using At = std::chrono::microseconds;

/// What a node answered its clients.
struct Counts {
  std::uint64_t accepted = 0;  // writes
  std::uint64_t read = 0;
  std::uint64_t refused = 0;                   // certainly not applied
  std::uint64_t unknown = 0;                   // UNKNOWN, or no answer at all
  std::map<std::string, std::uint64_t> codes;  // of what was refused or unknown
  Latencies latencies;                         // of what was accepted or read
};

/// How many were sent, each once however often it was tried, and what came of them.
struct Tally {
  std::uint64_t sent = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t refused = 0;  // certainly without effect
  std::uint64_t open = 0;     // nobody knows: the rest
  std::uint64_t tries = 0;
};

/// How a node stood, in some span of time.
struct Standing {
  Counts counts;
  std::optional<std::int64_t> value;  // shown last; nothing: it did not answer
  std::uint64_t behind = 0;           // at most: of the effects acknowledged before it was asked
  At behind_for{0};  // at most: since the first beat was acknowledged that it missed
};

/// Counts what clients of each node were told, and compares what each node shows
/// with what had been acknowledged, by any of them, before it was asked. How
/// stale a node is in time is measured by beats: a write of its own for each
/// node, numbered, some times a second. Pure.
class Meter {
 public:
  explicit Meter(std::size_t nodes);

  void accepted(std::size_t node, At now, At took);
  void read(std::size_t node, At took);
  void refused(std::size_t node, std::string_view code);
  void unknown(std::size_t node, std::string_view code);
  /// What was unknown has been answered after all.
  void settled(At now);

  /// A node acknowledged its beat of this number, one more than the last that it acknowledged or
  /// not.
  void beat(std::size_t node, std::uint64_t number, At now);

  /// What a node showed when it was asked after so many had been acknowledged, and which beat of
  /// each node.
  void shows(std::size_t node, At asked, std::uint64_t acknowledged, std::int64_t value,
             const std::vector<std::uint64_t>& beats);
  void is_silent(std::size_t node, At asked, std::uint64_t acknowledged);

  std::uint64_t acknowledged() const { return acknowledged_; }
  At last_acknowledged() const { return last_; }

  /// Of each node, since the last call.
  std::vector<Standing> end_slot() { return end(slots_); }
  std::vector<Standing> end_phase() { return end(phases_); }
  const std::vector<Standing>& phase_so_far() const { return phases_; }

 private:
  struct Beat {
    std::uint64_t number;
    At acknowledged;
  };
  /// What a node showed last, ever.
  struct Seen {
    std::int64_t value = 0;
    std::vector<std::uint64_t> beats;
  };
  void acknowledge(At now);
  void compare(std::size_t node, At asked, std::uint64_t acknowledged);
  std::vector<Standing> end(std::vector<Standing>& standings);
  template <typename Change>
  void both(std::size_t node, Change change) {
    change(slots_[node]);
    change(phases_[node]);
  }

  std::vector<Standing> slots_, phases_;
  std::vector<Seen> seen_;
  std::vector<std::deque<Beat>> beats_;  // by node
  std::uint64_t acknowledged_ = 0;
  At last_{0};
};

}  // namespace holdfast::lab
