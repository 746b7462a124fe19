// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "lab/places.h"
#include "lab/scenario.h"
#include "trial/link.h"
#include "trial/own_cluster.h"
#include "trial/proxy.h"

namespace holdfast::lab {

inline constexpr std::size_t etcd_members = 3;  // where there are any

struct StageOptions {
  std::string program;  // holdfast
  std::string folder;   // of data and logs
  std::size_t nodes = 3;
  std::string etcd;  // the program; empty: without
  std::uint64_t seed = 0;
  std::chrono::seconds patience{60};  // for nodes to answer
};

/// The processes and the links between them, with names, and what can be done
/// to them. One thread.
class Stage {
 public:
  Stage(boost::asio::io_context& io, StageOptions options);

  /// Processes of ours run, and every node answers.
  boost::asio::awaitable<Status> start();
  void stop() { cluster_.stop(); }
  /// What must be so before anything else counts. An error: a process has ended by itself.
  Status check_processes();

  boost::asio::io_context& io() { return io_; }
  const Places& places() const { return places_; }
  bool has_strong() const { return cluster_.has_strong(); }
  std::string describe() const { return cluster_.describe(); }
  /// Past all faults, and where clients of theirs connect.
  trial::Address node(std::size_t index) { return cluster_.nodes()[index].address; }
  trial::Address clients_of(std::size_t index) const;

  Status act(const Action& action);
  /// All as it was made: links whole, processes running.
  Status mend_all();
  /// In words: "node3 is cut off", "etcd1 is stopped". Empty: all is whole.
  std::vector<std::string> broken();

  enum class ProcessState : std::uint8_t { running, paused, stopped };
  ProcessState state_of(std::string_view process);
  std::vector<const trial::Link*> links() const;

 private:
  trial::Link* find_link(std::string_view name);
  trial::Process* find_process(std::string_view name);
  void act_on_link(const Action& action, const Places::Piece& piece);
  boost::asio::awaitable<Status> until_all_answer();

  boost::asio::io_context& io_;
  StageOptions options_;
  Places places_;
  std::vector<std::unique_ptr<trial::Link>> client_links_;
  trial::OwnCluster cluster_;
  std::vector<std::unique_ptr<trial::Proxy>> client_proxies_;
};

}  // namespace holdfast::lab
