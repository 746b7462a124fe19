// SPDX-License-Identifier: Apache-2.0
#include "server/tracking.h"

#include <algorithm>
#include <utility>

#include "command/table.h"

namespace holdfast::server {
namespace {

bool overlap(std::string_view a, std::string_view b) {
  return a.starts_with(b) || b.starts_with(a);
}

bool has_prefix_of(std::string_view key, const std::vector<std::string>& prefixes) {
  return std::ranges::any_of(prefixes,
                             [&](const std::string& prefix) { return key.starts_with(prefix); });
}

}  // namespace

Status Tracking::begin(CacheHolder& holder, TrackingMode mode) {
  const std::uint64_t id = holder.writer_id();
  const auto found = holders_.find(id);
  for (std::size_t i = 0; i < mode.prefixes.size(); ++i) {
    const auto refuse = [&](std::string_view other, std::string_view why) {
      return fail(Code::err, "Prefix '" + mode.prefixes[i] + "' overlaps with " + std::string(why) +
                                 " '" + std::string(other) +
                                 "'. Prefixes for a single client must not overlap.");
    };
    if (found != holders_.end()) {
      for (const std::string& had : found->second.mode.prefixes)
        if (overlap(mode.prefixes[i], had)) return refuse(had, "an existing prefix");
    }
    for (std::size_t j = i + 1; j < mode.prefixes.size(); ++j) {
      if (overlap(mode.prefixes[i], mode.prefixes[j]))
        return refuse(mode.prefixes[j], "another provided prefix");
    }
  }
  if (found != holders_.end()) {
    const std::vector<std::string>& had = found->second.mode.prefixes;
    mode.prefixes.insert(mode.prefixes.end(), had.begin(), had.end());
  } else if (mode.broadcasts) {
    broadcasting_.push_back(id);
  }
  holders_.insert_or_assign(id, Held{&holder, std::move(mode), {}});
  return {};
}

void Tracking::end(CacheHolder& holder) {
  const std::uint64_t id = holder.writer_id();
  if (holders_.erase(id) == 0) return;
  std::erase(broadcasting_, id);
  std::erase(to_tell_, id);
  if (!holders_.empty()) return;
  keys_ = {};
  by_keyspace_ = {};
}

const TrackingMode* Tracking::mode_of(const CacheHolder& holder) const {
  const auto found = holders_.find(holder.writer_id());
  return found == holders_.end() ? nullptr : &found->second.mode;
}

void Tracking::reads(const CacheHolder& holder, std::string_view key) {
  const TrackingMode* const mode = mode_of(holder);
  if (mode == nullptr || mode->broadcasts) return;
  auto found = keys_.find(key);
  if (found == keys_.end()) {
    if (keys_.size() >= keys_max_) make_room();
    found = keys_.try_emplace(std::string(key)).first;
    ++by_keyspace_[keyspace_of(key)];
  }
  Readers& readers = found->second;
  const std::uint64_t id = holder.writer_id();
  if (std::ranges::find(readers, id) != readers.end()) return;
  if (readers.size() == readers.capacity())  // those that have gone make room first
    std::erase_if(readers, [&](std::uint64_t reader) { return !holders_.contains(reader); });
  readers.push_back(id);
}

// Whichever the table happens to lay first.
void Tracking::make_room() {
  const auto evicted = keys_.begin();
  const std::uint64_t writer = std::exchange(writer_, 0);
  for (const std::uint64_t id : evicted->second) note(id, evicted->first);
  writer_ = writer;
  forget(evicted);
  ++counters_.evicted;
}

void Tracking::forget(StringMap<Readers>::iterator key) {
  const auto counted = by_keyspace_.find(keyspace_of(key->first));
  if (--counted->second == 0) by_keyspace_.erase(counted);
  keys_.erase(key);
}

std::size_t Tracking::keys_of(std::string_view keyspace) const {
  const auto found = by_keyspace_.find(keyspace);
  return found == by_keyspace_.end() ? 0 : found->second;
}

void Tracking::note(std::uint64_t id, std::string_view key) {
  const auto found = holders_.find(id);
  if (found == holders_.end() || (found->second.mode.no_loop && id == writer_)) return;
  std::vector<std::string>& told = found->second.told;
  if (told.empty()) to_tell_.push_back(id);
  if (told.empty() || told.back() != key) told.emplace_back(key);
}

void Tracking::changed(std::string_view key) {
  if (const auto found = keys_.find(key); found != keys_.end()) {
    for (const std::uint64_t id : found->second) note(id, key);
    forget(found);
  }
  for (const std::uint64_t id : broadcasting_) {
    const std::vector<std::string>& prefixes = holders_.at(id).mode.prefixes;
    if (prefixes.empty() || has_prefix_of(key, prefixes)) note(id, key);
  }
}

void Tracking::tell() {
  if (std::exchange(all_changed_, false)) {
    keys_ = {};
    by_keyspace_ = {};
    for (auto& [id, held] : holders_) {
      held.told.clear();
      held.holder->forget_all();
    }
    to_tell_.clear();
    return;
  }
  std::vector<std::string_view> views;
  for (const std::uint64_t id : std::exchange(to_tell_, {})) {
    Held& held = holders_.at(id);
    const std::vector<std::string> told = std::exchange(held.told, {});
    views.assign(told.begin(), told.end());
    counters_.told += views.size();
    held.holder->forget_keys(views);
  }
}

void Tracking::cut_all(std::string_view why) {
  for (const auto& [id, held] : holders_) held.holder->cut(why);
}

std::size_t Tracking::prefixes() const {
  std::size_t count = 0;
  for (const std::uint64_t id : broadcasting_)
    count += std::max<std::size_t>(holders_.at(id).mode.prefixes.size(), 1);
  return count;
}

}  // namespace holdfast::server
