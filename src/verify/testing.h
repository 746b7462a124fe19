// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <initializer_list>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "verify/commands.h"
#include "verify/history.h"

/// For tests: histories written as a story, and a second, slow opinion.
namespace holdfast::verify::testing {

inline Command words(const std::string& text) {
  Command command;
  std::string word;
  for (const char c : text + " ") {
    if (c != ' ') {
      word += c;
    } else if (!word.empty()) {
      command.push_back(std::exchange(word, {}));
    }
  }
  return command;
}

inline Answer array_of(std::vector<Answer> items) {
  return {Answer::Kind::array, 0, {}, std::move(items)};
}

/// op(1, 5, "GET x", Answer::of("7")): from 1 to 5.
inline Operation op(Time start, Time end, const std::string& command, Answer answer) {
  Operation one{.client = "c", .commands = {words(command)}, .start = start, .end = end};
  one.outcome = Outcome::applied;
  one.answer = std::move(answer);
  return one;
}

inline Operation multi(Time start, Time end, const std::vector<std::string>& commands,
                       std::vector<Answer> answers) {
  Operation one{.client = "c", .multi = true, .start = start, .end = end};
  for (const std::string& command : commands) one.commands.push_back(words(command));
  one.outcome = Outcome::applied;
  one.answer = array_of(std::move(answers));
  return one;
}

inline Operation unknown(Time start, const std::string& command) {
  return {.client = "c", .commands = {words(command)}, .start = start};
}

inline Operation unknown_multi(Time start, const std::vector<std::string>& commands) {
  Operation one{.client = "c", .multi = true, .start = start};
  for (const std::string& command : commands) one.commands.push_back(words(command));
  return one;
}

inline Operation with_id(std::string id, Operation one) {
  one.id = std::move(id);
  return one;
}

/// Redis, as far as the checker goes; independent of how the checker reads
/// answers.
class PlainRedis {
 public:
  PlainRedis() = default;
  explicit PlainRedis(const std::map<std::string, Answer>& initial) {
    for (const auto& [key, value] : initial) {
      if (value.kind == Answer::Kind::integer) keys_[key] = std::to_string(value.integer);
      if (value.kind == Answer::Kind::text) keys_[key] = value.text;
    }
  }

  Answer run(const Operation& one) {
    if (!one.multi) return run(one.commands[0]);
    std::vector<Answer> answers;
    for (const Command& command : one.commands) answers.push_back(run(command));
    return array_of(std::move(answers));
  }
  friend bool operator<(const PlainRedis& a, const PlainRedis& b) { return a.keys_ < b.keys_; }

 private:
  Answer get(const std::string& key) const {
    const auto at = keys_.find(key);
    return at == keys_.end() ? Answer{} : Answer::of(at->second);
  }

  Answer run(const Command& command) {
    const std::string& name = command[0];
    const std::string& key = command[1];
    Answer old = get(key);
    const bool there = keys_.contains(key);
    if (name == "GET") return old;
    if (name == "EXISTS") return Answer::of(there ? 1 : 0);
    if (name == "MGET") {
      std::vector<Answer> all;
      for (std::size_t i = 1; i < command.size(); ++i) all.push_back(get(command[i]));
      return array_of(std::move(all));
    }
    if (name == "MSET") {
      for (std::size_t i = 1; i + 1 < command.size(); i += 2) keys_[command[i]] = command[i + 1];
      return Answer::of("OK");
    }
    if (name == "DEL") return Answer::of(static_cast<std::int64_t>(keys_.erase(key)));
    if (name == "GETDEL") {
      keys_.erase(key);
      return old;
    }
    if (name == "SETNX") {
      if (!there) keys_[key] = command[2];
      return Answer::of(there ? 0 : 1);
    }
    if (name == "GETSET") {
      keys_[key] = command[2];
      return old;
    }
    if (name == "SET") {
      const auto has = [&command](const char* option) {
        return std::find(command.begin() + 3, command.end(), option) != command.end();
      };
      const bool refused = (has("NX") && there) || (has("XX") && !there);
      if (!refused) keys_[key] = command[2];
      if (has("GET")) return old;
      return refused ? Answer{} : Answer::of("OK");
    }
    const std::int64_t delta = *increment_of(command);
    const auto number = there ? integer_of(keys_[key]) : 0;
    if (!number) return {Answer::Kind::error, 0, "ERR value is not an integer", {}};
    keys_[key] = std::to_string(*number + delta);
    return Answer::of(*number + delta);
  }

  std::map<std::string, std::string> keys_;
};

/// Tries every order. For a dozen operations.
class BruteForce {
 public:
  explicit BruteForce(std::vector<Operation> operations,
                      const std::map<std::string, Answer>& initial = {})
      : operations_(std::move(operations)), initial_(initial) {}

  bool linearizable() { return place(0, initial_); }

 private:
  bool place(unsigned placed, const PlainRedis& state) {
    if (!seen_.emplace(placed, state).second) return false;
    Time due = history_time_max;
    for (std::size_t i = 0; i < operations_.size(); ++i) {
      const Operation& one = operations_[i];
      if ((placed & (1U << i)) == 0 && one.outcome == Outcome::applied) {
        due = std::min(due, *one.end);
      }
    }
    if (due == history_time_max) return true;
    for (std::size_t i = 0; i < operations_.size(); ++i) {
      const Operation& one = operations_[i];
      if ((placed & (1U << i)) != 0 || one.start > due) continue;
      PlainRedis next = state;
      const Answer answer = next.run(one);
      if (one.outcome == Outcome::applied && !(answer == one.answer)) continue;
      if (place(placed | (1U << i), next)) return true;
    }
    return false;
  }

  std::vector<Operation> operations_;
  PlainRedis initial_;
  std::set<std::pair<unsigned, PlainRedis>> seen_;
};

}  // namespace holdfast::verify::testing
