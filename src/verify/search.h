// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/flat_hash_set.h>

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "verify/linearizable.h"
#include "verify/models.h"

namespace holdfast::verify {

/// One component's search for an order. What keeps it small, beside the memory
/// of configurations, are choices that cannot lose an order that exists:
///
/// - A read that fits the state is placed at once, without an alternative: an
///   order that has it later has it here too.
/// - So is one that needs the exact values it changes, while nothing else that
///   could come before it needs them or changes them without looking.
/// - A state that someone must still see, and nobody can bring back, is not
///   left. Where values are unique this alone decides most choices.
/// - Values nobody will see any more are one value, and further writes of such
///   are placed at once over one.
/// - An operation of unknown outcome is placed only where the next known one
///   depends on it: it has no deadline, so it can wait. Equal ones are used in
///   the order they began; increments that stand together in one order of them.
/// - A counter that only grows is not moved past what someone must still see.
class Search {
 public:
  explicit Search(const Component& component);

  struct Bounds {
    std::uint64_t steps = UINT64_MAX;  // stop once all runs together took so many
    std::uint32_t kinds_in_row = 0;    // of unknown operations, before a known one
    // Places operations that need exact values at once though unknown ones might
    // change these and back: nearly always right, and then much shorter.
    bool hasty = false;
  };
  /// From the beginning again. Undecided: out of steps.
  Verdict run(const Bounds& bounds);

  /// Whether the last run passed by orders because of its bounds.
  bool was_cut() const { return cut_; }
  /// Of all runs.
  std::uint64_t steps() const { return steps_before_ + steps_; }
  /// Tells of the furthest order of all runs, none of which was ok. Searches
  /// its way there again, so that searching need not take notes.
  Failure explain();

 private:
  using Hash = std::pair<std::uint64_t, std::uint64_t>;
  static constexpr std::uint32_t none = UINT32_MAX;

  /// A known operation's call or return in the list, in the order of time.
  struct Event {
    std::uint32_t op = none;  // in component_.ops
    std::uint32_t previous = 0;
    std::uint32_t next = 0;
    std::uint32_t other = 0;  // of a call: its return
    bool is_return = false;
    std::int64_t needed_later = INT64_MAX;  // least number that calls behind this event need
  };
  /// Operations of unknown outcome that do the same.
  struct Class {
    std::vector<std::uint32_t> ops;  // in the order of their starts
    std::uint32_t used = 0;
    bool only_adds = false;
  };
  struct Frame {
    std::uint32_t placed = none;  // a call event, or a class
    bool unknown = false;
    bool forced = false;           // no alternatives
    std::uint32_t trail_size = 0;  // before it
    std::uint32_t row = 0;         // unknown operations placed last, with this one
    std::uint32_t kinds = 0;       // different ones among them
  };
  struct Change {
    std::uint32_t key;
    Cell cell;
    Value value;
  };
  struct Cursor {
    std::uint32_t event = none;  // the next call to try
    std::uint32_t next_class = 0;
  };

  void build_events();
  void build_classes();
  void count_cells();
  void find_shape();
  void reset();

  bool advance(Cursor& cursor, const Bounds& bounds);
  bool try_known(std::uint32_t event);
  bool try_class(std::uint32_t number, Time due, const Bounds& bounds);
  bool forced(std::uint32_t index, const Bounds& bounds);
  bool nothing_comes_before(std::uint32_t index, const Bounds& bounds);
  void settle(const Bounds& bounds);
  bool back(Cursor& cursor);
  void undo(const Frame& frame);

  std::uint32_t first_event() const { return events_[0].next; }
  std::uint32_t first_return() const;
  bool fits(const Step& step) const;
  bool fits(const Component::Op& op);
  bool apply(const Component::Op& op);
  bool apply(const Step& step);
  void assign(std::uint32_t key, Cell cell, Value value);
  void unwind(std::uint32_t trail_size);
  void count(const Component::Op& op, int by);
  void lift(std::uint32_t event);
  void unlift(std::uint32_t event);
  void toggle(std::uint32_t op);

  bool dead(std::uint32_t trail_size) const;
  bool past_a_need() const;
  bool forced_write(const Component::Op& op) const;
  bool row_is_needed(std::span<const Step> by) const;
  const Class& class_before(std::uint32_t back) const;
  Hash configuration() const;
  void note_dead_end(const Bounds& bounds);
  std::vector<std::uint32_t> last_placed() const;
  Failure::Blocked why_not(std::uint32_t index);
  std::optional<std::uint32_t> still_needing(std::uint32_t key, Cell cell,
                                             std::int64_t below) const;

  const Component& component_;
  std::vector<Event> events_;  // 0 is the list's head and end
  std::vector<Class> classes_;
  std::vector<bool> only_reads_;    // by op
  std::vector<bool> exact_;         // by op: changes only keys that it needs exact values of
  std::vector<Time> unknown_from_;  // by key: when the first operation of unknown outcome began
  bool plain_ = false;              // one key, only puts and looks at exact values
  bool growing_ = false;            // one key, a counter that never falls

  std::vector<Cell> cells_;                // the state: by key
  std::vector<Value> values_;              // the same as values, also where no cell is
  std::vector<std::uint32_t> observers_;   // by cell: unplaced known operations that need it
  std::vector<std::uint32_t> writers_;     // by cell: unplaced operations that may make it
  std::vector<std::uint32_t> wild_;        // by key: unplaced operations that may make anything
  std::vector<std::uint32_t> unknown_on_;  // by key: unplaced operations of unknown outcome
  std::vector<Change> trail_;
  std::vector<Frame> frames_;
  Hash placed_hash_;
  Hash state_hash_;
  absl::flat_hash_set<Hash> seen_;
  std::uint64_t placed_ = 0;        // known operations
  std::uint64_t steps_ = 0;         // of this run
  std::uint64_t steps_before_ = 0;  // of the runs before it
  bool cut_ = false;

  struct DeadEnd {
    std::uint64_t placed = 0;
    std::uint64_t steps = UINT64_MAX;  // of its run
    Bounds run;                        // which run
  };
  std::optional<DeadEnd> furthest_;
  bool explaining_ = false;
};

}  // namespace holdfast::verify
