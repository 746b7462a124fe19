// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <utility>

#include "dedup/id_table.h"
#include "table/store.h"

namespace holdfast {

/// A store in memory that counts what it is asked, so that a test can say "this
/// costs no disk read", and can be made to fail or to hold damaged bytes.
class TestStore : public Store {
 public:
  Result<std::optional<std::string>> get(Family family, std::string_view key) override {
    ++reads;
    if (fails) return fail(Code::io, "the disk is gone");
    const auto it = rows(family).find(key);
    if (it == rows(family).end()) return std::nullopt;
    return it->second;
  }
  Status scan(
      Family family, std::string_view prefix, std::string_view from,
      const std::function<bool(std::string_view key, std::string_view value)>& each) override {
    for (auto it = rows(family).lower_bound(from); it != rows(family).end(); ++it) {
      if (!it->first.starts_with(prefix) || !each(it->first, it->second)) break;
    }
    return {};
  }
  Status commit(CheckpointRows changes) override {
    changes.complete();
    for (std::size_t f = 0; f < family_count; ++f) {
      const auto family = static_cast<Family>(f);
      for (const std::string& prefix : changes.erased_prefixes(family)) {
        std::erase_if(rows(family), [&](const auto& row) { return row.first.starts_with(prefix); });
      }
      for (const CheckpointRows::Row& row : changes.rows(family)) {
        if (row.value) {
          rows(family)[std::string(row.key)] = *row.value;
        } else {
          rows(family).erase(std::string(row.key));
        }
      }
    }
    return {};
  }
  std::uint64_t bytes_on_disk() const override { return 0; }

  std::map<std::string, std::string, std::less<>>& rows(Family family) {
    return families_[static_cast<std::size_t>(family)];
  }

  std::uint64_t reads = 0;
  bool fails = false;

 private:
  std::map<std::string, std::string, std::less<>> families_[family_count];
};

/// A whole checkpoint at once.
inline void checkpoint(IdTable& ids, Store& store) {
  CheckpointRows rows;
  ids.begin_checkpoint(rows);
  const Status committed = store.commit(std::move(rows));
  ids.end_checkpoint(committed.has_value());
}

inline IdKey id_of(std::uint64_t n) {
  return make_id_key({}, "id-" + std::to_string(n));
}
inline Instant at(std::int64_t ms) {
  return instant_from_ms(ms);
}

}  // namespace holdfast
