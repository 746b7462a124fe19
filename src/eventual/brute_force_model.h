// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "command/effect.h"
#include "eventual/clock.h"
#include "value/value.h"

/// 3-contract section 5 as it stands there: keeps all operations and evaluates
/// from scratch. Shares nothing with the replica but the words.
namespace holdfast::eventual::testing {

struct ModelEffect {
  EffectKind kind{};
  std::string key;
  std::string element;
  std::string text;
  std::int64_t number = 0;
  bool keep_expiry = false;
  bool fresh = false;  // its origin saw nothing at the key: it removes what it had seen of it
};

/// One arrival of an operation at an origin.
struct ModelTry {
  Dot dot;
  Stamp stamp;
  VersionVector seen;  // its own origin's earlier operations included
  std::string id;      // scope included; empty: none
  std::string what;    // command and arguments
  std::string reply;
  std::vector<ModelEffect> effects;
};

struct ModelValue {
  Type type{};
  std::string text;
  std::map<std::string, std::string> fields;
  std::set<std::string> members;
  std::map<std::string, std::string> scores;
  std::optional<std::int64_t> expiry;
  bool operator==(const ModelValue&) const = default;
};
using ModelState = std::map<std::string, ModelValue>;

class BruteForceModel {
 public:
  void add(ModelTry one) { tries_.push_back(std::move(one)); }
  const std::vector<ModelTry>& tries() const { return tries_; }

  /// The tries of an id within what is included, the first that counts first.
  std::vector<const ModelTry*> tries_of(const std::string& id,
                                        const VersionVector& included) const {
    std::vector<const ModelTry*> found;
    for (const ModelTry& one : tries_) {
      if (one.id == id && included.includes(one.dot)) found.push_back(&one);
    }
    std::sort(found.begin(), found.end(),
              [](const ModelTry* a, const ModelTry* b) { return a->stamp < b->stamp; });
    return found;
  }

  /// What readers see at `now` where exactly `included` has been merged, and
  /// `unfinished` (an operation that is still deciding) saw all of it.
  ModelState evaluate(const VersionVector& included, std::int64_t now_ms,
                      const ModelTry* unfinished = nullptr) const {
    std::vector<Operation> operations = operations_of(included);
    if (unfinished != nullptr) operations.push_back({unfinished, {unfinished->dot}});
    std::map<std::string, KeyWrites> keys;
    for (const Operation& operation : operations) {
      for (std::size_t i = 0; i < operation.first->effects.size(); ++i) {
        const ModelEffect& effect = operation.first->effects[i];
        if (is_write(effect.kind)) keys[effect.key].writes.push_back({&operation, i});
        if (removes(effect)) keys[effect.key].removals.push_back({&operation, i});
      }
    }
    ModelState state;
    for (const auto& [key, writes] : keys) {
      if (auto value = evaluate_key(writes)) {
        if (!value->expiry || *value->expiry > now_ms) state.emplace(key, std::move(*value));
      }
    }
    return state;
  }

 private:
  struct Operation {
    const ModelTry* first;
    std::vector<Dot> dots;  // of all its tries
  };
  struct Place {
    const Operation* operation;
    std::size_t index;
    const ModelEffect& effect() const { return operation->first->effects[index]; }
    auto order() const { return std::tuple(operation->first->stamp, index); }
  };
  struct KeyWrites {
    std::vector<Place> writes, removals;
  };

  std::vector<Operation> operations_of(const VersionVector& included) const {
    std::map<std::string, Operation> named;
    std::vector<Operation> operations;
    for (const ModelTry& one : tries_) {
      if (!included.includes(one.dot)) continue;
      if (one.id.empty()) {
        operations.push_back({&one, {one.dot}});
        continue;
      }
      auto [it, is_new] = named.try_emplace(one.id, Operation{&one, {}});
      Operation& operation = it->second;
      const bool new_use = std::any_of(operation.dots.begin(), operation.dots.end(),
                                       [&](Dot dot) { return one.seen.includes(dot); });
      if (new_use) {  // its origin knew the id's operation: the window had passed
        operations.push_back(operation);
        operation = {&one, {}};
      }
      if (one.stamp < operation.first->stamp) operation.first = &one;
      operation.dots.push_back(one.dot);
    }
    for (auto& [id, operation] : named) operations.push_back(std::move(operation));
    return operations;
  }

  static bool is_write(EffectKind kind) {
    return kind != EffectKind::clear && kind != EffectKind::remove_field &&
           kind != EffectKind::remove_member && kind != EffectKind::remove_score;
  }
  static bool removes(const ModelEffect& effect) {
    return effect.fresh || effect.kind == EffectKind::put_string ||
           effect.kind == EffectKind::clear || effect.kind == EffectKind::put_field ||
           effect.kind == EffectKind::remove_field || effect.kind == EffectKind::remove_member ||
           effect.kind == EffectKind::put_score || effect.kind == EffectKind::remove_score;
  }

