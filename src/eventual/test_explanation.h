// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>

#include "eventual/brute_force_model.h"
#include "eventual/explain.h"
#include "eventual/replica.h"

/// Whether an explanation's parts add up to what is read; it shares nothing with
/// what evaluates elements but the flags that the explanation itself gives.
namespace holdfast::eventual::testing {

struct AddedUp {
  struct Piece {
    std::optional<std::string> put;
    std::optional<std::int64_t> sum;
    int puts = 0;  // that are said to count
    void add(std::int64_t number) {
      sum = static_cast<std::int64_t>(static_cast<std::uint64_t>(sum.value_or(0)) +
                                      static_cast<std::uint64_t>(number));
    }
    void set(const std::string& text) {
      put = text;
      ++puts;
    }
    std::string text() const {
      if (!put) return std::to_string(sum.value_or(0));
      const auto number = parse_integer(*put);
      if (!sum) return *put;
      // An increment of what is no number must not be said to count.
      if (!number) return "?";
      return std::to_string(static_cast<std::int64_t>(static_cast<std::uint64_t>(*number) +
                                                      static_cast<std::uint64_t>(*sum)));
    }
    // Integers of 54 bits add up, and wrap around there.
    std::string score() const {
      const auto wrapped = [](std::int64_t number) {
        return static_cast<std::int64_t>(static_cast<std::uint64_t>(number) << 10) >> 10;
      };
      if (!put) return std::to_string(wrapped(sum.value_or(0)));
      const auto number = parse_integer(*put);
      const bool is_whole = number && wrapped(*number) == *number;
      if (!sum) return *put;
      if (!is_whole) return "?";
      return std::to_string(wrapped(static_cast<std::int64_t>(static_cast<std::uint64_t>(*number) +
                                                              static_cast<std::uint64_t>(*sum))));
    }
  };
  std::map<ElementKind, std::map<std::string, Piece>> pieces;
  std::optional<std::int64_t> expiry;
  int expiries = 0;
};

inline AddedUp add_up(const Explanation& explanation) {
  AddedUp all;
  const auto expire = [&](std::int64_t at) {
    ++all.expiries;
    if (at != expiry_never) all.expiry = at;
  };
  for (const auto& [origin, told] : explanation.origins) {
    for (const auto& effect : told.effects) {
      if (!effect.counts) continue;
      if (effect.what == Explanation::Effect::What::expire) {
        expire(effect.number);
      } else if (effect.what == Explanation::Effect::What::put) {
        all.pieces[effect.kind][effect.element].set(effect.text);
      } else if (effect.what == Explanation::Effect::What::add) {
        all.pieces[effect.kind][effect.element].add(effect.number);
      }
    }
  }
  for (const auto& folded : explanation.stable) {
    if (folded.kind == ElementKind::expiry) {
      if (folded.put_counts) expire(folded.number);
      continue;
    }
    if (folded.put_counts) all.pieces[folded.kind][folded.element].set(folded.text);
    if (folded.sum_counts) all.pieces[folded.kind][folded.element].add(folded.number);
  }
  return all;
}

/// Empty: they add up. `read`: what readers see at `now_ms`; null: nothing.
inline std::string mistake_in(const Explanation& explanation, const ModelValue* read,
                              std::int64_t now_ms) {
  AddedUp sum = add_up(explanation);
  ModelValue value;
  if (sum.expiries > 1) return "two expiries count";
  value.expiry = sum.expiry;
  for (const auto& [kind, named] : sum.pieces) {
    for (const auto& [name, piece] : named) {
      if (piece.puts > 1) return "two texts of '" + name + "' count";
      if (kind == ElementKind::string) value.text = piece.text();
      if (kind == ElementKind::field) value.fields[name] = piece.text();
      if (kind == ElementKind::member) value.members.insert(name);
      if (kind == ElementKind::score) value.scores[name] = piece.score();
    }
  }
  // Another type's parts count as well, and are hidden.
  std::optional<Type> shown;
  std::vector<Type> hidden;
  const auto is_there = [&](Type type, ElementKind kind) {
    if (!sum.pieces.contains(kind)) return;
    if (shown) {
      hidden.push_back(type);
    } else {
      shown = type;
    }
  };
  is_there(Type::string, ElementKind::string);
  is_there(Type::hash, ElementKind::field);
  is_there(Type::set, ElementKind::member);
  is_there(Type::sorted_set, ElementKind::score);
  if (shown != explanation.shown) return "another type is said to be shown";
  if (hidden != explanation.hidden) return "other types are said to be hidden";
  if (!shown || (value.expiry && *value.expiry <= now_ms))
    return read == nullptr ? "" : "a value is read that nothing explains";
  if (read == nullptr) return "nothing is read of what is explained";
  value.type = *shown;
  if (value.type != Type::string) value.text.clear();
  if (value.type != Type::hash) value.fields.clear();
  if (value.type != Type::set) value.members.clear();
  if (value.type != Type::sorted_set) value.scores.clear();
  if (!(value == *read)) return "the parts add up to another value";

  // For a counter the origins' sums and what is stable are all there is.
  std::uint64_t sums = 0;
  for (const auto& [origin, told] : explanation.origins)
    if (told.has_sum) sums += static_cast<std::uint64_t>(told.sum);
  const auto& piece = sum.pieces[ElementKind::string][""];
  std::uint64_t stable = 0;
  for (const auto& folded : explanation.stable) {
    if (folded.kind == ElementKind::string && folded.sum_counts)
      stable += static_cast<std::uint64_t>(folded.number);
  }
  if (stable + sums != static_cast<std::uint64_t>(piece.sum.value_or(0)))
    return "the origins' sums and what is stable are not the increments that count";
  return "";
}

/// Empty: of each id the try that counts is the first of those that are merged.
inline std::string mistake_in_ids(const Explanation& explanation, const BruteForceModel& model,
                                  const VersionVector& merged) {
  for (const auto& told : explanation.ids) {
    const ModelTry* counted = nullptr;
    for (const ModelTry& one : model.tries()) {
      if (one.dot == told.counted) counted = &one;
    }
    if (counted == nullptr || counted->id.empty()) return "an id of an operation that has none";
    for (const Dot dot : told.tries) {
      if (!merged.includes(dot)) return "a try that was not merged";
      for (const ModelTry& one : model.tries()) {
        if (!(one.dot == dot)) continue;
        if (one.id != counted->id) return "a try of another id";
        if (one.stamp < counted->stamp) return "an earlier try does not count";
      }
    }
  }
  return "";
}

}  // namespace holdfast::eventual::testing
