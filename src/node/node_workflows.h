// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "node/http_calls.h"
#include "node/workflow_driver.h"

namespace holdfast::node {

class Node;

/// A node's driver of workflows, and what it acts on. After the log's checkpoint was loaded.
class NodeWorkflows final : public WorkflowDriver::World {
 public:
  explicit NodeWorkflows(Node& node);

  /// After the sequencer's turn. True: it has asked for something, which another turn brings on.
  bool turn();
  /// When it wants another, though nothing else happens.
  std::optional<Monotonic> wanted_at() const;
  std::size_t in_flight() const { return driver_.in_flight(); }

  // World
  void append(const Row& row, const std::vector<std::string>& args, Answer done) override;
  void call(ServiceId service, const std::string& request_id,
            const workflow::FunctionRequest& request, Answer done) override;
  void send(const workflow::OutgoingHttp& request, const std::string& request_id, Millis timeout,
            std::function<void(workflow::Outcome)> done) override;
  bool is_eventual(std::string_view keyspace) override;
  bool is_mine(const workflow::RunName& run) override;

 private:
  void find_who_lives();

  Node& node_;
  std::unique_ptr<HttpCalls> http_;
  WorkflowDriver driver_;
  std::vector<std::string> living_;  // nodes, this one included
  Monotonic lived_at_{};             // when that was so
  bool acted_ = false;
};

}  // namespace holdfast::node
