// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <optional>
#include <string>

#include "cli/load_client.h"
#include "cli/operations.h"
#include "cli/reply_scanner.h"
#include "cli/retry.h"

namespace holdfast::cli {

/// What the connections of one load share.
class LoadRun {
 public:
  using Clock = std::chrono::steady_clock;
  virtual ~LoadRun() = default;
  /// The next operation to send; nothing when there is none left.
  virtual std::optional<Operations::Operation> take() = 0;
  /// An operation has ended.
  virtual void failed(std::uint64_t row, std::string_view error) = 0;
  /// One of them has nothing left to do.
  virtual void session_done() = 0;
  /// Ends the load before its time.
  virtual void stop(const std::string& why) = 0;
  virtual const LoadClient::Options& options() const = 0;
  virtual std::size_t replies_per_operation() const = 0;

  LoadReport report;
  Clock::time_point last_answer = Clock::now();
  std::string last_loss;  // why the last connection was lost
};

/// One connection of a load: connects, again where that is asked for, keeps
/// its share of operations under way, and follows each to its end.
class LoadSession {
 public:
  LoadSession(boost::asio::io_context& io, LoadRun& run, std::size_t number);

  void start() { connect(); }
  /// Looks whether an answer is overdue. Called now and then.
  void tick(LoadRun::Clock::time_point now);
  /// Ends at once; what is under way has failed.
  void abandon();
  bool done() const { return state_ == State::done; }

 private:
  using Clock = LoadRun::Clock;
  enum class State : std::uint8_t { connecting, greeting, running, waiting, done };
  struct Underway {
    Operations::Operation operation;
    Clock::time_point first_sent;
    Clock::time_point sent;
  };

  void connect();
  void greet();
  void greeted(const ScannedReply& reply);
  void pump();
  void write();
  void read();
  void received(Clock::time_point now);
  void answered(const ScannedReply& reply, Clock::time_point now);
  void ended(Underway underway, std::string_view error, bool replayed, Clock::time_point now);
  void pause(Clock::time_point now);
  void lost(const std::string& why);
  void close();
  std::string name() const;

  boost::asio::io_context& io_;
  LoadRun& run_;
  std::size_t number_;
  std::size_t tries_ = 0;    // connections made or tried, to spread over the addresses
  std::uint64_t epoch_ = 0;  // of the connection: what an older one's handlers bring is ignored
  State state_ = State::connecting;
  boost::asio::ip::tcp::resolver resolver_;
  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer timer_;
  Backoff backoff_;
  Clock::time_point last_activity_ = Clock::now();
  Clock::time_point paused_until_{};

  std::deque<Underway> again_;     // to be sent once more, before anything new
  std::deque<Underway> underway_;  // sent, in order
  std::size_t replies_seen_ = 0;   // of the first of them
  std::string first_error_;        // among those
  std::string out_, writing_;
  bool write_pending_ = false;
  std::string in_;
  std::size_t in_begin_ = 0;
};

}  // namespace holdfast::cli
