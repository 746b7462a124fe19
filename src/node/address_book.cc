// SPDX-License-Identifier: Apache-2.0
#include "node/address_book.h"

#include <optional>
#include <utility>

#include "node/environment.h"

namespace holdfast::node {
namespace {

constexpr Millis question_timeout{2'000};

}  // namespace

void AddressBook::publish(const std::string& address) {
  if (published_ || under_way_) return;
  under_way_ = true;
  api_->transact(
      {.compares = {}, .puts = {{.key = keys_.node(node_), .value = address}}, .deletes = {}},
      question_timeout, [this](const etcd::Answer<etcd::TransactionResult>& answer) {
        under_way_ = false;
        published_ = answer.has_value();
      });
}

Result<std::vector<std::string>> AddressBook::others(Millis timeout) {
  const Monotonic give_up = api_->now() + timeout;
  const auto answer = std::make_shared<std::optional<etcd::Answer<etcd::RangeResult>>>();
  api_->range({.first = keys_.nodes_begin(), .end = etcd::prefix_end(keys_.nodes_begin())}, timeout,
              [answer](etcd::Answer<etcd::RangeResult> said) { *answer = std::move(said); });
  while (!*answer && api_->now() < give_up) {
    environment_.pause(Millis(5));
    api_->deliver();
  }
  if (!*answer) return fail(Code::unavailable, "etcd does not answer");
  if (!**answer) return fail(Code::unavailable, "etcd: " + (**answer).error().text);
  return others_of(***answer);
}

void AddressBook::look(std::function<void(std::vector<std::string>)> found) {
  if (std::exchange(looking_, true)) return;
  api_->range({.first = keys_.nodes_begin(), .end = etcd::prefix_end(keys_.nodes_begin())},
              question_timeout,
              [this, found = std::move(found)](const etcd::Answer<etcd::RangeResult>& answer) {
                looking_ = false;
                if (answer) found(others_of(*answer));
              });
}

std::vector<std::string> AddressBook::others_of(const etcd::RangeResult& nodes) const {
  std::vector<std::string> addresses;
  for (const etcd::KeyValue& node : nodes.kvs) {
    if (node.key != keys_.node(node_) && !node.value.empty()) addresses.push_back(node.value);
  }
  return addresses;
}

}  // namespace holdfast::node
