// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <map>
#include <utility>

#include "table/store.h"

namespace holdfast {
namespace {

using Rows = std::map<std::string, std::string, std::less<>>;
using Families = std::array<Rows, family_count>;

class MemorySnapshot final : public StoreSnapshot {
 public:
  explicit MemorySnapshot(Families families) : families_(std::move(families)) {}

  Result<std::optional<std::string>> get(Family family, std::string_view key) override {
    const Rows& rows = families_[static_cast<std::size_t>(family)];
    const auto found = rows.find(key);
    if (found == rows.end()) return std::nullopt;
    return std::optional(found->second);
  }

  Status scan(
      Family family, std::string_view from,
      const std::function<bool(std::string_view key, std::string_view value)>& each) override {
    const Rows& rows = families_[static_cast<std::size_t>(family)];
    for (auto it = rows.lower_bound(from); it != rows.end(); ++it) {
      if (!each(it->first, it->second)) break;
    }
    return {};
  }

  std::uint64_t rows_estimate() const override {
    std::uint64_t rows = 0;
    for (const Rows& family : families_) rows += family.size();
    return rows;
  }

 private:
  Families families_;
};

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

  Result<std::unique_ptr<StoreSnapshot>> snapshot() override {
    return std::make_unique<MemorySnapshot>(rows_);
  }

 private:
  Rows& of(Family family) { return rows_[static_cast<std::size_t>(family)]; }
  Families rows_;
};

}  // namespace

std::unique_ptr<Store> make_memory_store() {
  return std::make_unique<MemoryStore>();
}

}  // namespace holdfast
