// SPDX-License-Identifier: Apache-2.0
#include "trial/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <string_view>
#include <utility>

#include "verify/resp.h"

namespace holdfast::trial {
namespace asio = boost::asio;
using verify::Answer;

namespace {

// Nodes answer within their --request-timeout, 5 s where nobody says otherwise. Half of the clients
// wait for that; the others go elsewhere while their first try may still be under way.
constexpr milliseconds patience_whole{8'000};
constexpr milliseconds patience_hasty{300};
constexpr milliseconds avoid_unreachable{100};
constexpr milliseconds avoid_silent{2'000};
constexpr std::chrono::seconds give_up_after{30};
constexpr milliseconds pause_first{2}, pause_most{1'000};
constexpr std::uint64_t copy_after_most_ms = 1'500;

constexpr unsigned without_id_percent = 10;
constexpr unsigned leave_percent = 3;
constexpr unsigned copy_percent = 8;
constexpr unsigned token_percent = 25;

constexpr std::size_t nobody = SIZE_MAX;

}  // namespace

verify::Time Load::now() const {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch())
      .count();
}

Client::Client(Load& load, std::size_t number)
    : load_(load), number_(number), workload_(load.grounds, number, load.seed + number) {
  for (const Address& address : load.nodes)
    nodes_.push_back({std::make_unique<Connection>(load.io, address, load.login)});
}

milliseconds Client::patience() {
  return number_ % 2 == 0 ? patience_whole : patience_hasty;
}

asio::awaitable<void> Client::run() {
  while (!load_.stopping) {
    Step step =
        workload_.next(std::chrono::duration_cast<milliseconds>(Clock::now() - load_.began));
    if (step.write) {
      co_await write(std::move(step));
    } else if (step.eventual && nodes_.size() > 1 && workload_.percent(token_percent)) {
      co_await read_behind_token(std::move(step));
    } else {
      co_await read(std::move(step));
    }
    if (load_.think.count() > 0) {
      const auto most = static_cast<std::uint64_t>(2 * load_.think.count() + 1);
      co_await pause_for(milliseconds(workload_.below(most)));
    }
  }
  --load_.working;
}

asio::awaitable<void> Client::write(Step step) {
  ++serial_;
  const bool once = load_.always_ids || !workload_.percent(without_id_percent);
  const std::string id = once ? fmt::format("{}-{}-{}", load_.run, number_, serial_) : "";
  const auto end = Clock::now() + give_up_after;
  milliseconds pause = pause_first;
  std::size_t node = nobody;
  if (once && nodes_.size() > 1 && workload_.percent(copy_percent)) {
    const milliseconds after(workload_.percent(50) ? 0 : workload_.below(copy_after_most_ms));
    ++load_.working;
    asio::co_spawn(load_.io, copy(step, id, pick_node(nobody), after), asio::detached);
  }
  while (true) {
    node = pick_node(node);
    if (co_await attempt_at(node, step, id)) {
      ++load_.operations;
      co_return;
    }
    if (!once || Clock::now() > end || load_.hopeless) {
      ++load_.given_up;
      co_return;
    }
    co_await pause_for(
        milliseconds(workload_.below(static_cast<std::uint64_t>(pause.count()) + 1)));
    pause = std::min(pause * 2, pause_most);
  }
}

asio::awaitable<void> Client::read(Step step) {
  const auto end = Clock::now() + give_up_after;
  milliseconds pause = pause_first;
  std::size_t node = nobody;
  while (!load_.stopping && Clock::now() < end) {
    node = pick_node(node);
    if (co_await attempt_at(node, step, "")) {
      ++load_.operations;
      co_return;
    }
    co_await pause_for(
        milliseconds(workload_.below(static_cast<std::uint64_t>(pause.count()) + 1)));
    pause = std::min(pause * 2, pause_most);
  }
}

asio::awaitable<void> Client::read_behind_token(Step step) {
  const std::size_t from = pick_node(nobody);
  const verify::After after{load_.nodes[from].text(), load_.now()};
  const Called token = co_await nodes_[from].connection->call(words("TOKEN"), patience());
  if (token.how != Called::How::answered || token.error()) co_return;
  const std::size_t to = pick_node(from);
  if (co_await attempt(*nodes_[to].connection, step, "", words("AFTER", token.replies[0].text),
                       &after))
    ++load_.operations;
}

asio::awaitable<void> Client::copy(Step step, std::string id, std::size_t node,
                                   milliseconds after) {
  co_await pause_for(after);
  Connection connection(load_.io, load_.nodes[node], load_.login);
  co_await attempt(connection, step, id, {}, nullptr);
  --load_.working;
}

asio::awaitable<bool> Client::attempt_at(std::size_t node, const Step& step,
                                         const std::string& id) {
  const auto began = Clock::now();
  if (co_await attempt(*nodes_[node].connection, step, id, {}, nullptr)) co_return true;
  const bool silent = Clock::now() - began >= patience();
  nodes_[node].avoid_until = Clock::now() + (silent ? avoid_silent : avoid_unreachable);
  co_return false;
}

asio::awaitable<bool> Client::attempt(Connection& connection, const Step& step,
                                      const std::string& id, std::vector<std::string> before,
                                      const verify::After* after) {
  verify::Operation one{.client = std::to_string(number_),
                        .node = connection.address().text(),
                        .id = id,
                        .commands = step.commands,
                        .multi = step.multi,
                        .start = load_.now()};
  if (after != nullptr) one.after = *after;
  auto requests = verify::requests_of(step.commands, step.multi, id);
  requests.back().insert(requests.back().begin(), before.begin(), before.end());
  const bool leave = step.write && !id.empty() && workload_.percent(leave_percent);
  const Called called = co_await connection.call(std::move(requests), patience(), leave);
  if (called.how == Called::How::not_sent) co_return false;
  bool settled = false;
  if (called.how == Called::How::answered) {
    one.end = load_.now();
    const Answer& answer = called.replies.back();
    if (called.error()) {
      one.error = answer.text;
      one.outcome = verify::outcome_of(answer.text);
      if (!may_pass(answer.text) && load_.unexpected.empty())
        load_.unexpected = fmt::format("{} answered {}", to_text(one), answer.text);
    } else {
      one.answer = answer;
      one.outcome = verify::Outcome::applied;
      settled = true;
    }
  }
  load_.history.operations.push_back(std::move(one));
  co_return settled;
}

std::size_t Client::pick_node(std::size_t other_than) {
  std::vector<std::size_t> good, any;
  const auto now = Clock::now();
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (i == other_than && nodes_.size() > 1) continue;
    any.push_back(i);
    if (nodes_[i].avoid_until <= now) good.push_back(i);
  }
  const std::vector<std::size_t>& from = good.empty() ? any : good;
  return from[workload_.below(from.size())];
}

}  // namespace holdfast::trial
