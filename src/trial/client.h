// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "trial/connection.h"
#include "trial/workload.h"
#include "verify/history.h"

namespace holdfast::trial {

/// What the clients of one trial share. One thread.
struct Load {
  boost::asio::io_context& io;
  std::vector<Address> nodes;
  std::vector<Ground> grounds;
  std::uint64_t seed = 0;
  Login login;      // of all of them
  std::string run;  // begins every request id: none of another trial's on the same data
  std::size_t clients = 0;
  bool always_ids = false;  // a keyspace asks for them
  milliseconds think{0};    // on average, between a client's operations

  verify::History history{};
  Clock::time_point began{};
  bool stopping = false;
  bool hopeless = false;    // it is known already that something is wrong: nobody insists
  std::size_t working = 0;  // clients, and copies of theirs, that have not ended
  std::uint64_t operations = 0;
  std::uint64_t given_up = 0;
  std::string unexpected{};  // an answer that no working cluster gives; ends the trial

  verify::Time now() const;
};

/// A client with one operation outstanding. It tries at some node, and where
/// that refuses for now, does not know, is lost or does not answer, tries the
/// same operation under the same id at another. Now and then it hangs up before
/// the answer, or sends a copy elsewhere at the same time or much later. All
/// its tries go into the history.
class Client {
 public:
  Client(Load& load, std::size_t number);

  /// Until the load is to stop.
  boost::asio::awaitable<void> run();

 private:
  struct Node {
    std::unique_ptr<Connection> connection;
    Clock::time_point avoid_until{};
  };

  boost::asio::awaitable<void> write(Step step);
  boost::asio::awaitable<void> read(Step step);
  /// A read elsewhere that must show all that the first node has.
  boost::asio::awaitable<void> read_behind_token(Step step);
  /// A try of its own, later, on a connection of its own.
  boost::asio::awaitable<void> copy(Step step, std::string id, std::size_t node,
                                    milliseconds after);
  /// One try, written down; whether it was answered for good.
  boost::asio::awaitable<bool> attempt(Connection& connection, const Step& step,
                                       const std::string& id, std::vector<std::string> before,
                                       const verify::After* after);
  boost::asio::awaitable<bool> attempt_at(std::size_t node, const Step& step,
                                          const std::string& id);
  std::size_t pick_node(std::size_t other_than);
  milliseconds patience();

  Load& load_;
  std::size_t number_;
  Workload workload_;
  std::vector<Node> nodes_;
  std::uint64_t serial_ = 0;
};

}  // namespace holdfast::trial
