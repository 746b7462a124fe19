// SPDX-License-Identifier: Apache-2.0
#include "verify/eventual.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "verify/commands.h"
#include "verify/eventual_writes.h"
#include "verify/wide.h"

namespace holdfast::verify {
namespace {

using WriteKind = EventualWrite::Kind;
using ReadKind = EventualRead::Kind;

/// What increments add up to until a time, each sign for itself.
class Sums {
 public:
  void add(Time time, std::int64_t delta) { steps_.push_back({time, delta, 0}); }
  void seal() {
    std::stable_sort(steps_.begin(), steps_.end(),
                     [](const Step& a, const Step& b) { return a.time < b.time; });
    Wide up = 0, down = 0;
    for (Step& step : steps_) {
      (step.up > 0 ? up : down) += step.up;
      step.up = up;
      step.down = down;
    }
  }
  Wide up_before(Time time) const { return before(time).up; }
  Wide down_before(Time time) const { return before(time).down; }

 private:
  struct Step {
    Time time = 0;
    Wide up = 0;  // the delta, until sealed
    Wide down = 0;
  };
  Step before(Time time) const {
    const auto at = std::lower_bound(steps_.begin(), steps_.end(), time,
                                     [](const Step& step, Time t) { return step.time < t; });
    return at == steps_.begin() ? Step{} : *std::prev(at);
  }
  std::vector<Step> steps_;
};

class KeyCheck {
 public:
  KeyCheck(std::string_view name, const EventualKey& key, const Answer& initial,
           EventualChecked& out)
      : name_(name), key_(key), initial_(initial), out_(out) {}

  void run() {
    if (key_.type == EventualKey::Type::counter) return counter();
    for (const EventualRead& read : key_.reads) {
      if (key_.type == EventualKey::Type::set) {
        members(read);
      } else {
        text(read);
      }
    }
  }

 private:
  void found(const EventualRead& read, bool unwritten, const std::string& what) {
    const char* const check = unwritten ? "unwritten" : read.final ? "lost" : "causal";
    out_.violations.push_back(
        {check, fmt::format("{}: {} shows {}\n    {}", name_, read.node, to_text(read.answer),
                            what + "\n    " + read.named)});
  }

  // -- Counters: no less than what had to show, no more than what was begun

  void counter() {
    Sums begun;
    std::map<std::string_view, Sums> acknowledged;
    for (const EventualWrite& write : key_.writes) {
      begun.add(write.first_start, write.delta);
      for (const auto& [node, time] : write.acknowledged) acknowledged[node].add(time, write.delta);
    }
    begun.seal();
    for (auto& [node, sums] : acknowledged) sums.seal();
    const std::int64_t base = counted(initial_).value_or(0);
    for (const EventualRead& read : key_.reads) {
      if (read.final) continue;  // totals.h compares those
      const auto value = counted(read.answer);
      if (!value) {
        found(read, true, "which is no sum of increments.");
        continue;
      }
      // Two nodes may know the same increments, so the greater of the two is all that is certain.
      Wide up = 0, down = 0;
      const auto take = [&](std::string_view node, Time time) {
        const auto at = acknowledged.find(node);
        if (at == acknowledged.end()) return;
        up = std::max(up, at->second.up_before(time));
        down = std::min(down, at->second.down_before(time));
      };
      take(read.node, read.start);
      if (read.after) take(read.after->node, read.after->start);
      const Wide least = base + up + begun.down_before(read.end);
      const Wide greatest = base + down + begun.up_before(read.end);
      if (*value < least)
        found(read, false, fmt::format("and had to show at least {}.", std::int64_t(least)));
      if (*value > greatest)
        found(read, true,
              fmt::format("and nobody had asked for more than {}.", std::int64_t(greatest)));
    }
  }

  // -- Texts and members: what shows is uncovered, what does not is covered

  /// A write that made what shows, and that nothing had to have removed.
  void must_be_written(const EventualRead& read, WriteKind made_by, std::string_view value) {
    const EventualWrite* covered_by = nullptr;
    bool begun = false;
    for (const EventualWrite& write : key_.writes) {
      if (write.kind != made_by || write.value != value || !read.may_show(write)) continue;
      begun = true;
      covered_by = remover_that_saw(write, read);
      if (covered_by == nullptr) return;
    }
    if (!begun) return found(read, true, fmt::format("but nobody had begun to write {}.", value));
    found(read, false, fmt::format("where {} had to be gone by\n    {}", value, covered_by->named));
  }

