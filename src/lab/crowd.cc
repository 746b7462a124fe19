// SPDX-License-Identifier: Apache-2.0
#include "lab/crowd.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <memory>
#include <utility>

#include "base/limits.h"
#include "verify/resp.h"

namespace holdfast::lab {
namespace asio = boost::asio;
using trial::Called;
using trial::Clock;

namespace {

constexpr std::size_t clients_per_node = 24;
// A node answers within its --request-timeout, 1 s in a lab. Who insists goes elsewhere sooner.
constexpr Millis patience_usual{1'500};
constexpr Millis patience_insisting{300};
constexpr Millis insist_pause{20};
constexpr Millis settle_pause{50};
constexpr Millis insist_after_stop{20'000};  // until it is open
// Who is later than this offers less than the rate from then on, rather than all at once later.
constexpr std::chrono::milliseconds late_most{500};

}  // namespace

struct Crowd::Client {
  Client(asio::io_context& io, const std::vector<trial::Address>& nodes) {
    for (const trial::Address& node : nodes)
      connections.push_back(std::make_unique<trial::Connection>(io, node, trial::Login{}));
  }
  std::vector<std::unique_ptr<trial::Connection>> connections;
};

Crowd::Crowd(asio::io_context& io, Scene& scene, Meter& meter, const Watch& watch, Plan plan)
    : io_(io), scene_(scene), meter_(meter), watch_(watch), plan_(std::move(plan)) {}

void Crowd::begin() {
  const auto now = Clock::now();
  for (std::size_t node = 0; node < plan_.nodes.size(); ++node) {
    due_.push_back(now);
    for (std::size_t i = 0; i < clients_per_node; ++i) {
      ++working_;
      waiting_.push_back(std::make_shared<asio::steady_timer>(io_));
      asio::co_spawn(io_, work(node, waiting_.back()), asio::detached);
    }
  }
}

void Crowd::stop() {
  stopping_ = true;
  for (const auto& timer : waiting_) timer->cancel();
}

asio::awaitable<bool> Crowd::wait_for_turn(std::size_t home, asio::steady_timer& timer) {
  const auto every = std::chrono::duration_cast<Clock::duration>(
      std::chrono::duration<double>(static_cast<double>(plan_.nodes.size()) / plan_.rate));
  const auto now = Clock::now();
  const auto mine = std::max(due_[home], now - late_most);
  due_[home] = mine + every;
  if (mine > now) {
    timer.expires_at(mine);
    co_await timer.async_wait(trial::as_result);
  }
  co_return !stopping_;
}

asio::awaitable<void> Crowd::work(std::size_t home, std::shared_ptr<asio::steady_timer> timer) {
  Client client(io_, plan_.nodes);
  while (!stopping_ && unexpected_.empty()) {
    const bool goes_on = co_await wait_for_turn(home, *timer);
    if (!goes_on || open_.size() >= limits::lab_open_max) continue;
    Op op = scene_.next();
    if (op.write) ++tally_of(op).sent;
    if (scene_.insists()) {
      co_await insist(client, home, std::move(op));
      continue;
    }
    const bool settled = co_await attempt(client, home, op, false);
    if (!settled) remember(std::move(op));
  }
  --working_;
}

void Crowd::remember(Op op) {
  if (!op.write) return;
  ++tally_of(op).open;
  if (!op.id.empty()) open_.push_back(std::move(op));
}

asio::awaitable<void> Crowd::insist(Client& client, std::size_t home, Op op) {
  std::optional<Clock::time_point> end;
  for (std::size_t node = home;; node = (node + 1) % plan_.nodes.size()) {
    const bool settled = co_await attempt(client, node, op, node != home);
    if (settled) co_return;
    if (stopping_ && !end) end = Clock::now() + insist_after_stop;
    if (!unexpected_.empty() || (end && Clock::now() > *end)) break;
    co_await trial::pause_for(insist_pause);
  }
  remember(std::move(op));
}

asio::awaitable<bool> Crowd::attempt(Client& client, std::size_t node, const Op& op, bool again) {
  Tally& tally = tally_of(op);
  if (op.write) ++tally.tries;
  const Millis patience = scene_.insists() ? patience_insisting : patience_usual;
  const std::uint64_t before = meter_.acknowledged();
  const At began = watch_.now();
  const Called called = co_await client.connections[node]->call(
      verify::requests_of(op.commands, op.multi, op.id), patience);
  const At took = watch_.now() - began;
  answered(node, op, called, took, before);
  if (called.how == Called::How::not_sent) {
    // It had no effect. But an earlier try may have.
    if (again || scene_.insists()) co_return false;
    if (op.write) ++tally.refused;
    co_return true;
  }
  if (called.how == Called::How::lost) co_return false;
  if (!called.error()) co_return true;
  const bool refused = verify::outcome_of(called.replies.back().text) == verify::Outcome::refused;
  if (!refused || again || scene_.insists()) co_return false;
  if (op.write) ++tally.refused;
  co_return true;
}

void Crowd::answered(std::size_t node, const Op& op, const Called& called, At took,
                     std::uint64_t before) {
  if (called.how == Called::How::not_sent) return meter_.unknown(node, "UNREACHED");
  if (called.how == Called::How::lost) return meter_.unknown(node, "NOANSWER");
  const verify::Answer& answer = called.replies.back();
  if (called.error()) {
    const std::string code = answer.text.substr(0, answer.text.find(' '));
    if (!trial::may_pass(answer.text) && unexpected_.empty())
      unexpected_ = fmt::format("{} was answered {}", op.commands.front().front(), answer.text);
    if (verify::outcome_of(answer.text) == verify::Outcome::refused)
      return meter_.refused(node, code);
    return meter_.unknown(node, code);
  }
  if (op.write) {
    ++tally_of(op).acknowledged;
    if (!op.plain) meter_.accepted(node, watch_.now(), took);
    return;
  }
  meter_.read(node, took);
  const std::string& text = answer.text;
  if (scene_.is_eventual() || answer.kind != verify::Answer::Kind::text) return;
  if (std::strtoull(text.c_str(), nullptr, 10) < before) ++stale_reads_;
}

asio::awaitable<void> Crowd::settle(std::vector<trial::Address> nodes, Millis patience) {
  Client client(io_, nodes);
  const auto end = Clock::now() + patience;
  for (std::size_t node = 0; !open_.empty() && Clock::now() < end;) {
    const Op& op = open_.front();
    const Called called = co_await client.connections[node]->call(
        verify::requests_of(op.commands, op.multi, op.id), patience_usual);
    if (called.how == Called::How::answered && !called.error()) {
      --tally_of(op).open;
      ++tally_of(op).acknowledged;
      meter_.settled(watch_.now());
      open_.pop_front();
      continue;
    }
    node = (node + 1) % nodes.size();
    co_await trial::pause_for(settle_pause);
  }
}

}  // namespace holdfast::lab
