// SPDX-License-Identifier: Apache-2.0
#include "verify/shrink_eventual.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "verify/delta_debugging.h"
#include "verify/eventual.h"
#include "verify/narrow.h"

namespace holdfast::verify {
namespace {

bool is_read(const Operation& one) {
  const std::string& name = one.commands.front()[0];
  return !one.multi && (name == "GET" || name == "SMEMBERS" || name == "SISMEMBER");
}

bool shows(const History& history, const std::string& check) {
  const auto checked = check_eventual(history, history.operations);
  return checked && std::ranges::any_of(checked->violations,
                                        [&](const auto& found) { return found.check == check; });
}

History with(const History& of, std::vector<Operation> operations) {
  return {.operations = std::move(operations),
          .initial = of.initial,
          .finals = of.finals,
          .faults = {},
          .eventual = of.eventual};
}

/// What was done to one key, tries apart.
History of_key(const History& history, const std::string& key) {
  History part{.eventual = history.eventual};
  for (const Operation& one : history.operations) {
    if (auto rest = narrow(one, Keys{key})) part.operations.push_back(*std::move(rest));
  }
  if (const auto at = history.initial.find(key); at != history.initial.end())
    part.initial.insert(*at);
  for (const Final& final : history.finals) {
    if (const auto at = final.values.find(key); at != final.values.end())
      part.finals.push_back({final.node, {*at}, final.line});
  }
  return part;
}

/// One read of these that is wrong by itself, with all writes.
std::optional<History> with_one_read(const History& part, const std::string& check) {
  std::vector<Operation> writes;
  std::ranges::copy_if(part.operations, std::back_inserter(writes),
                       [](const Operation& one) { return !is_read(one); });
  History alone = with(part, writes);
  alone.finals.clear();
  for (const Operation& one : part.operations) {
    if (!is_read(one)) continue;
    alone.operations.push_back(one);
    if (shows(alone, check)) return alone;
    alone.operations.pop_back();
  }
  for (const Final& final : part.finals) {
    alone.finals = {final};
    if (shows(alone, check)) return alone;
  }
  return std::nullopt;
}

/// A read of a set as one of a member.
void ask_for(const std::string& member, Answer& answer, Command* command) {
  const bool there =
      std::ranges::any_of(answer.items, [&](const Answer& item) { return item.text == member; });
  if (command != nullptr) {
    *command = {"SISMEMBER", (*command)[1], member};
    answer = Answer::of(there ? 1 : 0);
    return;
  }
  answer.items.clear();
  if (there) answer.items.push_back(Answer::of(member));
}

History of_member(const History& part, const std::string& member) {
  History narrowed = with(part, {});
  for (Operation one : part.operations) {
    if (is_read(one)) {
      if (one.commands[0][0] == "SMEMBERS") ask_for(member, one.answer, &one.commands[0]);
    } else if (std::ranges::none_of(one.commands, [&](const Command& command) {
                 return command.size() > 2 && command[2] == member;
               })) {
      continue;
    }
    narrowed.operations.push_back(std::move(one));
  }
  for (Final& final : narrowed.finals) {
    for (auto& [key, value] : final.values) {
      if (value.kind == Answer::Kind::array) ask_for(member, value, nullptr);
    }
  }
  return narrowed;
}

/// The member of which the read is wrong; the history itself where it is no set.
History of_one_member(const History& part, const std::string& check) {
  std::set<std::string> members;
  for (const Operation& one : part.operations) {
    for (const Command& command : one.commands) {
      if (command[0] == "SADD" || command[0] == "SREM") members.insert(command[2]);
    }
    for (const Answer& item : one.answer.items) members.insert(item.text);
  }
  for (const std::string& member : members) {
    History narrowed = of_member(part, member);
    if (shows(narrowed, check)) return narrowed;
  }
  return part;
}

/// Whether the read shows something that a write of this kind made, or misses what one did.
bool is_needed(const Operation& write, const History& part) {
  const Operation* const read = part.operations.empty() || !is_read(part.operations.back())
                                    ? nullptr
                                    : &part.operations.back();
  const Answer& answer =
      read != nullptr ? read->answer : part.finals.front().values.begin()->second;
  const bool absent = answer.kind == Answer::Kind::nil || answer == Answer::of(0) ||
                      (answer.kind == Answer::Kind::array && answer.items.empty());
  return std::ranges::any_of(write.commands, [&](const Command& command) {
    const std::string& name = command[0];
    if (name == "DEL" || name == "SREM") return absent;
    if (name == "SADD") return !absent;
    if (name == "SET") return !absent && answer == Answer::of(command[2]);
    return true;  // of a counter
  });
}

History without_writes(const History& part, const std::string& check) {
  History left = part;
  // All tries of an operation together.
  const auto groups = [&left] {
    std::map<std::string, std::vector<std::size_t>> by_id;
    for (std::size_t i = 0; i < left.operations.size(); ++i) {
      const Operation& one = left.operations[i];
      if (is_read(one) || is_needed(one, left)) continue;
      by_id[one.id.empty() ? "#" + std::to_string(i) : "i" + one.id].push_back(i);
    }
    std::vector<std::vector<std::size_t>> all;
    all.reserve(by_id.size());
    for (auto& [id, indices] : by_id) all.push_back(std::move(indices));
    return all;
  };
  const Attempt attempt = [&](const std::vector<bool>& unwanted) -> std::optional<std::size_t> {
    const auto all = groups();
    std::vector<bool> gone(left.operations.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
      for (const std::size_t at : all[i]) gone[at] = unwanted[i];
    }
    std::vector<Operation> rest;
    for (std::size_t i = 0; i < gone.size(); ++i) {
      if (!gone[i]) rest.push_back(left.operations[i]);
    }
    History smaller = with(left, std::move(rest));
    if (!shows(smaller, check)) return std::nullopt;
    left = std::move(smaller);
    return groups().size();
  };
  // It may need none of them; which minimize() does not try.
  const std::size_t things = groups().size();
  if (!attempt(std::vector<bool>(things, true))) minimize(things, attempt);
  return left;
}

}  // namespace

std::optional<History> shrink_eventual(const History& history, const std::string& check) {
  std::set<std::string> keys;
  for (const Operation& one : history.operations) {
    for (const Command& command : one.commands) keys.insert(command[1]);
  }
  for (const Final& final : history.finals) {
    for (const auto& [key, value] : final.values) keys.insert(key);
  }
  for (const std::string& key : keys) {
    if (!is_eventual(history, key)) continue;
    const auto alone = with_one_read(of_key(history, key), check);
    if (alone) return without_writes(of_one_member(*alone, check), check);
  }
  return std::nullopt;
}

}  // namespace holdfast::verify