  /// One that the read had to show and that had certainly seen `write`.
  const EventualWrite* remover_that_saw(const EventualWrite& write, const EventualRead& read) {
    for (const EventualWrite& other : key_.writes) {
      if (&other != &write && removes(other, write) && read.must_show(other) && other.saw(write))
        return &other;
    }
    return nullptr;
  }

  /// Nothing that had to show, but for what a removal may have taken.
  void must_not_be_missing(const EventualRead& read, WriteKind made_by,
                           std::optional<std::string_view> value) {
    for (const EventualWrite& write : key_.writes) {
      if (write.kind != made_by || (value && write.value != *value)) continue;
      if (!read.must_show(write)) continue;
      const bool may_be_gone =
          std::any_of(key_.writes.begin(), key_.writes.end(), [&](const EventualWrite& other) {
            return other.kind != made_by && removes(other, write) && read.may_show(other) &&
                   !write.saw(other);
          });
      if (!may_be_gone)
        return found(read, false, fmt::format("and had to show\n    {}", write.named));
    }
  }

  static bool removes(const EventualWrite& remover, const EventualWrite& other) {
    if (remover.kind == WriteKind::put || remover.kind == WriteKind::erase) return true;
    return remover.kind == WriteKind::remove && remover.value == other.value;
  }

  void text(const EventualRead& read) {
    if (read.answer.kind == Answer::Kind::nil) {
      if (initial_.kind == Answer::Kind::nil)
        must_not_be_missing(read, WriteKind::put, std::nullopt);
      return;
    }
    const std::string value = read.answer.kind == Answer::Kind::integer
                                  ? std::to_string(read.answer.integer)
                                  : read.answer.text;
    if (initial_.kind == Answer::Kind::nil || initial_.text != value)
      return must_be_written(read, WriteKind::put, value);
    // Every write saw what was there before.
    for (const EventualWrite& write : key_.writes) {
      if (read.must_show(write))
        return found(read, false, fmt::format("from before\n    {}", write.named));
    }
  }

  void members(const EventualRead& read) {
    std::set<std::string_view> all, shown;
    for (const EventualWrite& write : key_.writes) all.insert(write.value);
    if (read.kind == ReadKind::member) {
      all = {read.member};
      if (read.answer == Answer::of(1)) shown = {read.member};
    }
    for (const Answer& member : read.answer.items) shown.insert(member.text);
    for (const std::string_view member : shown) must_be_written(read, WriteKind::add, member);
    for (const std::string_view member : all) {
      if (!shown.contains(member)) must_not_be_missing(read, WriteKind::add, member);
    }
  }

  std::string_view name_;
  const EventualKey& key_;
  const Answer& initial_;
  EventualChecked& out_;
};

}  // namespace

bool is_eventual(const History& history, std::string_view key) {
  return history.eventual.contains(keyspace_of(key));
}

Result<std::vector<Operation>> take_eventual(History& history) {
  std::vector<Operation> eventual, strong;
  for (Operation& one : history.operations) {
    std::size_t keys = 0;
    for (const Command& command : one.commands)
      keys += command.size() > 1 && is_eventual(history, command[1]) ? 1 : 0;
    if (keys != 0 && keys != one.commands.size()) {
      return fail(Code::corrupt,
                  fmt::format("line {}: keys of both guarantees in one operation", one.line));
    }
    (keys == 0 ? strong : eventual).push_back(std::move(one));
  }
  history.operations = std::move(strong);
  return eventual;
}

Result<EventualChecked> check_eventual(const History& history, std::span<const Operation> tries) {
  const auto keys = eventual_keys(history, tries);
  if (!keys) return tl::unexpected(keys.error());
  EventualChecked out{.operations = keys->operations, .unknown = keys->unknown};
  // In the order of their names, so that a verdict reads the same each time.
  std::map<std::string_view, const EventualKey*> sorted;
  for (const auto& [name, key] : keys->keys) sorted.emplace(name, &key);
  for (const auto& [name, key] : sorted) {
    ++out.keys;
    out.reads += key->reads.size();
    const auto initial = history.initial.find(std::string(name));
    KeyCheck(name, *key, initial == history.initial.end() ? Answer{} : initial->second, out).run();
  }
  return out;
}

}  // namespace holdfast::verify
