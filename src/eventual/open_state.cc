// SPDX-License-Identifier: Apache-2.0
#include "eventual/open_state.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace holdfast::eventual {
namespace {

// So many light effects are forgotten in the time that it takes to fold an operation.
std::size_t light_folds(std::size_t folds) {
  constexpr std::size_t a_fold = 8;
  return folds > SIZE_MAX / a_fold ? SIZE_MAX : folds * a_fold;
}

}  // namespace

const OpenState::Space* OpenState::find_space(KeyspaceId keyspace) const {
  const auto it = spaces_.find(keyspace.value);
  return it == spaces_.end() ? nullptr : it->second.get();
}

void OpenState::prefetch(KeyspaceId keyspace, std::string_view key) const {
  if (const Space* space = find_space(keyspace)) space->keys.prefetch(key);
  light_.prefetch(keyspace, key);
}

bool OpenState::is_open(KeyspaceId keyspace, std::string_view key) const {
  if (!light_.empty() && !light_.has_none(keyspace, key)) return true;
  if (key_count_ == 0) return false;
  const Space* space = find_space(keyspace);
  return space != nullptr && space->keys.contains(key);
}

const OpenKey* OpenState::find_key(KeyspaceId keyspace, std::string_view key) const {
  const Space* space = find_space(keyspace);
  if (space == nullptr) return nullptr;
  const auto it = space->keys.find(key);
  return it == space->keys.end() ? nullptr : it->get();
}

std::optional<LightOperations::Answer> OpenState::light_answer(KeyspaceId keyspace,
                                                               const IdKey& id) const {
  const auto answer = light_.answer_of(keyspace, id);
  return answer && !stability_.is_stable(answer->dot) ? answer : std::nullopt;
}

UnstableOperation* OpenState::find(KeyspaceId keyspace, const IdKey& id) {
  if (const auto key = light_.key_of(keyspace, id)) {
    State* const state = host_.eventual_state(keyspace);
    HF_ASSERT(state != nullptr);
    unpack(keyspace, state->table, std::string(*key));
  }
  const Space* space = find_space(keyspace);
  if (space == nullptr) return nullptr;
  const auto it = space->ids.find(id);
  if (it == space->ids.end() || stability_.is_stable(*it->second)) return nullptr;
  return it->second;
}

UnstableOperation& OpenState::own(std::unique_ptr<UnstableOperation> operation) {
  operation->place = static_cast<std::uint32_t>(operations_.size());
  operations_.push_back(std::move(operation));
  return *operations_.back();
}

void OpenState::queue(UnstableOperation& operation, Dot dot) {
  ++operation.queued;
  Queue& queue = queues_[dot.origin];
  auto behind = queue.end();
  if (!queue.empty() && dot.sequence < queue.back().sequence)  // it was light before
    behind = std::ranges::upper_bound(queue, dot.sequence, {}, &Queued::sequence);
  queue.insert(behind, {dot.sequence, &operation});
}

UnstableOperation& OpenState::add(const Try& first) {
  auto made = std::make_unique<UnstableOperation>();
  made->keyspace = first.head.keyspace;
  made->dot = first.dot;
  made->time = first.head.time;
  made->seen = first.seen;
  made->tries.push_back(first.dot);
  made->has_id = first.head.has_id;
  made->id = first.head.id;
  made->fingerprint = first.head.fingerprint;
  made->reply = SpillingString(first.reply);
  UnstableOperation& operation = own(std::move(made));
  queue(operation, first.dot);
  changing(operation);
  if (operation.has_id) {
    auto& space = spaces_[operation.keyspace.value];
    if (space == nullptr) space = std::make_unique<Space>();
    space->ids.insert_or_assign(operation.id, &operation);
  }
  return operation;
}

OpenKey& OpenState::open(Space& space, KeyspaceId keyspace, Table& table, std::string_view name) {
  const auto it = space.keys.find(name);
  if (it != space.keys.end()) return **it;
  const LightOperations::Taken light = light_.take(keyspace, name);
  if (!light.operations.empty()) take_back(table, name, light.operations);
  auto made = std::make_unique<OpenKey>();
  OpenKey& key = *made;
  key.keyspace = keyspace;
  key.name = SpillingString(name);
  if (const Value* value = table.find(name, before_all)) {
    key.shown = value->type();
    if (table.next_expiry()) key.live_expiry = table.expiry(name, before_all);
  }
  space.keys.insert(std::move(made));
  ++key_count_;
  unpack(key, table, light.operations);
  return key;
}

