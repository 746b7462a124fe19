// SPDX-License-Identifier: Apache-2.0
#include "sim/http_service.h"

#include <array>

#include "base/assert.h"
#include "workflow/json.h"

namespace holdfast::sim {
namespace {

// Each of the kinds of trouble comes about as often.
constexpr std::uint64_t kinds_of_trouble = 4;
constexpr std::uint64_t away_ms_max = 3'000;
constexpr std::array passing = {408L, 425L, 429L, 500L, 503L};

}  // namespace

bool HttpService::in_trouble() {
  return trouble_percent_ > 0 && random_.below(100 * kinds_of_trouble) < trouble_percent_;
}

void HttpService::heal() {
  trouble_percent_ = 0;
  away_until_ = {};
  opens_at_ = agenda_.now();
}

HttpService::Answer HttpService::ask(const std::string& from, const std::string& key,
                                     const std::string& body) {
  const auto json = workflow::parse_json(body);
  HF_ASSERT(json);
  const Call call{.run = (*json)["run"], .step = (*json)["step"], .undo = (*json)["undo"]};
  ++seen_[call].asked;
  askers_[call.run].insert(from);
  if (trouble_percent_ > 0 && random_.percent(1))
    away_until_ = agenda_.now() + random_.millis(1, away_ms_max);
  if (agenda_.now() < away_until_ || in_trouble()) {
    ++counters.busy;
    return {passing[random_.below(passing.size())], "not now"};
  }
  auto [known, is_new] = answered_.try_emplace(key);
  if (is_new) {
    known->second = decide(call, (*json)["fate"]);
    // Whoever stands before it does not hear what it says.
    if (in_trouble()) return {502, "no answer from behind"};
  }
  return known->second;
}

HttpService::Answer HttpService::decide(const Call& call, const std::string& fate) {
  const auto refuse = [&](long status, const char* why) {
    ++counters.refused;
    return Answer{status, why};
  };
  if (fate == "refuse") return refuse(422, "it is refused");
  if (fate == "gate" && agenda_.now() < opens_at_) return refuse(409, "the gate is closed");
  const auto undone = seen_.find({.run = call.run, .step = call.step, .undo = true});
  if (!call.undo && undone != seen_.end() && undone->second.effects > 0)
    return refuse(410, "it was undone before");
  ++seen_[call].effects;
  return {200, R"({"ok": true})"};
}

}  // namespace holdfast::sim
