// SPDX-License-Identifier: Apache-2.0
#include "trial/faults.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace holdfast::trial {
namespace asio = boost::asio;

namespace {

constexpr milliseconds healthy_least{1'000}, healthy_most{2'500};
constexpr milliseconds broken_least{300}, broken_most{3'000};
constexpr milliseconds probe_patience{3'000};
constexpr milliseconds look_every{50};
constexpr milliseconds shell_most{60'000};

}  // namespace

Faults::Faults(Load& load, OwnCluster* own, Hooks hooks, std::uint64_t seed, milliseconds patience)
    : load_(load), own_(own), hooks_(std::move(hooks)), random_(seed), patience_(patience) {}

std::size_t Faults::below(std::size_t end) {
  return std::uniform_int_distribution<std::size_t>(0, end - 1)(random_);
}

milliseconds Faults::between(milliseconds least, milliseconds most) {
  return least + milliseconds(below(static_cast<std::size_t>((most - least).count()) + 1));
}

Fault Faults::kill(Process& process) {
  return {.what = "kill -9 " + process.name(),
          .strike = [&process]() -> asio::awaitable<Status> {
            process.kill();
            co_return Status();
          },
          .mend = [&process]() -> asio::awaitable<Status> { co_return process.start(); }};
}

Fault Faults::pause(Process& process) {
  return {.what = "SIGSTOP " + process.name(),
          .strike = [&process]() -> asio::awaitable<Status> {
            process.pause();
            co_return Status();
          },
          .mend = [&process]() -> asio::awaitable<Status> {
            process.resume();
            co_return Status();
          }};
}

Fault Faults::cut_from_etcd(std::size_t number) {
  OwnCluster::Node& node = own_->nodes()[number];
  return {.what = node.process->name() + " cut off from etcd",
          .strike = [&node]() -> asio::awaitable<Status> {
            for (Link* const link : node.etcd_links) link->cut();
            co_return Status();
          },
          .mend = [&node]() -> asio::awaitable<Status> {
            for (Link* const link : node.etcd_links) link->heal();
            co_return Status();
          }};
}

Fault Faults::cut_mesh() {
  return {.what = "nodes cut off from one another",
          .strike = [this]() -> asio::awaitable<Status> {
            for (Link* const link : own_->mesh_links()) link->cut();
            co_return Status();
          },
          .mend = [this]() -> asio::awaitable<Status> {
            for (Link* const link : own_->mesh_links()) link->heal();
            co_return Status();
          }};
}

Fault Faults::hook() {
  return {.what = hooks_.strike,
          .strike = [this]() { return shell(hooks_.strike); },
          .mend = [this]() { return shell(hooks_.mend); }};
}

asio::awaitable<Status> Faults::shell(std::string command) {
  if (command.empty()) co_return Status();
  Process process("the command", words("/bin/sh", "-c", command), hooks_.log_file);
  if (Status s = process.start(); !s) co_return s;
  const auto end = Clock::now() + shell_most;
  while (!process.ended_by_itself()) {
    if (Clock::now() > end)
      co_return fail(Code::err, fmt::format("\"{}\" has not ended for a minute", command));
    co_await pause_for(look_every);
  }
  co_return Status();
}

Fault Faults::draw() {
  if (own_ == nullptr) return hook();
  std::vector<std::function<Fault()>> kinds;
  const auto some = [this](auto& all) -> Process& { return *all[below(all.size())]; };
  const auto node = [this]() -> Process& {
    return *own_->nodes()[below(own_->nodes().size())].process;
  };
  kinds.emplace_back([&] { return kill(node()); });
  kinds.emplace_back([&] { return pause(node()); });
  if (own_->nodes().size() > 1) kinds.emplace_back([&] { return cut_mesh(); });
  if (own_->has_engine()) {
    kinds.emplace_back([&] { return kill(some(own_->etcd())); });
    kinds.emplace_back([&] { return pause(some(own_->etcd())); });
    kinds.emplace_back([&] { return cut_from_etcd(below(own_->nodes().size())); });
  }
  return kinds[below(kinds.size())]();
}

asio::awaitable<Status> Faults::run() {
  while (true) {
    const auto end = Clock::now() + between(healthy_least, healthy_most);
    while (!load_.stopping && Clock::now() < end) co_await pause_for(look_every);
    if (load_.stopping) co_return Status();
    const Fault fault = draw();
    now_ = fault.what;
    const std::size_t at = load_.history.faults.size();
    load_.history.faults.push_back(
        {.what = fault.what, .start = load_.now(), .end = {}, .outage = load_.nodes.size() == 1});
    if (Status s = co_await fault.strike(); !s) co_return s;
    co_await pause_for(between(broken_least, broken_most));
    if (Status s = co_await fault.mend(); !s) co_return s;
    if (Status s = co_await until_all_answer(load_, patience_); !s)
      co_return fail(Code::err, fmt::format("after \"{}\": {}", fault.what, s.error().message));
    load_.history.faults[at].end = load_.now();
    now_.clear();
  }
}

asio::awaitable<Status> until_all_answer(Load& load, milliseconds patience) {
  const auto end = Clock::now() + patience;
  for (const Address& address : load.nodes) {
    Connection connection(load.io, address, load.login);
    for (const Ground& ground : load.grounds) {
      while (true) {
        const Called called =
            co_await connection.call(words("GET", ground.prefix + "probe"), probe_patience);
        if (called.how == Called::How::answered && !called.error()) break;
        if (Clock::now() > end) {
          const std::string said =
              called.how == Called::How::answered ? called.replies[0].text : called.why;
          co_return fail(Code::unavailable,
                         fmt::format("{} does not answer: {}", address.text(), said));
        }
        co_await pause_for(look_every);
      }
    }
  }
  co_return Status();
}

}  // namespace holdfast::trial