KeyEditor OpenState::edit(OpenKey& key, Table& table) {
  changing(key);
  const Space* space = find_space(key.keyspace);
  return KeyEditor(key, table,
                   {.idle = idle_,
                    .settles_at_once = space->ids.empty() && !light_.has_ids(key.keyspace),
                    .stability = stability_});
}

void OpenState::apply(UnstableOperation& operation, Table& table, const MergedEffect& effect,
                      std::uint32_t index, Arrival arrival) {
  auto& space = spaces_[operation.keyspace.value];
  if (space == nullptr) space = std::make_unique<Space>();
  OpenKey& key = open(*space, operation.keyspace, table, effect.effect.key);
  KeyEditor editor = edit(key, table);
  editor.apply(operation, effect, index, arrival);
  editor.finish();
  after_edit(key);
  bury_idle();
}

bool OpenState::join(UnstableOperation& operation, Table& table, const Try& another,
                     std::string_view effects) {
  changing(operation);
  operation.tries.push_back(another.dot);
  queue(operation, another.dot);
  if (operation.reply.view() != another.reply) operation.replies_differ = true;
  const Stamp stamp{another.head.time, another.dot.origin};
  if (operation.stamp() < stamp) return false;

  queue_folds(operation);  // what its removals held back may fold now
  std::vector<OpenKey*> keys;
  for (Element* element : operation.touched) {
    if (std::ranges::find(keys, element->key) == keys.end()) keys.push_back(element->key);
  }
  for (OpenKey* key : keys) {
    KeyEditor editor = edit(*key, table);
    editor.retract(operation);
    editor.finish();
  }
  for (Element* element : operation.touched) --element->refs;
  operation.touched.clear();

  forgetting(operation);  // its row is named by the first try
  operation.dot = another.dot;
  operation.time = another.head.time;
  operation.seen = another.seen;
  operation.fingerprint = another.head.fingerprint;
  operation.reply = SpillingString(another.reply);
  changing(operation);
  EffectReader reader(effects);
  MergedEffect effect;
  for (std::uint32_t index = 0; reader.next(effect); ++index)
    apply(operation, table, effect, index, Arrival::replacing);
  run_folds();
  return true;
}

void OpenState::release_id(UnstableOperation& operation) {
  auto& ids = spaces_[operation.keyspace.value]->ids;
  const auto it = ids.find(operation.id);
  if (it != ids.end() && it->second == &operation) ids.erase(it);
}

// ---- Folding

// Of operations that will be found stable soon: themselves, where their items are, and
// the keys. Most of a fold's time is waiting for them.
void OpenState::look_ahead(const Queue& queue) {
  constexpr std::size_t far = 12, nearer = 8, near = 4;
  if (queue.size() <= far) return;
  __builtin_prefetch(queue[far].operation);
  if (const auto& touched = queue[nearer].operation->touched; !touched.empty())
    __builtin_prefetch(touched[0]);
  if (const auto& touched = queue[near].operation->touched; !touched.empty())
    __builtin_prefetch(touched[0]->key);
}

bool OpenState::fold(std::size_t max) {
  std::size_t done = 0;
  bool more = false;
  for (auto it = queues_.begin(); it != queues_.end();) {
    auto& [origin, queue] = *it;
    const std::uint64_t until = stability_.stable_until(origin);
    while (!queue.empty() && queue.front().sequence <= until) {
      if (done++ == max) {
        more = true;
        break;
      }
      look_ahead(queue);
      UnstableOperation& operation = *queue.front().operation;
      queue.pop_front();
      --operation.queued;
      found_stable(operation);
    }
    if (more) break;
    it = queue.empty() ? queues_.erase(it) : std::next(it);
  }
  run_folds();
  const bool more_light = light_.forget_stable(stability_, light_folds(max));
  return leave_limbo(max) || more || more_light;
}