  /// Which piece of the key: the text, a field, a member, or the expiry.
  using Piece = std::pair<char, std::string>;
  static std::vector<Piece> pieces_written(const ModelEffect& effect) {
    switch (effect.kind) {
      case EffectKind::put_string:
        if (effect.keep_expiry) return {{'s', ""}};
        return {{'s', ""}, {'e', ""}};
      case EffectKind::add:
        return {{'s', ""}};
      case EffectKind::put_field:
      case EffectKind::add_field:
        return {{'f', effect.element}};
      case EffectKind::add_member:
        return {{'m', effect.element}};
      case EffectKind::put_score:
      case EffectKind::add_score:
        return {{'z', effect.element}};
      case EffectKind::expire:
      case EffectKind::persist:
        return {{'e', ""}};
      default:
        return {};
    }
  }
  static bool removes_piece(const ModelEffect& effect, const Piece& piece) {
    if (effect.fresh || effect.kind == EffectKind::clear) return true;
    switch (effect.kind) {
      case EffectKind::put_string:
        return piece.first != 'e' || !effect.keep_expiry;
      case EffectKind::put_field:
      case EffectKind::remove_field:
        return piece == Piece{'f', effect.element};
      case EffectKind::remove_member:
        return piece == Piece{'m', effect.element};
      case EffectKind::put_score:
      case EffectKind::remove_score:
        return piece == Piece{'z', effect.element};
      default:
        return false;
    }
  }
  static bool saw(const Place& later, const Place& earlier) {
    if (later.operation == earlier.operation) return later.index > earlier.index;
    return std::any_of(earlier.operation->dots.begin(), earlier.operation->dots.end(),
                       [&](Dot dot) { return later.operation->first->seen.includes(dot); });
  }

  struct PieceValue {
    std::optional<Place> put;  // the winner
    std::optional<std::int64_t> sum;
  };

  static std::optional<ModelValue> evaluate_key(const KeyWrites& key) {
    std::map<Piece, PieceValue> pieces;
    for (const Place& write : key.writes) {
      for (const Piece& piece : pieces_written(write.effect())) {
        const bool covered =
            std::any_of(key.removals.begin(), key.removals.end(), [&](const Place& removal) {
              return removes_piece(removal.effect(), piece) && saw(removal, write);
            });
        if (covered) continue;
        PieceValue& value = pieces[piece];
        const EffectKind kind = write.effect().kind;
        if (kind == EffectKind::add || kind == EffectKind::add_field ||
            kind == EffectKind::add_member || kind == EffectKind::add_score) {
          value.sum = static_cast<std::int64_t>(static_cast<std::uint64_t>(value.sum.value_or(0)) +
                                                static_cast<std::uint64_t>(write.effect().number));
        } else if (!value.put || value.put->order() < write.order()) {
          value.put = write;
        }
      }
    }

    ModelValue strings{.type = Type::string}, hashes{.type = Type::hash}, sets{.type = Type::set},
        sorted{.type = Type::sorted_set};
    bool is_string = false;
    std::optional<std::int64_t> expiry;
    for (const auto& [piece, value] : pieces) {
      switch (piece.first) {
        case 's':
          is_string = true;
          strings.text = text_of(value);
          break;
        case 'f':
          hashes.fields[piece.second] = text_of(value);
          break;
        case 'm':
          sets.members.insert(piece.second);
          break;
        case 'z':
          sorted.scores[piece.second] = score_text_of(value);
          break;
        default:
          if (value.put->effect().kind == EffectKind::expire) expiry = value.put->effect().number;
      }
    }
    for (ModelValue* one : {&strings, &hashes, &sets, &sorted}) one->expiry = expiry;
    if (is_string) return strings;
    if (!hashes.fields.empty()) return hashes;
    if (!sets.members.empty()) return sets;
    if (!sorted.scores.empty()) return sorted;
    return std::nullopt;
  }

  static std::string text_of(const PieceValue& value) {
    if (!value.put) return std::to_string(*value.sum);
    const std::string& text = value.put->effect().text;
    const auto number = parse_integer(text);
    if (!number || !value.sum) return text;
    return std::to_string(static_cast<std::int64_t>(static_cast<std::uint64_t>(*number) +
                                                    static_cast<std::uint64_t>(*value.sum)));
  }

  // As a text, but only integers of 54 bits are ones, and so they wrap around.
  static std::string score_text_of(const PieceValue& value) {
    constexpr std::int64_t range = std::int64_t{1} << 54;
    std::int64_t number = 0;
    if (value.put) {
      const std::string& text = value.put->effect().text;
      const auto whole = parse_integer(text);
      if (!whole || *whole < -range / 2 || *whole >= range / 2) return text;
      number = *whole;
    }
    number = (number + value.sum.value_or(0) % range) % range;
    if (number >= range / 2) number -= range;
    if (number < -range / 2) number += range;
    return std::to_string(number);
  }

  std::vector<ModelTry> tries_;
};

}  // namespace holdfast::eventual::testing
