// SPDX-License-Identifier: Apache-2.0
#include "trial/administration.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace holdfast::trial {
namespace asio = boost::asio;
using verify::Answer;

namespace {

constexpr milliseconds answer_patience{8'000};
constexpr milliseconds pause_between{50};
constexpr std::size_t keys_at_once = 200;

asio::awaitable<Called> ask(Load& load, Address node, verify::Command command) {
  Connection connection(load.io, std::move(node), load.login);
  co_return co_await connection.call(command, answer_patience);
}

}  // namespace

asio::awaitable<Result<Answer>> insist(Load& load, verify::Command command, milliseconds patience) {
  const auto end = Clock::now() + patience;
  std::string last = "no node answers";
  while (true) {
    for (const Address& node : load.nodes) {
      const Called called = co_await ask(load, node, command);
      if (called.how != Called::How::answered) {
        last = fmt::format("{}: {}", node.text(), called.why);
        continue;
      }
      if (!called.error()) co_return called.replies[0];
      last = called.replies[0].text;
      if (!may_pass(last)) co_return fail(Code::err, last);
    }
    if (Clock::now() > end) co_return fail(Code::unavailable, last);
    co_await pause_for(pause_between);
  }
}

asio::awaitable<std::optional<KeyspaceFacts>> keyspace_facts(Load& load, std::string name) {
  std::optional<KeyspaceFacts> facts;
  for (const Address& node : load.nodes) {
    const Called called = co_await ask(load, node, words("KEYSPACE", "INFO", name));
    if (called.how != Called::How::answered || called.error()) co_return std::nullopt;
    KeyspaceFacts told;
    const std::vector<Answer>& fields = called.replies[0].items;
    for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
      if (fields[i].text == "guarantee") told.eventual = fields[i + 1].text == "eventual";
      if (fields[i].text == "require-id") told.requires_id = fields[i + 1].text == "yes";
    }
    if (facts && facts->eventual != told.eventual) co_return std::nullopt;
    facts = told;
  }
  co_return facts;
}

std::set<std::string> keys_in(const verify::History& history, const Ground& ground) {
  std::set<std::string> keys;
  for (const verify::Operation& one : history.operations) {
    for (const verify::Command& command : one.commands) {
      const std::size_t end = command[0] == "MGET" ? command.size() : std::size_t{2};
      for (std::size_t i = 1; i < end; ++i) {
        if (command[i].starts_with(ground.prefix)) keys.insert(command[i]);
      }
    }
  }
  return keys;
}

asio::awaitable<Result<std::map<std::string, Answer>>> read_all(Load& load, Address node,
                                                                const Ground& ground,
                                                                const std::set<std::string>& keys) {
  std::map<std::string, Answer> values;
  Connection connection(load.io, node, load.login);
  for (auto at = keys.begin(); at != keys.end();) {
    std::vector<std::string> names;
    std::vector<verify::Command> reads;
    for (; at != keys.end() && reads.size() < keys_at_once; ++at) {
      const bool set = ground.eventual && (*at)[ground.prefix.size()] == Workload::set_kind;
      names.push_back(*at);
      reads.push_back(words(set ? "SMEMBERS" : "GET", *at));
    }
    Called called = co_await connection.call(std::move(reads), answer_patience);
    if (called.how != Called::How::answered)
      co_return fail(Code::unavailable, fmt::format("{}: {}", node.text(), called.why));
    for (std::size_t i = 0; i < names.size(); ++i) {
      Answer& value = called.replies[i];
      if (value.kind == Answer::Kind::error)
        co_return fail(Code::unavailable, fmt::format("{}: {}", node.text(), value.text));
      std::ranges::sort(value.items, {}, &Answer::text);
      values.emplace(names[i], std::move(value));
    }
  }
  co_return values;
}

asio::awaitable<std::set<std::string>> digests(Load& load, std::string keyspace) {
  std::set<std::string> all;
  for (const Address& node : load.nodes) {
    const Called called = co_await ask(load, node, words("KEYSPACE", "DIGEST", keyspace));
    if (called.how == Called::How::answered && !called.error())
      all.insert(verify::to_text(called.replies[0]));
  }
  co_return all;
}

}  // namespace holdfast::trial
