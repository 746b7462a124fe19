// SPDX-License-Identifier: Apache-2.0
#include "sim/host.h"

#include <utility>

namespace holdfast::sim {
namespace {

class HostStore final : public Store {
 public:
  HostStore(Host& host, std::string folder, std::function<bool()> is_alive)
      : host_(host), folder_(std::move(folder)), is_alive_(std::move(is_alive)) {
    auto& rows = host_.tables[folder_];
    if (rows == nullptr) rows = std::make_shared<const MemoryRows>();
    rows_ = rows;
  }
  Result<std::optional<std::string>> get(Family family, std::string_view key) override {
    return rows_->get(family, key);
  }
  Status scan(
      Family family, std::string_view prefix, std::string_view from,
      const std::function<bool(std::string_view key, std::string_view value)>& each) override {
    rows_->scan(family, prefix, from, each);
    return {};
  }
  Status commit(CheckpointRows changes) override {
    if (!is_alive_()) return fail(Code::io, "the process has ended");
    if (host_.commits_fail) return fail(Code::no_space, "no space left on the simulated disk");
    auto next = std::make_shared<MemoryRows>(*rows_);
    next->apply(std::move(changes));
    rows_ = std::move(next);
    host_.tables[folder_] = rows_;
    return {};
  }
  std::uint64_t bytes_on_disk() const override { return 0; }
  Result<std::unique_ptr<StoreSnapshot>> snapshot() override { return make_memory_snapshot(rows_); }

 private:
  Host& host_;
  std::string folder_;
  std::function<bool()> is_alive_;
  std::shared_ptr<const MemoryRows> rows_;
};

}  // namespace

std::unique_ptr<Store> make_host_store(Host& host, std::string folder,
                                       std::function<bool()> is_alive) {
  return std::make_unique<HostStore>(host, std::move(folder), std::move(is_alive));
}

}  // namespace holdfast::sim
