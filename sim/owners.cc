// SPDX-License-Identifier: Apache-2.0
#include "sim/owners.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

namespace holdfast::sim {
namespace {

constexpr std::array services = {"ann", "bob"};

std::string keyspace_of(const std::string& key) {
  return key.substr(0, key.find(':'));
}

bool is_giving(const verify::Command& command) {
  return command[0] == "KEYSPACE" && command[command.size() - 2] == "OWNER";
}

}  // namespace

std::vector<verify::Command> Owners::declarations() {
  return {{"SERVICE", "CREATE", root, "ADMIN"},
          {"SERVICE", "CREATE", everyone},
          {"SERVICE", "CREATE", "ann"},
          {"SERVICE", "CREATE", "bob"},
          {"KEYSPACE", "CREATE", "p", "GUARANTEE", "strong", "OWNER", "ann"},
          {"KEYSPACE", "CREATE", "q", "GUARANTEE", "eventual", "OWNER", "bob"}};
}

verify::Command Owners::sign_in(const std::string& service) const {
  return {"AUTH", service, tokens_.at(service)};
}

Call Owners::next() {
  if (!given_.empty() && random_.percent(80)) return use_what_was_given_away();
  const auto dice = random_.below(100);
  if (dice < 15) return give();
  if (dice < 20) return rotate();
  return use();
}

Call Owners::give() {
  const char* const keyspace = random_.percent(70) ? "p" : "q";
  return {.commands = {{"KEYSPACE", "ALTER", keyspace, "OWNER", services[random_.below(2)]}},
          .id = fmt::format("oid{}", ++ids_),
          .as = root};
}

Call Owners::rotate() {
  const char* const service = random_.percent(30) ? everyone : services[random_.below(2)];
  Call call{.commands = {{"SERVICE", "ROTATE", service}},
            .as = random_.percent(50) ? root : service};
  if (random_.percent(30) && service != everyone)
    call.commands[0].insert(call.commands[0].end(), {"OVERLAP", "0s"});
  return call;
}

Call Owners::use_what_was_given_away() {
  Call call = use();
  const Giving giving = given_.back();
  given_.pop_back();
  call.as = giving.owner == services[0] ? services[1] : services[0];
  call.commands[0][1] = fmt::format("{}:k{}", giving.keyspace, random_.below(3));
  if (call.commands[0][0] == "SET") call.commands[0][2] = fmt::format("{}-{}", call.as, ++values_);
  return call;
}

Call Owners::use() {
  const std::string key = fmt::format("{}:k{}", random_.percent(70) ? "p" : "q", random_.below(3));
  const auto dice = random_.below(10);
  Call call{.commands = {{"GET", key}},
            .as = dice < 4   ? services[0]
                  : dice < 8 ? services[1]
                             : everyone};
  if (random_.percent(50)) return call;
  call.commands = {{"SET", key, fmt::format("{}-{}", call.as, ++values_)}};
  if (random_.percent(50)) call.id = fmt::format("oid{}", ++ids_);
  return call;
}

void Owners::sent(const Call& call, verify::Time at) {
  const verify::Command& command = call.commands.front();
  if (is_giving(command))
    givings_[command[2]].try_emplace(call.id, Giving{command[2], command.back(), at, {}});
  if (command[0] == "SET" && !call.as.empty()) writes_.try_emplace(command[2], Write{call.as, at});
}

std::string Owners::heard(const Call& call, const verify::Answer& answer, verify::Time sent,
                          verify::Time now) {
  const verify::Command& command = call.commands.front();
  const bool error = answer.kind == verify::Answer::Kind::error;
  if (command[0] == "SERVICE" && !error) {
    tokens_[command[2]] = answer.text;
    ++counters.rotated;
  }
  if (is_giving(command) && !error) {
    Giving& giving = givings_[command[2]][call.id];
    if (!giving.ended) {
      giving.ended = now;
      given_.insert(given_.end(), {giving, giving, giving});
    }
    ++counters.given;
  }
  const bool uses = (command[0] == "GET" || command[0] == "SET") && !call.as.empty();
  if (!uses) return {};
  ++(error ? counters.refused : counters.served);
  if (error || may_have_owned(call.as, keyspace_of(command[1]), sent, now)) return {};
  return fmt::format("{} had {} {} though it is another's", call.as, command[0], command[1]);
}

bool Owners::may_have_owned(const std::string& service, const std::string& keyspace,
                            verify::Time from, verify::Time to) const {
  const auto& givings = givings_.at(keyspace);
  return std::ranges::any_of(givings, [&](const auto& entry) {
    const Giving& giving = entry.second;
    if (giving.owner != service || giving.began > to) return false;
    if (keyspace == "q") return true;
    // Unless it was taken away before, for certain and after it was given.
    return std::ranges::none_of(givings, [&](const auto& other) {
      const Giving& later = other.second;
      return later.owner != service && giving.ended && later.began > *giving.ended && later.ended &&
             *later.ended < from;
    });
  });
}

std::string Owners::check_value(const std::string& key, const std::string& value) const {
  const auto write = writes_.find(value);
  if (write == writes_.end()) return fmt::format("{} holds {}, which nobody wrote", key, value);
  // It may have been done long after it was sent.
  if (may_have_owned(write->second.service, keyspace_of(key), write->second.began,
                     std::numeric_limits<verify::Time>::max()))
    return {};
  return fmt::format("{} holds {}, by whom it did not belong to", key, value);
}

}  // namespace holdfast::sim
