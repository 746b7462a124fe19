// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/string_hash.h"
#include "verify/history.h"

/// A history as the page's script reads it: report.html.
namespace holdfast::verify {

/// Keys that the tries concern, and which of them a violation is about.
class KeyIndex {
 public:
  /// `texts`: what violations say. They tell in words what they are about, so
  /// every key and every request id that is a word of theirs counts.
  explicit KeyIndex(const History& history, std::span<const std::string> texts = {});

  struct Key {
    std::string name;
    std::vector<std::uint32_t> tries;  // by their start
    bool named = false;                // by a violation
  };
  /// The named ones first, else by name.
  const std::vector<Key>& keys() const { return keys_; }
  /// Those that a text names, as numbers of keys().
  std::vector<std::uint32_t> keys_in(std::string_view text) const;

 private:
  void find_named(const History& history, std::span<const std::string> texts);

  std::vector<Key> keys_;
  StringMap<std::uint32_t> numbers_;
  StringMap<std::vector<std::string>> of_ids_;  // ids that were named, and their keys
};

/// From the first start to the last end.
struct Extent {
  Time start = 0;
  Time end = 0;
};
Extent extent_of(const History& history);

/// The history's tries in columns, with texts as numbers of a table, and the
/// keys with the numbers of their tries. At most about `tries_max` of them:
/// named keys whole, and of the others whole keys as far as they fit.
nlohmann::ordered_json tries_json(const History& history, const KeyIndex& index, Time base,
                                  std::size_t tries_max);
nlohmann::ordered_json faults_json(const History& history, Time base);

/// How many tries ended how, and replies' latencies, in stretches of time.
nlohmann::ordered_json series_json(const History& history, const Extent& extent);

/// At most `bytes_max` of it, cut between characters; says how long it was.
std::string shortened(std::string text, std::size_t bytes_max);

}  // namespace holdfast::verify
