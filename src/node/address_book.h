// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "log/etcd/api.h"
#include "log/etcd/keys.h"

namespace holdfast::node {

class Environment;

/// Where each node of a cluster is reached by the others, kept in etcd beside
/// the log: a node that has lost its place there knows no members. Best effort;
/// nothing but finding a peer depends on it. One thread.
class AddressBook {
 public:
  AddressBook(Environment& environment, std::shared_ptr<etcd::Api> api, std::string_view cluster,
              std::string node)
      : environment_(environment), api_(std::move(api)), keys_(cluster), node_(std::move(node)) {}

  /// Says where this node is; again with every call until etcd has it.
  void publish(const std::string& address);
  /// Asks for the others' addresses; `found` hears of them, if etcd answers. Not
  /// again while a question is under way.
  void look(std::function<void(std::vector<std::string>)> found);
  /// The others' addresses. Waits for etcd, at most `timeout`.
  Result<std::vector<std::string>> others(Millis timeout);

 private:
  std::vector<std::string> others_of(const etcd::RangeResult& nodes) const;

  Environment& environment_;
  std::shared_ptr<etcd::Api> api_;
  etcd::Keys keys_;
  std::string node_;
  bool published_ = false;
  bool under_way_ = false;
  bool looking_ = false;
};

}  // namespace holdfast::node
