// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <random>
#include <utility>
#include <vector>

#include "base/units.h"

namespace holdfast::sim {

/// Chance, all of it from the seed.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t number() { return engine_(); }
  /// From 0 to n - 1. (The standard's distributions are each library's own.)
  std::uint64_t below(std::uint64_t n) { return engine_() % n; }
  std::uint64_t between(std::uint64_t least, std::uint64_t most) {
    return least + below(most - least + 1);
  }
  bool percent(std::uint64_t n) { return below(100) < n; }
  Millis millis(std::uint64_t least, std::uint64_t most) {
    return Millis(static_cast<Millis::rep>(between(least, most)));
  }

 private:
  std::mt19937_64 engine_;
};

/// What is to happen, and when: the simulated world's only clock. What is due at
/// the same time happens in the order in which it was put here.
class Agenda {
 public:
  Monotonic now() const { return now_; }
  void at(Monotonic time, std::function<void()> run) {
    events_.push({std::max(time, now_), ++last_, std::move(run)});
  }
  void after(Millis time, std::function<void()> run) { at(now_ + time, std::move(run)); }

  /// When the next is due; never: nothing is.
  Monotonic next() const { return events_.empty() ? Monotonic::max() : events_.top().at; }
  /// Lets time pass, during which nothing is due here.
  void pass(Monotonic until) { now_ = std::max(now_, until); }
  void run_next() {
    // What runs may add others.
    const std::function<void()> run = std::move(const_cast<Event&>(events_.top()).run);
    now_ = events_.top().at;
    events_.pop();
    ++ran_;
    run();
  }
  /// The time, in nanoseconds, that what runs now has for itself: later than that of
  /// whatever ran before it.
  std::int64_t stamp() {
    if (stamped_ != now_) {
      stamped_ = now_;
      ran_at_stamp_ = ran_;
    }
    return now_.time_since_epoch().count() + static_cast<std::int64_t>(ran_ - ran_at_stamp_);
  }
  std::uint64_t ran() const { return ran_; }

 private:
  struct Event {
    Monotonic at;
    std::uint64_t number;
    std::function<void()> run;
    bool operator>(const Event& other) const {
      return at != other.at ? at > other.at : number > other.number;
    }
  };
  Monotonic now_{std::chrono::hours(1)};
  std::uint64_t last_ = 0;
  std::uint64_t ran_ = 0;
  std::uint64_t ran_at_stamp_ = 0;
  Monotonic stamped_{};
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
};

}  // namespace holdfast::sim
