// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "lab/meter.h"
#include "lab/scenes.h"
#include "trial/connection.h"

namespace holdfast::lab {

/// Time since a run began, by the one clock of all that is measured in it.
struct Watch {
  trial::Clock::time_point began = trial::Clock::now();
  At now() const { return std::chrono::duration_cast<At>(trial::Clock::now() - began); }
};

/// The clients of a scene: some at each node, each with one operation at a time,
/// together as many a second as the rate says, as long as nodes keep up. One thread.
class Crowd {
 public:
  struct Plan {
    double rate = 0;
    std::vector<trial::Address> nodes;  // where the clients of each connect
  };
  Crowd(boost::asio::io_context& io, Scene& scene, Meter& meter, const Watch& watch, Plan plan);

  void begin();
  /// No new operations. Those under way end in a second or two.
  void stop();
  bool idle() const { return working_ == 0; }
  /// Tries what is open again, under its id, at the `nodes` in turn, until it is answered.
  boost::asio::awaitable<void> settle(std::vector<trial::Address> nodes, Millis patience);

  /// With ids, and without.
  const Tally& protected_writes() const { return protected_; }
  const Tally& plain_writes() const { return plain_; }
  /// Strong reads that showed less than had been acknowledged before they were sent.
  std::uint64_t stale_reads() const { return stale_reads_; }
  /// An answer that nobody may give; ends a run.
  const std::string& unexpected() const { return unexpected_; }

 private:
  struct Client;
  boost::asio::awaitable<void> work(std::size_t home,
                                    std::shared_ptr<boost::asio::steady_timer> timer);
  boost::asio::awaitable<bool> wait_for_turn(std::size_t home, boost::asio::steady_timer& timer);
  /// Whether it was answered for good.
  boost::asio::awaitable<bool> attempt(Client& client, std::size_t node, const Op& op, bool again);
  boost::asio::awaitable<void> insist(Client& client, std::size_t home, Op op);
  void answered(std::size_t node, const Op& op, const trial::Called& called, At took,
                std::uint64_t before);
  void remember(Op op);
  Tally& tally_of(const Op& op) { return op.plain ? plain_ : protected_; }

  boost::asio::io_context& io_;
  Scene& scene_;
  Meter& meter_;
  const Watch& watch_;
  Plan plan_;
  std::vector<std::shared_ptr<boost::asio::steady_timer>> waiting_;  // a client each
  std::vector<trial::Clock::time_point> due_;  // the next operation, of each node's clients
  Tally protected_, plain_;
  std::deque<Op> open_;
  std::uint64_t stale_reads_ = 0;
  std::string unexpected_;
  std::size_t working_ = 0;
  bool stopping_ = false;
};

}  // namespace holdfast::lab
