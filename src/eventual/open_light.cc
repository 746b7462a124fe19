// SPDX-License-Identifier: Apache-2.0
// Operations that OpenState keeps light: docs/eventual.md, "Light operations".
#include <algorithm>
#include <map>
#include <utility>

#include "base/assert.h"
#include "eventual/direct.h"
#include "eventual/element_values.h"
#include "eventual/open_state.h"

namespace holdfast::eventual {
namespace {

/// Whether it removes all that its operation had seen at the key.
bool removes_all(const MergedEffect& merged) {
  return merged.fresh || merged.effect.kind == EffectKind::put_string ||
         merged.effect.kind == EffectKind::clear;
}

}  // namespace

// An increment goes with whatever is there. What removes must have seen all of it, and must not
// have anything else to remove that may yet come: an earlier try of an operation that it saw. Nor
// may it be undone itself, by an earlier try of its own.
bool OpenState::may_be_light(const Try& one, Table& table, const MergedEffect& merged,
                             Arrival arrival, bool& found) const {
  const Effect& effect = merged.effect;
  const std::optional<EffectTarget> target = target_of(effect.kind);
  const bool all = removes_all(merged);
  if (!target && effect.kind != EffectKind::put_string && effect.kind != EffectKind::clear)
    return false;
  const KeyspaceId keyspace = one.head.keyspace;
  const Space* space = find_space(keyspace);
  if (space != nullptr && space->keys.contains(effect.key)) return false;
  const bool removes = all || target->role != Role::add;
  if (removes &&
      (one.head.has_id || light_.has_ids(keyspace) || (space != nullptr && !space->ids.empty())))
    return false;
  const Value* value = table.find(effect.key, before_all);
  if (value != nullptr && table.next_expiry() && table.expiry(effect.key, before_all)) return false;
  if (!all) {
    if (value == nullptr || value->type() != type_of(target->kind)) return false;
    if (target->role == Role::add) {
      const Base base = read_base(*value, target->kind, effect.element);
      if (base.has_put) return false;  // a text that is no integer hides it
      found = base.has_sum;
    }
  }
  // A text before it may have ended an expiry, and that must be known on.
  if (effect.keep_expiry && !light_.has_none(keyspace, effect.key)) return false;
  return light_.has_room(keyspace, effect.key) &&
         (!removes || arrival == Arrival::local ||
          light_.saw_all(keyspace, effect.key, one.dot.origin, *one.seen));
}

bool OpenState::apply_lightly(const Try& one, Table& table, const MergedEffect& merged,
                              std::uint32_t index, Arrival arrival) {
  bool found = false;
  if (!may_be_light(one, table, merged, arrival, found)) return false;
  if (removes_all(merged)) light_.discard(one.head.keyspace, merged.effect.key);
  const bool applied = apply_direct(table, merged);
  HF_ASSERT(applied);
  // What has removed all that it ever will, and nothing else, is done with.
  if (merged.effect.kind != EffectKind::clear) {
    light_.add(one.head.keyspace, {.dot = one.dot,
                                   .time = one.head.time,
                                   .seen = one.seen,
                                   .index = index,
                                   .found = found,
                                   .effect = merged,
                                   .has_id = one.head.has_id,
                                   .id = one.head.id,
                                   .fingerprint = one.head.fingerprint,
                                   .reply = one.reply,
                                   .reply_follows = arrival == Arrival::local});
  }
  return true;
}

// A row that apply_lightly() can have led to.
bool OpenState::could_be_light(const LightOperations::Operation& one) {
  const std::optional<EffectTarget> target = target_of(one.effect.effect.kind);
  if (one.has_id) return target && target->role == Role::add && !one.effect.fresh;
  return target || one.effect.effect.kind == EffectKind::put_string;
}

// Leaves in the table what is stable of the key. What was there where something light wrote over it
// need not be known: whatever is to come saw that it is gone.
void OpenState::take_back(Table& table, std::string_view key,
                          const std::vector<LightOperations::Operation>& light) {
  if (std::ranges::any_of(light, removes_all, &LightOperations::Operation::effect)) {
    table.erase(key);
    return;
  }
  Value* const part = table.change(key, before_all);
  if (part == nullptr) return;  // its last element was removed
  const ElementKind kind = target_of(light.front().effect.effect.kind)->kind;
  if (part->type() != type_of(kind)) return;  // only in what is damaged
  struct Before {
    bool present = false;
    std::int64_t added = 0;
  };
  std::map<std::string_view, Before> elements;
  for (const LightOperations::Operation& one : light) {
    const Effect& effect = one.effect.effect;
    const auto [element, is_first] = elements.try_emplace(effect.element);
    Before& before = element->second;
    if (is_first) before.present = one.found;
    if (target_of(effect.kind)->role != Role::add) before.present = false;
    before.added = added(kind, before.added, effect.number);
  }
  for (const auto& [name, before] : elements) {
    const std::int64_t now = read_base(*part, kind, name).number;
    const auto less = static_cast<std::int64_t>(-static_cast<std::uint64_t>(before.added));
    write_shown(*part, kind, name,
                {.present = before.present, .is_number = true, .number = added(kind, now, less)});
  }
  if (is_empty(*part)) table.erase(key);
}

void OpenState::unpack(OpenKey& key, Table& table,
                       const std::vector<LightOperations::Operation>& light) {
  for (const LightOperations::Operation& one : light) {
    Try whole;
    whole.head = {.keyspace = key.keyspace,
                  .time = one.time,
                  .has_id = one.has_id,
                  .id = one.id,
                  .fingerprint = one.fingerprint};
    whole.dot = one.dot;
    whole.seen = one.seen;
    whole.reply = one.reply;
    // One with an id has no other effects, and may get another first try.
    UnstableOperation& operation = one.has_id ? add(whole) : add_rest(whole);
    KeyEditor editor = edit(key, table);
    // In the order in which they came: nothing before it saw it.
    editor.apply(operation, one.effect, one.index, Arrival::remote);
    editor.finish();
  }
}

void OpenState::unpack(KeyspaceId keyspace, Table& table, std::string_view name) {
  if (light_.empty() || light_.has_none(keyspace, name)) return;
  auto& space = spaces_[keyspace.value];
  if (space == nullptr) space = std::make_unique<Space>();
  after_edit(open(*space, keyspace, table, name));
  bury_idle();
}

UnstableOperation& OpenState::add_rest(const Try& first) {
  const auto known = unpacked_.find(first.dot);
  if (known != unpacked_.end()) {
    // What was folded of it was without what it gets now.
    if (known->second->queued == 0) queue(*known->second, first.dot);
    return *known->second;
  }
  UnstableOperation& operation = add(first);
  operation.unpacked = true;
  unpacked_.emplace(first.dot, &operation);
  return operation;
}

}  // namespace holdfast::eventual
