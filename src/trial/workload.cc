// SPDX-License-Identifier: Apache-2.0
#include "trial/workload.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::trial {
namespace {

constexpr std::chrono::milliseconds generation{4'000};
constexpr std::uint64_t keys = 5;
constexpr std::uint64_t accounts = 4;

Step read(verify::Command command, bool eventual) {
  return {.commands = {std::move(command)}, .eventual = eventual};
}

Step write(verify::Command command, bool eventual) {
  return {.commands = {std::move(command)}, .write = true, .eventual = eventual};
}

}  // namespace

Step Workload::next(std::chrono::milliseconds elapsed) {
  const std::string now = std::to_string(elapsed / generation);
  if (now != generation_) added_.clear();
  generation_ = now;
  const Ground& ground = grounds_[below(grounds_.size())];
  return ground.eventual ? eventual_step(ground, now) : strong_step(ground, now);
}

std::string Workload::key(const Ground& ground, char kind, const std::string& generation,
                          std::uint64_t of) {
  return fmt::format("{}{}{}-{}", ground.prefix, kind, generation, below(of));
}

std::string Workload::fresh_value() {
  return fmt::format("v{}.{}", client_, ++values_);
}

Step Workload::strong_step(const Ground& ground, const std::string& generation) {
  const std::uint64_t dice = below(100);
  if (dice < 24)
    return write({"INCRBY", key(ground, 'c', generation, keys), std::to_string(1 + below(5))},
                 false);
  if (dice < 40) return write({"SET", key(ground, 'r', generation, keys), fresh_value()}, false);
  if (dice < 44) return write({"DEL", key(ground, 'r', generation, keys)}, false);
  if (dice < 60) {
    const std::uint64_t from = below(accounts);
    const std::uint64_t to = (from + 1 + below(accounts - 1)) % accounts;
    const std::string amount = std::to_string(1 + below(9));
    const std::string account = fmt::format("{}a{}-", ground.prefix, generation);
    return {.commands = {{"DECRBY", account + std::to_string(from), amount},
                         {"INCRBY", account + std::to_string(to), amount}},
            .multi = true,
            .write = true};
  }
  if (dice < 72) return read({"GET", key(ground, 'c', generation, keys)}, false);
  if (dice < 90) return read({"GET", key(ground, 'r', generation, keys)}, false);
  verify::Command all{"MGET"};
  for (std::uint64_t i = 0; i < accounts; ++i)
    all.push_back(fmt::format("{}a{}-{}", ground.prefix, generation, i));
  return read(std::move(all), false);
}

Step Workload::eventual_step(const Ground& ground, const std::string& generation) {
  const std::uint64_t dice = below(100);
  if (dice < 30)
    return write({"INCRBY", key(ground, 'c', generation, keys), std::to_string(1 + below(5))},
                 true);
  if (dice < 45) return write({"SET", key(ground, 't', generation, keys), fresh_value()}, true);
  if (dice < 65) return set_step(key(ground, set_kind, generation, keys));
  if (dice < 80) return read({"GET", key(ground, 'c', generation, keys)}, true);
  if (dice < 90) return read({"GET", key(ground, 't', generation, keys)}, true);
  return read({"SMEMBERS", key(ground, 's', generation, keys)}, true);
}

Step Workload::set_step(const std::string& key) {
  std::vector<std::string>& mine = added_[key];
  if (!mine.empty() && percent(40)) {
    std::swap(mine[below(mine.size())], mine.back());
    Step step = write({"SREM", key, mine.back()}, true);
    mine.pop_back();
    return step;
  }
  mine.push_back(fresh_value());
  return write({"SADD", key, mine.back()}, true);
}

}  // namespace holdfast::trial
