// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>

#include "verify/commands.h"
#include "verify/report_tries.h"

namespace holdfast::verify {
namespace {

bool is(std::string_view text, std::string_view upper) {
  return std::equal(text.begin(), text.end(), upper.begin(), upper.end(), [](char a, char b) {
    return (a >= 'a' && a <= 'z' ? static_cast<char>(a - 'a' + 'A') : a) == b;
  });
}

/// Of any command, also one that no checker knows: its first argument as a rule.
std::vector<std::string_view> keys_of(const Operation& one) {
  std::vector<std::string_view> keys;
  for (const Command& command : one.commands) {
    const bool all = is(command[0], "MGET");
    const std::size_t step = is(command[0], "MSET") ? 2 : 1;
    for (std::size_t i = 1; i < command.size(); i += step) {
      keys.emplace_back(command[i]);
      if (!all && step == 1) break;
    }
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

template <typename Visit>
void for_each_word(std::string_view text, const Visit& visit) {
  constexpr std::string_view between = " \t\r\n,;\"'[]()";
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(between), text.size());
    std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (word.ends_with('.') || word.ends_with(':')) word.remove_suffix(1);
    if (!word.empty()) visit(word);
  }
}

}  // namespace

KeyIndex::KeyIndex(const History& history, std::span<const std::string> texts) {
  std::vector<std::uint32_t> by_start(history.operations.size());
  std::iota(by_start.begin(), by_start.end(), 0U);
  std::stable_sort(by_start.begin(), by_start.end(), [&](std::uint32_t a, std::uint32_t b) {
    return history.operations[a].start < history.operations[b].start;
  });
  const auto key_named = [this](std::string_view name) -> Key& {
    auto at = numbers_.find(name);
    if (at == numbers_.end()) {
      at = numbers_.emplace(name, static_cast<std::uint32_t>(keys_.size())).first;
      keys_.push_back({std::string(name), {}});
    }
    return keys_[at->second];
  };
  for (const std::uint32_t number : by_start) {
    for (const std::string_view name : keys_of(history.operations[number])) {
      key_named(name).tries.push_back(number);
    }
  }
  // A key that was only read in the end can be what nodes disagree about.
  for (const Final& final : history.finals) {
    for (const auto& [name, value] : final.values) key_named(name);
  }
  find_named(history, texts);
  std::sort(keys_.begin(), keys_.end(), [](const Key& a, const Key& b) {
    return a.named != b.named ? a.named : a.name < b.name;
  });
  for (std::uint32_t i = 0; i < keys_.size(); ++i) numbers_[keys_[i].name] = i;
}

void KeyIndex::find_named(const History& history, std::span<const std::string> texts) {
  StringSet words;
  for (const std::string& text : texts) {
    for_each_word(text, [&](std::string_view word) { words.emplace(word); });
  }
  if (words.empty()) return;
  for (const Operation& one : history.operations) {
    if (one.id.empty() || !words.contains(one.id) || of_ids_.contains(one.id)) continue;
    std::vector<std::string>& names = of_ids_[one.id];
    for (const std::string_view name : keys_of(one)) {
      names.emplace_back(name);
      words.emplace(name);
    }
  }
  for (Key& key : keys_) key.named = words.contains(key.name);
}

std::vector<std::uint32_t> KeyIndex::keys_in(std::string_view text) const {
  std::vector<std::uint32_t> found;
  const auto add = [&](std::string_view name) {
    const auto at = numbers_.find(name);
    if (at == numbers_.end()) return;
    if (std::find(found.begin(), found.end(), at->second) == found.end()) {
      found.push_back(at->second);
    }
  };
  for_each_word(text, [&](std::string_view word) {
    add(word);
    if (const auto id = of_ids_.find(word); id != of_ids_.end()) {
      for (const std::string& name : id->second) add(name);
    }
  });
  return found;
}

}  // namespace holdfast::verify
