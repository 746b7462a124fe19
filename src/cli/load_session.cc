// SPDX-License-Identifier: Apache-2.0
#include "cli/load_session.h"

#include <fmt/format.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/write.hpp>

#include "base/error.h"

namespace holdfast::cli {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {
// Servers answer within their own deadline, 5 s unless told otherwise; one that
// is silent for longer is stopped or cut off.
constexpr std::chrono::seconds answer_timeout{15};
constexpr std::size_t read_bytes = 64 * 1024;
}  // namespace

LoadSession::LoadSession(asio::io_context& io, LoadRun& run, std::size_t number)
    : io_(io),
      run_(run),
      number_(number),
      resolver_(io),
      socket_(io),
      timer_(io),
      backoff_(number * 0x9E3779B97F4A7C15 + 1) {}

std::string LoadSession::name() const {
  const auto& addresses = run_.options().addresses;
  const auto& address = addresses[(number_ + tries_) % addresses.size()];
  return fmt::format("{}:{}", address.host, address.port);
}

void LoadSession::connect() {
  state_ = State::connecting;
  last_activity_ = Clock::now();
  const std::uint64_t epoch = ++epoch_;
  const auto& addresses = run_.options().addresses;
  const auto& address = addresses[(number_ + tries_) % addresses.size()];
  socket_ = asio::ip::tcp::socket(io_);
  resolver_.async_resolve(
      address.host, address.port,
      [this, epoch](error_code error, const asio::ip::tcp::resolver::results_type& found) {
        if (epoch != epoch_) return;
        if (error) return lost(error.message());
        asio::async_connect(socket_, found, [this, epoch](error_code failed, const auto&) {
          if (epoch != epoch_) return;
          if (failed) return lost(failed.message());
          error_code ignored;
          socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
          greet();
        });
      });
}

// RESP3, because there the server can mark a reply that is a replay. A server
// that does not know it is spoken to in RESP2, and all count as applied.
void LoadSession::greet() {
  state_ = State::greeting;
  last_activity_ = Clock::now();
  out_.clear();
  in_.clear();
  in_begin_ = 0;
  write_pending_ = false;
  if (const auto& sign_in = run_.options().sign_in) {
    out_ = fmt::format(
        "*6\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$7\r\nREPLAYS\r\n$4\r\nAUTH\r\n${}\r\n{}\r\n${}\r\n{}\r\n",
        sign_in->service.size(), sign_in->service, sign_in->token.size(), sign_in->token);
  } else {
    out_ = "*3\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$7\r\nREPLAYS\r\n";
  }
  write();
  read();
}

void LoadSession::greeted(const ScannedReply& reply) {
  const std::string_view code = code_of(reply.error);
  if (may_pass(code)) return lost(std::string(reply.error));
  for (const Code refusal : {Code::no_auth, Code::wrong_password, Code::no_permission}) {
    if (code == row_of(refusal).resp) return run_.stop(fmt::format("{}: {}", name(), reply.error));
  }
  backoff_.reset();
  state_ = State::running;
  pump();
}

void LoadSession::pump() {
  if (state_ != State::running) return;
  const auto now = Clock::now();
  if (now < paused_until_) return;
  if (underway_.empty()) last_activity_ = now;
  while (underway_.size() < run_.options().pipeline) {
    if (!again_.empty()) {
      underway_.push_back(std::move(again_.front()));
      again_.pop_front();
    } else if (auto operation = run_.take()) {
      underway_.push_back({*std::move(operation), now, now});
    } else {
      break;
    }
    underway_.back().sent = now;
    out_.append(underway_.back().operation.requests);
    ++run_.report.sent;
  }
  if (underway_.empty()) {
    close();
    state_ = State::done;
    return run_.session_done();
  }
  write();
}

void LoadSession::write() {
  if (write_pending_ || out_.empty()) return;
  write_pending_ = true;
  writing_.swap(out_);
  out_.clear();
  asio::async_write(socket_, asio::buffer(writing_),
                    [this, epoch = epoch_](error_code error, std::size_t) {
                      if (epoch != epoch_) return;
                      write_pending_ = false;
                      if (error) return lost(error.message());
                      write();
                    });
}

void LoadSession::read() {
  if (in_begin_ > 0) {
    in_.erase(0, in_begin_);
    in_begin_ = 0;
  }
  const std::size_t used = in_.size();
  in_.resize(used + read_bytes);
  socket_.async_read_some(asio::buffer(in_.data() + used, read_bytes),
                          [this, used, epoch = epoch_](error_code error, std::size_t bytes) {
                            if (epoch != epoch_) return;
                            in_.resize(used + bytes);
                            if (error) return lost(error.message());
                            received(Clock::now());
                          });
}

void LoadSession::received(Clock::time_point now) {
  last_activity_ = now;
  const std::uint64_t epoch = epoch_;
  while (in_begin_ < in_.size()) {
    const auto reply = scan_reply(std::string_view(in_).substr(in_begin_));
    if (!reply) return lost(reply.error().message);
    if (!*reply) break;
    if (!(*reply)->pushed) {
      if (state_ == State::greeting) {
        greeted(**reply);
      } else if (underway_.empty()) {
        return lost("an answer to nothing that was asked");
      } else {
        answered(**reply, now);
      }
      if (epoch != epoch_ || state_ == State::done) return;
    }
    in_begin_ += (*reply)->bytes;
  }
  pump();
  if (epoch == epoch_ && state_ != State::done) read();
}

// The last reply of an operation is its own; those before it (MULTI's and what
// was queued) matter only where they are errors, which EXEC's then follows from.
void LoadSession::answered(const ScannedReply& reply, Clock::time_point now) {
  if (first_error_.empty()) first_error_ = reply.error;
  if (++replies_seen_ < run_.replies_per_operation()) return;
  replies_seen_ = 0;
  const std::string error = std::exchange(first_error_, {});
  Underway underway = std::move(underway_.front());
  underway_.pop_front();
  run_.last_answer = now;
  run_.report.latencies.record(now - underway.sent);
  ended(std::move(underway), error, reply.replayed, now);
}

void LoadSession::ended(Underway underway, std::string_view error, bool replayed,
                        Clock::time_point now) {
  if (error.empty()) {
    backoff_.reset();
    ++(replayed ? run_.report.replayed : run_.report.applied);
    return;
  }
  const std::string_view code = code_of(error);
  ++run_.report.errors[std::string(code)];
  const auto& options = run_.options();
  if (!options.retry || !may_pass(code) || now - underway.first_sent > options.give_up_after) {
    return run_.failed(underway.operation.row, error);
  }
  again_.push_back(std::move(underway));
  pause(now);
}

void LoadSession::pause(Clock::time_point now) {
  if (now < paused_until_) return;  // for the others that were under way
  paused_until_ = now + backoff_.next();
  timer_.expires_at(paused_until_);
  timer_.async_wait([this, epoch = epoch_](error_code error) {
    if (!error && epoch == epoch_) pump();
  });
}

void LoadSession::lost(const std::string& why) {
  const std::string who = name();
  const bool had_one = state_ == State::running;
  close();
  ++tries_;
  if (had_one) ++run_.report.lost_connections;
  // In the order of sending, before what was put back earlier.
  while (!underway_.empty()) {
    again_.push_front(std::move(underway_.back()));
    underway_.pop_back();
  }
  replies_seen_ = 0;
  first_error_.clear();
  run_.last_loss = fmt::format("{}: {}", who, why);
  if (!run_.options().retry) return run_.stop(run_.last_loss);
  state_ = State::waiting;
  timer_.expires_after(backoff_.next());
  timer_.async_wait([this, epoch = epoch_](error_code error) {
    if (!error && epoch == epoch_) connect();
  });
}

void LoadSession::close() {
  ++epoch_;
  error_code ignored;
  resolver_.cancel();
  timer_.cancel();
  paused_until_ = {};
  socket_.close(ignored);
}

void LoadSession::tick(Clock::time_point now) {
  if (state_ == State::waiting || state_ == State::done) return;
  if (state_ == State::running && underway_.empty()) return;
  if (now - last_activity_ > answer_timeout) lost("no answer for 15 s");
}

void LoadSession::abandon() {
  if (state_ == State::done) return;
  close();
  state_ = State::done;
  for (const Underway& each : underway_) run_.failed(each.operation.row, {});
  for (const Underway& each : again_) run_.failed(each.operation.row, {});
  underway_.clear();
  again_.clear();
}

}  // namespace holdfast::cli
