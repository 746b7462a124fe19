// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/limits.h"
#include "base/units.h"
#include "mesh/link.h"
#include "mesh/reception.h"

namespace holdfast::mesh {

/// The Reception of a node, over TCP. Greetings are read on
/// the thread that runs the io_context; rows are read and sent on a thread of
/// each stream's own, so that a slow disk or receiver delays nobody else. The
/// io_context outlives it and does not run after it is gone.
class CheckpointServer final : public Reception {
 public:
  CheckpointServer(boost::asio::io_context& io, Options options);
  ~CheckpointServer() override;

  Status listen(std::string_view address, Reach reach = Reach::loopback) override;
  std::string address() const override;
  void stop_accepting() override;
  Counters counters() const override;

 private:
  struct Connection;
  using Held = std::shared_ptr<Connection>;

  void accept_when_ready();
  void accept_some();
  void read(const Held& connection);
  void read_frames(const Held& connection);
  bool take(const Held& connection, const Frame& frame);
  bool say(const Held& connection, std::string bytes);
  void challenge(const Held& connection);
  void refuse_stranger(const Held& connection, const std::string& why);
  void greeted(const Held& connection, const Hello& hello);
  Status may_greet(const Hello& hello) const;
  Status may_begin(const Hello& hello) const;
  void hand_over(const Held& connection, const Hello& hello);
  void answer(const Held& connection, const Hello& hello);
  void refuse(const Held& connection, Refusal refusal, const std::string& text);
  void start(const Held& connection, CheckpointSource source);
  void stream_ended(const Held& connection);
  void drop(const Held& connection);
  void schedule_tick();

  boost::asio::io_context& io_;
  Options options_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer timer_;
  boost::asio::ip::tcp::endpoint endpoint_;
  bool accept_paused_ = false;
  std::vector<Held> connections_;
  Counters counters_;
};

}  // namespace holdfast::mesh