void OpenState::found_stable(UnstableOperation& operation) {
  if (!std::exchange(operation.stable, true) && operation.has_id) release_id(operation);
  queue_folds(operation);
  for (Element* element : operation.touched) --element->refs;
  operation.touched.clear();
  if (operation.items == 0 && operation.queued == 0) idle_.push_back(&operation);
}

void OpenState::queue_folds(UnstableOperation& operation) {
  for (Element* element : operation.touched) {
    if (element->fold_queued) continue;
    element->fold_queued = true;
    ++element->refs;  // keeps it
    folds_.push_back(element);
  }
}

void OpenState::run_folds() {
  constexpr std::size_t ahead = 6;
  for (std::size_t i = 0; i < folds_.size(); ++i) {
    if (i + ahead < folds_.size()) {
      const OpenKey& soon = *folds_[i + ahead]->key;
      prefetch(soon.keyspace, soon.name.view());
    }
    Element& element = *folds_[i];
    OpenKey& key = *element.key;
    element.fold_queued = false;
    --element.refs;
    State* state = host_.eventual_state(key.keyspace);
    if (state == nullptr) continue;  // drop() is on its way
    KeyEditor editor = edit(key, state->table);
    editor.fold(element);
    editor.finish();
    after_edit(key);
  }
  folds_.clear();
  bury_idle();
}

void OpenState::after_edit(OpenKey& key) {
  if (!key.elements().empty() || key.has_hidden()) return;
  if (!key.is_empty() || !key.live_expiry || stability_.alone()) return close(key);
  key.emptied = ++emptied_;
  limbo_.push_back({key.keyspace, key.name, key.emptied, merged_});
}

bool OpenState::leave_limbo(std::size_t max) {
  for (std::size_t done = 0; !limbo_.empty(); ++done) {
    const Limbo& first = limbo_.front();
    if (!stability_.alone() && !stability_.frontier().includes(first.merged)) return false;
    if (done == max) return true;
    const auto space = spaces_.find(first.keyspace.value);
    if (space != spaces_.end()) {
      const auto it = space->second->keys.find(first.key.view());
      if (it != space->second->keys.end()) {
        OpenKey& key = **it;
        const bool still = key.emptied == first.emptied && key.elements().empty();
        if (still && key.is_empty()) close(key);
      }
    }
    limbo_.pop_front();
  }
  return false;
}

void OpenState::close(OpenKey& key) {
  forgetting(key);
  auto& keys = spaces_[key.keyspace.value]->keys;
  keys.erase(keys.find(key.name.view()));
  --key_count_;
}

void OpenState::bury_idle() {
  for (UnstableOperation* operation : idle_) {
    forgetting(*operation);
    if (operation->unpacked) unpacked_.erase(operation->dot);
    const std::uint32_t place = operation->place;
    std::swap(operations_[place], operations_.back());
    operations_[place]->place = place;
    operations_.pop_back();
  }
  idle_.clear();
}

std::size_t OpenState::expire(KeyspaceId keyspace, Table& table, Instant now, std::size_t max) {
  const auto found = spaces_.find(keyspace.value);
  return table.expire(now, max, [&](std::string_view name) {
    if (found == spaces_.end()) return;
    const auto it = found->second->keys.find(name);
    if (it == found->second->keys.end()) return;
    OpenKey& key = **it;
    if (key.elements().empty()) return close(key);  // what it hides has expired with it
    // An operation that is still on its way may have lifted the expiry before
    // its time: what is stable of the key must not be lost.
    changing(key);
    key.make_aside().hidden.of(*key.shown) = table.find(name, before_all)->clone();
    key.shown.reset();
    key.parked = true;
  });
}

void OpenState::drop(KeyspaceId keyspace) {
  const auto found = spaces_.find(keyspace.value);
  std::erase_if(folds_, [&](const Element* element) { return element->key->keyspace == keyspace; });
  for (const auto& operation : operations_) {
    if (operation->keyspace != keyspace) continue;
    operation->touched.clear();
    operation->items = 0;
    operation->has_id = false;
    if (operation->queued == 0) idle_.push_back(operation.get());
  }
  light_.drop(keyspace);
  if (found != spaces_.end()) {
    for (const auto& key : found->second->keys) forgetting(*key);
    key_count_ -= found->second->keys.size();
    spaces_.erase(found);
  }
  bury_idle();
}

}  // namespace holdfast::eventual
