// SPDX-License-Identifier: Apache-2.0
#include "table/undo.h"

#include "base/assert.h"
#include "table/table_impl.h"
#include "value/hash.h"
#include "value/list.h"
#include "value/set.h"
#include "value/sorted_set.h"

namespace holdfast {

Table::Undo::Undo(Table& table) : table_(table) {
  HF_ASSERT(Recorder::of_thread == nullptr);
  Recorder::of_thread = this;
}

Table::Undo::~Undo() {
  Recorder::of_thread = nullptr;
}

void Table::Undo::added(std::string_view key) {
  given_ = nullptr;
  steps_.emplace_back(Added{std::string(key)});
}

void Table::Undo::changing(std::string_view key, std::uint64_t version, std::optional<Value> value,
                           std::optional<std::int64_t> expiry) {
  given_ = nullptr;
  steps_.emplace_back(Changed{std::string(key), version, std::move(value), expiry});
}

void Table::Undo::giving(std::string_view key, std::uint64_t version, const Value& value,
                         std::optional<std::int64_t> expiry) {
  owner_ = steps_.size();
  changing(key, version, std::nullopt, expiry);
  if (value.type() == Type::hash) given_ = &value.as_hash();
  if (value.type() == Type::set) given_ = &value.as_set();
  if (value.type() == Type::sorted_set) given_ = &value.as_sorted_set();
  if (value.type() == Type::list) given_ = &value.as_list();
}

void Table::Undo::moved(std::string_view from, std::string_view to, std::uint64_t version) {
  given_ = nullptr;
  steps_.emplace_back(Moved{std::string(from), std::string(to), version});
}

void Table::Undo::field_put(Hash& hash, std::string_view field,
                            std::optional<std::string_view> old) {
  if (&hash != given_) return;
  steps_.emplace_back(FieldPut{owner_, &hash, std::string(field), std::optional<std::string>(old)});
}

void Table::Undo::field_erased(Hash& hash, std::size_t place) {
  if (&hash != given_) return;
  steps_.emplace_back(FieldErased{owner_, &hash, place, std::string(hash.field_at(place)),
                                  std::string(hash.value_at(place))});
}

void Table::Undo::member_inserted(Set& set, std::string_view member) {
  if (&set != given_) return;
  steps_.emplace_back(MemberInserted{owner_, &set, std::string(member)});
}

void Table::Undo::member_erased(Set& set, std::size_t place) {
  if (&set != given_) return;
  steps_.emplace_back(MemberErased{owner_, &set, place, std::string(set.at(place))});
}

void Table::Undo::score_put(SortedSet& set, std::string_view member, std::optional<double> old) {
  if (&set != given_) return;
  steps_.emplace_back(ScorePut{owner_, &set, std::string(member), old});
}

void Table::Undo::score_erased(SortedSet& set, std::size_t place) {
  if (&set != given_) return;
  steps_.emplace_back(
      ScoreErased{owner_, &set, place, std::string(set.member_at(place)), set.score_at(place)});
}

void Table::Undo::item_inserted(List& list, std::size_t index) {
  if (&list != given_) return;
  steps_.emplace_back(ItemInserted{owner_, &list, index});
}

void Table::Undo::item_set(List& list, std::size_t index) {
  if (&list != given_) return;
  IntegerText room;
  steps_.emplace_back(ItemSet{owner_, &list, index, std::string(list.at(index, room))});
}

void Table::Undo::item_erased(List& list, std::size_t index) {
  if (&list != given_) return;
  IntegerText room;
  steps_.emplace_back(ItemErased{owner_, &list, index, std::string(list.at(index, room))});
}

void Table::Undo::tell(Listener& listener) const {
  for (const Step& step : steps_) {
    if (const auto* added = std::get_if<Added>(&step)) {
      listener.changed(added->key);
    } else if (const auto* changed = std::get_if<Changed>(&step)) {
      listener.changed(changed->key);
    } else if (const auto* moved = std::get_if<Moved>(&step)) {
      listener.changed(moved->from);
      listener.changed(moved->to);
    }
  }
}

void Table::Undo::let_go() {
  for (Step& step : steps_) {
    auto* const changed = std::get_if<Changed>(&step);
    if (changed != nullptr && changed->value) table_.impl_->let_go(std::move(*changed->value));
  }
}

void Table::Undo::take_back() {
  Recorder::of_thread = nullptr;  // what follows is not to be taken back
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
    std::visit([this](auto& one) { take_back(one); }, *step);
  }
}

