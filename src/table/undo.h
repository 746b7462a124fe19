// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "table/table.h"
#include "value/recorder.h"

namespace holdfast {

/// What has changed in a table since begin_undo(), in order: each with what undoes it, given
/// that all behind it was undone before. Collections that were replaced or erased live on
/// in here, at the addresses at which they were changed.
class Table::Undo final : public Recorder {
 public:
  explicit Undo(Table& table);
  ~Undo() override;

  // Told by the table, before it changes. `value`: what the key loses; none: it is changed in
  // place.
  void added(std::string_view key);
  void changing(std::string_view key, std::uint64_t version, std::optional<Value> value,
                std::optional<std::int64_t> expiry);
  /// The same for a collection that is given away to be changed in place.
  void giving(std::string_view key, std::uint64_t version, const Value& value,
              std::optional<std::int64_t> expiry);
  void moved(std::string_view from, std::string_view to, std::uint64_t version);

  void field_put(Hash& hash, std::string_view field, std::optional<std::string_view> old) override;
  void field_erased(Hash& hash, std::size_t place) override;
  void member_inserted(Set& set, std::string_view member) override;
  void member_erased(Set& set, std::size_t place) override;
  void score_put(SortedSet& set, std::string_view member, std::optional<double> old) override;
  void score_erased(SortedSet& set, std::size_t place) override;
  void item_inserted(List& list, std::size_t index) override;
  void item_set(List& list, std::size_t index) override;
  void item_erased(List& list, std::size_t index) override;

  void take_back();
  /// Of the values that were replaced or erased.
  void let_go();
  /// Of all keys that changed.
  void tell(Listener& listener) const;

 private:
  struct Added {
    std::string key;
  };
  struct Changed {
    std::string key;
    std::uint64_t version;
    std::optional<Value> value;
    std::optional<std::int64_t> expiry;
  };
  struct Moved {
    std::string from;
    std::string to;
    std::uint64_t version;
  };
  // Of collections: `owner` is the step at which it was given away.
  struct FieldPut {
    std::size_t owner;
    Hash* hash;
    std::string field;
    std::optional<std::string> old;
  };
  struct FieldErased {
    std::size_t owner;
    Hash* hash;
    std::size_t place;
    std::string field;
    std::string value;
  };
  struct MemberInserted {
    std::size_t owner;
    Set* set;
    std::string member;
  };
  struct MemberErased {
    std::size_t owner;
    Set* set;
    std::size_t place;
    std::string member;
  };
  struct ScorePut {
    std::size_t owner;
    SortedSet* set;
    std::string member;
    std::optional<double> old;
  };
  struct ScoreErased {
    std::size_t owner;
    SortedSet* set;
    std::size_t place;
    std::string member;
    double score;
  };
  struct ItemInserted {
    std::size_t owner;
    List* list;
    std::size_t index;
  };
  struct ItemSet {
    std::size_t owner;
    List* list;
    std::size_t index;
    std::string old;
  };
  struct ItemErased {
    std::size_t owner;
    List* list;
    std::size_t index;
    std::string item;
  };
  using Step = std::variant<Added, Changed, Moved, FieldPut, FieldErased, MemberInserted,
                            MemberErased, ScorePut, ScoreErased, ItemInserted, ItemSet, ItemErased>;

  void take_back(Added& step);
  void take_back(Changed& step);
  void take_back(Moved& step);
  void take_back(FieldPut& step);
  void take_back(FieldErased& step);
  void take_back(MemberInserted& step);
  void take_back(MemberErased& step);
  void take_back(ScorePut& step);
  void take_back(ScoreErased& step);
  void take_back(ItemInserted& step);
  void take_back(ItemSet& step);
  void take_back(ItemErased& step);
  /// Has the table count the owner's value again.
  void own(std::size_t owner);

  Table& table_;
  std::vector<Step> steps_;
  const void* given_ = nullptr;  // the collection; of others (those being made) nothing is recorded
  std::size_t owner_ = 0;        // the step at which it was given
};

}  // namespace holdfast
