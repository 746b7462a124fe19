// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <string>

#include "eventual/test_replica.h"

/// Commands by the name of what they do, for tests that tell stories.
namespace holdfast::eventual::testing {

inline Line effect_line(EffectKind kind, const std::string& key, const std::string& element,
                        const std::string& text, std::int64_t number, bool keep_expiry = false) {
  return {"EFFECTS",
          std::to_string(static_cast<int>(kind)),
          key,
          element,
          text,
          std::to_string(number),
          keep_expiry ? "1" : "0"};
}
inline Line set(const std::string& key, const std::string& text) {
  return effect_line(EffectKind::put_string, key, "", text, 0);
}
inline Line set_keeping_expiry(const std::string& key, const std::string& text) {
  return effect_line(EffectKind::put_string, key, "", text, 0, true);
}
inline Line add(const std::string& key, std::int64_t number) {
  return effect_line(EffectKind::add, key, "", "", number);
}
inline Line del(const std::string& key) {
  return effect_line(EffectKind::clear, key, "", "", 0);
}
inline Line hset(const std::string& key, const std::string& field, const std::string& text) {
  return effect_line(EffectKind::put_field, key, field, text, 0);
}
inline Line hadd(const std::string& key, const std::string& field, std::int64_t number) {
  return effect_line(EffectKind::add_field, key, field, "", number);
}
inline Line hdel(const std::string& key, const std::string& field) {
  return effect_line(EffectKind::remove_field, key, field, "", 0);
}
inline Line sadd(const std::string& key, const std::string& member) {
  return effect_line(EffectKind::add_member, key, member, "", 0);
}
inline Line srem(const std::string& key, const std::string& member) {
  return effect_line(EffectKind::remove_member, key, member, "", 0);
}
inline Line zadd(const std::string& key, const std::string& member, const std::string& score) {
  return effect_line(EffectKind::put_score, key, member, score, 0);
}
inline Line zincr(const std::string& key, const std::string& member, std::int64_t number) {
  return effect_line(EffectKind::add_score, key, member, "", number);
}
inline Line zrem(const std::string& key, const std::string& member) {
  return effect_line(EffectKind::remove_score, key, member, "", 0);
}
inline Line expire(const std::string& key, Instant at) {
  return effect_line(EffectKind::expire, key, "", "", to_ms(at));
}
inline Line persist(const std::string& key) {
  return effect_line(EffectKind::persist, key, "", "", 0);
}

inline std::vector<OriginId> origins(std::initializer_list<std::uint64_t> values) {
  std::vector<OriginId> result;
  for (const std::uint64_t value : values) result.push_back(OriginId{value});
  return result;
}

/// What readers see of one key, as text.
inline std::string see(TestReplica& replica, const std::string& key) {
  const Instant now = std::max(replica.wall, replica.replica().clock().wall());
  ModelState state = state_of(replica.table(), now);
  std::erase_if(state, [&](const auto& each) { return each.first != key; });
  std::string text = show(state);
  if (!text.empty()) text = text.substr(key.size() + 1, text.size() - key.size() - 2);
  return text;
}

/// Everybody tells everybody what they have; what is stable is folded.
inline void settle(std::initializer_list<TestReplica*> replicas) {
  for (TestReplica* to : replicas) {
    for (TestReplica* from : replicas)
      to->replica().acknowledged(from->self(), from->replica().merged(), from->replica().clock());
    while (to->replica().tidy(to->wall)) {
    }
  }
}

}  // namespace holdfast::eventual::testing
