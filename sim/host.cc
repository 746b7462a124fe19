// SPDX-License-Identifier: Apache-2.0
#include "sim/host.h"

#include <utility>

namespace holdfast::sim {
namespace {

std::optional<std::string> row_of(const Host::Families& families, Family family,
                                  std::string_view key) {
  const Host::Rows& rows = families[static_cast<std::size_t>(family)];
  const auto found = rows.find(key);
  return found == rows.end() ? std::nullopt : std::optional(found->second);
}

class Snapshot final : public StoreSnapshot {
 public:
  explicit Snapshot(std::shared_ptr<const Host::Families> families)
      : families_(std::move(families)) {}
  Result<std::optional<std::string>> get(Family family, std::string_view key) override {
    return row_of(*families_, family, key);
  }
  Status scan(
      Family family, std::string_view from,
      const std::function<bool(std::string_view key, std::string_view value)>& each) override {
    const Host::Rows& rows = (*families_)[static_cast<std::size_t>(family)];
    for (auto it = rows.lower_bound(from); it != rows.end(); ++it) {
      if (!each(it->first, it->second)) break;
    }
    return {};
  }
  std::uint64_t rows_estimate() const override { return 0; }

 private:
  std::shared_ptr<const Host::Families> families_;
};

class HostStore final : public Store {
 public:
  HostStore(Host& host, std::string folder, std::function<bool()> is_alive)
      : host_(host), folder_(std::move(folder)), is_alive_(std::move(is_alive)) {
    auto& families = host_.tables[folder_];
    if (families == nullptr) families = std::make_shared<const Host::Families>();
    families_ = families;
  }
  Result<std::optional<std::string>> get(Family family, std::string_view key) override {
    return row_of(*families_, family, key);
  }
  Status scan(
      Family family, std::string_view prefix, std::string_view from,
      const std::function<bool(std::string_view key, std::string_view value)>& each) override {
    Snapshot all(families_);
    return all.scan(family, std::max(prefix, from),
                    [&](std::string_view key, std::string_view value) {
                      return key.starts_with(prefix) && each(key, value);
                    });
  }
  Status commit(CheckpointRows changes) override {
    if (!is_alive_()) return fail(Code::io, "the process has ended");
    if (host_.commits_fail) return fail(Code::no_space, "no space left on the simulated disk");
    auto next = std::make_shared<Host::Families>(*families_);
    for (std::size_t i = 0; i < family_count; ++i) {
      const auto family = static_cast<Family>(i);
      Host::Rows& rows = (*next)[i];
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
    families_ = std::move(next);
    host_.tables[folder_] = families_;
    return {};
  }
  std::uint64_t bytes_on_disk() const override { return 0; }
  Result<std::unique_ptr<StoreSnapshot>> snapshot() override {
    return std::make_unique<Snapshot>(families_);
  }

 private:
  Host& host_;
  std::string folder_;
  std::function<bool()> is_alive_;
  std::shared_ptr<const Host::Families> families_;
};

}  // namespace

std::unique_ptr<Store> make_host_store(Host& host, std::string folder,
                                       std::function<bool()> is_alive) {
  return std::make_unique<HostStore>(host, std::move(folder), std::move(is_alive));
}

}  // namespace holdfast::sim
