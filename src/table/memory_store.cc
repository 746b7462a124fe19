// SPDX-License-Identifier: Apache-2.0
#include <map>

#include "table/store.h"

namespace holdfast {
namespace {

class MemoryStore final : public Store {
 public:
  Result<std::optional<std::string>> get(Family family, std::string_view key) override {
    const Rows& rows = of(family);
    const auto found = rows.find(key);
    if (found == rows.end()) return std::nullopt;
    return std::optional(found->second);
  }

  Status scan(
      Family family, std::string_view prefix, std::string_view from,
      const std::function<bool(std::string_view key, std::string_view value)>& each) override {
    const Rows& rows = of(family);
    for (auto it = rows.lower_bound(std::max(prefix, from)); it != rows.end(); ++it) {
      if (!it->first.starts_with(prefix) || !each(it->first, it->second)) break;
    }
    return {};
  }

  Status commit(CheckpointRows changes) override {
    for (std::size_t i = 0; i < family_count; ++i) {
      const auto family = static_cast<Family>(i);
      Rows& rows = of(family);
      for (const std::string& prefix : changes.erased_prefixes(family)) {
        auto it = rows.lower_bound(prefix);
        while (it != rows.end() && it->first.starts_with(prefix)) it = rows.erase(it);
      }
      sort_rows(changes.rows(family));
      for (const CheckpointRows::Row& row : changes.rows(family)) {
        if (row.value) {
          rows.insert_or_assign(std::string(row.key), std::string(*row.value));
        } else if (const auto found = rows.find(row.key); found != rows.end()) {
          rows.erase(found);
        }
      }
    }
    return {};
  }

  std::uint64_t bytes_on_disk() const override { return 0; }

 private:
  using Rows = std::map<std::string, std::string, std::less<>>;
  Rows& of(Family family) { return rows_[static_cast<std::size_t>(family)]; }
  Rows rows_[family_count];
};

}  // namespace

std::unique_ptr<Store> make_memory_store() {
  return std::make_unique<MemoryStore>();
}

}  // namespace holdfast
