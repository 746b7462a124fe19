// SPDX-License-Identifier: Apache-2.0
#include "verify/narrow.h"

#include <absl/strings/match.h>

#include "verify/commands.h"

namespace holdfast::verify {
namespace {

/// How many words a key takes in a command of many keys; 0 for the others.
std::size_t words_a_key(const Command& command) {
  if (absl::EqualsIgnoreCase(command[0], "MGET")) return 1;
  return absl::EqualsIgnoreCase(command[0], "MSET") ? 2 : 0;
}

/// Takes other keys out of the command, and of its answer where there is one.
/// Whether anything is left.
bool narrow_command(Command& command, Answer* answer, const Keys& keys) {
  const std::size_t width = words_a_key(command);
  if (width == 0) return command.size() > 1 && keys.contains(command[1]);
  Command rest{command[0]};
  std::vector<Answer> items;
  const bool each_answered = answer != nullptr && width == 1 &&
                             answer->kind == Answer::Kind::array &&
                             answer->items.size() == command.size() - 1;
  for (std::size_t i = 1; i + width <= command.size(); i += width) {
    if (!keys.contains(command[i])) continue;
    for (std::size_t word = i; word < i + width; ++word) rest.push_back(command[word]);
    if (each_answered) items.push_back(answer->items[i - 1]);
  }
  if (each_answered) answer->items = std::move(items);
  command = std::move(rest);
  return command.size() > 1;
}

/// Keeps the commands of a transaction, with their replies, that `keep` likes
/// (and may change).
template <typename Keep>
std::optional<Operation> filter(const Operation& one, Keep keep) {
  Operation rest = one;
  rest.commands.clear();
  const bool answered = one.outcome == Outcome::applied && one.multi;
  if (answered) rest.answer.items.clear();
  for (std::size_t i = 0; i < one.commands.size(); ++i) {
    Command command = one.commands[i];
    Answer answer = !answered                     ? one.answer
                    : i < one.answer.items.size() ? one.answer.items[i]
                                                  : Answer{};
    if (!keep(command, one.outcome == Outcome::applied ? &answer : nullptr)) continue;
    rest.commands.push_back(std::move(command));
    if (answered) {
      rest.answer.items.push_back(std::move(answer));
    } else {
      rest.answer = answer;  // the only command's, or nobody's
    }
  }
  if (rest.commands.empty()) return std::nullopt;
  // An id belongs to the keyspace of the first key; in another it could be
  // taken for that of another operation.
  const auto keyspace = [](const Operation& operation) {
    const Command& first = operation.commands.front();
    return keyspace_of(first.size() > 1 ? std::string_view(first[1]) : "");
  };
  if (keyspace(rest) != keyspace(one)) rest.id.clear();
  return rest;
}

}  // namespace

std::optional<Operation> narrow(const Operation& one, const Keys& keys) {
  return filter(one, [&keys](Command& command, Answer* answer) {
    return narrow_command(command, answer, keys);
  });
}

std::optional<Operation> without_errors(const Operation& one) {
  return filter(one, [](Command&, const Answer* answer) {
    return answer == nullptr || answer->kind != Answer::Kind::error;
  });
}

std::optional<Operation> without_reads(const Operation& one) {
  return filter(one, [](const Command& command, const Answer*) { return !is_read(command); });
}

Operation unanswered(Operation one) {
  one.outcome = Outcome::unknown;
  one.end.reset();
  one.answer = {};
  return one;
}

}  // namespace holdfast::verify
