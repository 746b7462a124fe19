// SPDX-License-Identifier: Apache-2.0
#include "lab/show.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <utility>

namespace holdfast::lab {
namespace asio = boost::asio;
using nlohmann::json;
using trial::Link;
using trial::Way;

namespace {

constexpr Millis tell_every{250};
constexpr std::size_t slots_kept_max = 4 * 600;  // ten minutes
constexpr double ms_per_us = 0.001;

}  // namespace

Show::Show(Stage& stage, std::vector<Like> likes, std::uint64_t seed)
    : stage_(stage), likes_(std::move(likes)), seed_(seed) {}

json Show::links() {
  json all = json::array();
  for (const Link* const link : stage_.links())
    all.push_back({{"name", link->name()},
                   {"first", link->first()},
                   {"second", link->second()},
                   {"bytes", {link->traffic(Way::forth).bytes, link->traffic(Way::back).bytes}},
                   {"pieces", {link->traffic(Way::forth).pieces, link->traffic(Way::back).pieces}},
                   {"cut", {link->is_cut(Way::forth), link->is_cut(Way::back)}},
                   {"delay", link->delay().count()},
                   {"jitter", link->jitter().count()},
                   {"loss", link->loss()},
                   {"lost_replies", link->lost_replies()}});
  return all;
}

json Show::processes() {
  json all = json::object();
  for (const auto& names : {stage_.places().nodes(), stage_.places().etcd()}) {
    for (const std::string& name : names) {
      const auto state = stage_.state_of(name);
      all[name] = state == Stage::ProcessState::running  ? "running"
                  : state == Stage::ProcessState::paused ? "paused"
                                                         : "killed";
    }
  }
  return all;
}

json Show::run_state() {
  if (!run_) return nullptr;
  const Played& played = run_->played_so_far();
  json scenes = json::array();
  for (const LoadEnd& load : played.loads)
    scenes.push_back({{"name", load.scene}, {"what", load.what}, {"eventual", load.eventual}});
  return {{"scene", played.scene},
          {"scenes", std::move(scenes)},
          {"number", runs_},
          {"at_ms", static_cast<double>(run_->elapsed().count()) * ms_per_us},
          {"of_ms", run_->scenario().duration.count()},
          {"sentence", played.phases.empty() ? "" : sentence_of(run_->phase_so_far(), played)}};
}

json Show::state() {
  if (const Status s = stage_.check_processes(); !s) trouble_ = s.error().message;
  return {{"links", links()},
          {"processes", processes()},
          {"broken", stage_.broken()},
          {"run", run_state()},
          {"trouble", trouble_}};
}

std::string Show::all() {
  json all = state();
  all["all"] = true;
  all["cluster"] = stage_.describe();
  all["nodes"] = stage_.places().nodes();
  all["etcd"] = stage_.places().etcd();
  all["strong"] = stage_.has_strong();
  all["slots"] = slots_;
  all["result"] = result_;
  return all.dump();
}

asio::awaitable<void> Show::watch() {
  while (true) {
    co_await trial::pause_for(tell_every);
    json news = state();
    news["slots"] = std::exchange(fresh_, json::array());
    if (!std::exchange(told_result_, true)) news["result"] = result_;
    if (listener_) listener_(news.dump());
  }
}

void Show::take(const Slot& slot) {
  json loads = json::array();
  for (const Slot::Load& load : slot.loads) {
    json nodes = json::array();
    for (std::size_t i = 0; i < load.nodes.size(); ++i) {
      json node = to_json(load.nodes[i]);
      if (load.shown[i]) node["plain"] = load.shown[i]->plain;
      nodes.push_back(std::move(node));
    }
    loads.push_back(std::move(nodes));
  }
  json one = {{"at_ms", static_cast<double>(slot.at.count()) * ms_per_us},
              {"broken", !stage_.broken().empty()},
              {"loads", std::move(loads)}};
  if (slots_.size() < slots_kept_max) slots_.push_back(one);
  fresh_.push_back(std::move(one));
}

Status Show::act(std::string_view text) {
  const auto action = parse_action(text, stage_.places());
  if (!action) return tl::unexpected(action.error());
  return run_ ? run_->act(*action) : stage_.act(*action);
}

Status Show::play(std::string_view text) {
  if (run_) return fail(Code::busy, "a scene is being played: end it first");
  auto scenario = parse_scenario(text, stage_.places());
  if (!scenario) return tl::unexpected(scenario.error());
  if (!json::parse(text).contains("actions")) {
    Scenario ready = ready_made(scenario->scene, stage_.places());
    ready.rate = scenario->rate;
    *scenario = std::move(ready);
  }
  ++runs_;
  slots_.clear();
  fresh_.clear();
  result_ = nullptr;
  trouble_.clear();
  run_ = std::make_unique<Run>(stage_, *std::move(scenario), likes_, "run" + std::to_string(runs_),
                               seed_ + runs_);
  run_->on_slot([this](const Slot& slot) { take(slot); });
  asio::co_spawn(stage_.io(), run_it(), asio::detached);
  return {};
}

Status Show::end() {
  if (!run_) return fail(Code::err, "no scene is being played");
  run_->end();
  return {};
}

asio::awaitable<void> Show::run_it() {
  const auto played = co_await run_->play();
  if (played) {
    result_ = to_json(*played);
    told_result_ = false;
  } else {
    trouble_ = played.error().message;
  }
  run_.reset();
}

}  // namespace holdfast::lab