void Table::Undo::take_back(Added& step) {
  const bool erased = table_.erase(step.key);
  HF_ASSERT(erased);
}

void Table::Undo::take_back(Changed& step) {
  Impl& impl = *table_.impl_;
  impl.settle();
  if (step.value) table_.put(step.key, std::move(*step.value));
  const Impl::Place place = impl.locate(step.key, table::hash_of(step.key));
  HF_ASSERT(place.found());
  const std::optional<Instant> at =
      step.expiry ? std::optional(instant_from_ms(*step.expiry)) : std::nullopt;
  table_.set_expiry(step.key, at);
  impl.mark_changed(place, step.version);
}

void Table::Undo::take_back(Moved& step) {
  table_.move(step.to, step.from);
  Impl& impl = *table_.impl_;
  impl.mark_changed(impl.locate(step.from, table::hash_of(step.from)), step.version);
}

// A collection changes only until the next call on the table: its key's step came last before.
void Table::Undo::own(std::size_t owner) {
  Impl& impl = *table_.impl_;
  if (owner == owner_ && impl.unsettled_place) return;
  impl.settle();
  owner_ = owner;
  const Step& step = steps_[owner];
  const std::string& key =
      std::holds_alternative<Added>(step) ? std::get<Added>(step).key : std::get<Changed>(step).key;
  const Impl::Place place = impl.locate(key, table::hash_of(key));
  HF_ASSERT(place.found());
  impl.change_in_place(place);
}

void Table::Undo::take_back(FieldPut& step) {
  own(step.owner);
  step.old ? step.hash->put(step.field, *step.old) : step.hash->erase(step.field);
}

void Table::Undo::take_back(FieldErased& step) {
  own(step.owner);
  step.hash->restore(step.place, step.field, step.value);
}

void Table::Undo::take_back(MemberInserted& step) {
  own(step.owner);
  step.set->erase(step.member);
}

void Table::Undo::take_back(MemberErased& step) {
  own(step.owner);
  step.set->restore(step.place, step.member);
}

void Table::Undo::take_back(ScorePut& step) {
  own(step.owner);
  step.old ? step.set->put(step.member, *step.old) : step.set->erase(step.member);
}

void Table::Undo::take_back(ScoreErased& step) {
  own(step.owner);
  step.set->restore(step.place, step.member, step.score);
}

void Table::Undo::take_back(ItemInserted& step) {
  own(step.owner);
  step.list->erase(step.index);
}

void Table::Undo::take_back(ItemSet& step) {
  own(step.owner);
  step.list->set(step.index, step.old);
}

void Table::Undo::take_back(ItemErased& step) {
  own(step.owner);
  step.list->insert(step.index, step.item);
}

void Table::begin_undo() {
  HF_ASSERT(undo_ == nullptr);
  impl_->settle();
  undo_ = std::make_unique<Undo>(*this);
}

void Table::undo() {
  const std::unique_ptr<Undo> all = std::move(undo_);
  HF_ASSERT(all != nullptr);
  const std::vector<Listener*> listeners = std::exchange(listeners_, {});  // nothing has changed
  all->take_back();
  listeners_ = listeners;
}

void Table::keep() {
  const std::unique_ptr<Undo> all = std::move(undo_);
  HF_ASSERT(all != nullptr);
  for (Listener* const listener : listeners_) all->tell(*listener);
  all->let_go();
}

}  // namespace holdfast
