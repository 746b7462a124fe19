// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "table/memory_rows.h"

namespace holdfast {
namespace {

class MemorySnapshot final : public StoreSnapshot {
 public:
  explicit MemorySnapshot(std::shared_ptr<const MemoryRows> rows) : rows_(std::move(rows)) {}

  Result<std::optional<std::string>> get(Family family, std::string_view key) override {
    return rows_->get(family, key);
  }
  Status scan(
      Family family, std::string_view from,
      const std::function<bool(std::string_view key, std::string_view value)>& each) override {
    rows_->scan(family, from, each);
    return {};
  }
  std::uint64_t rows_estimate() const override { return rows_->rows(); }

 private:
  std::shared_ptr<const MemoryRows> rows_;
};

class MemoryStore final : public Store {
 public:
  Result<std::optional<std::string>> get(Family family, std::string_view key) override {
    return rows_.get(family, key);
  }
  Status scan(
      Family family, std::string_view prefix, std::string_view from,
      const std::function<bool(std::string_view key, std::string_view value)>& each) override {
    rows_.scan(family, prefix, from, each);
    return {};
  }
  Status commit(CheckpointRows changes) override {
    rows_.apply(std::move(changes));
    return {};
  }
  std::uint64_t bytes_on_disk() const override { return 0; }
  Result<std::unique_ptr<StoreSnapshot>> snapshot() override {
    return make_memory_snapshot(std::make_shared<const MemoryRows>(rows_));
  }

 private:
  MemoryRows rows_;
};

}  // namespace

std::optional<std::string> MemoryRows::get(Family family, std::string_view key) const {
  const Rows& rows = of(family);
  const auto found = rows.find(key);
  return found == rows.end() ? std::nullopt : std::optional(found->second);
}

void MemoryRows::scan(
    Family family, std::string_view from,
    const std::function<bool(std::string_view key, std::string_view value)>& each) const {
  const Rows& rows = of(family);
  for (auto it = rows.lower_bound(from); it != rows.end(); ++it) {
    if (!each(it->first, it->second)) break;
  }
}

void MemoryRows::scan(
    Family family, std::string_view prefix, std::string_view from,
    const std::function<bool(std::string_view key, std::string_view value)>& each) const {
  scan(family, std::max(prefix, from), [&](std::string_view key, std::string_view value) {
    return key.starts_with(prefix) && each(key, value);
  });
}

void MemoryRows::apply(CheckpointRows changes) {
  changes.complete();
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
}

std::uint64_t MemoryRows::rows() const {
  std::uint64_t rows = 0;
  for (const Rows& family : families_) rows += family.size();
  return rows;
}

std::unique_ptr<StoreSnapshot> make_memory_snapshot(std::shared_ptr<const MemoryRows> rows) {
  return std::make_unique<MemorySnapshot>(std::move(rows));
}

std::unique_ptr<Store> make_memory_store() {
  return std::make_unique<MemoryStore>();
}

}  // namespace holdfast
