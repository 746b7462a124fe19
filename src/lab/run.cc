// SPDX-License-Identifier: Apache-2.0
#include "lab/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <utility>

#include "verify/resp.h"

namespace holdfast::lab {
namespace asio = boost::asio;
using trial::Called;
using trial::Connection;

namespace {

constexpr Millis look_every{250};
constexpr Millis look_every_chasing{10};  // where it is measured when nodes have caught up
constexpr Millis look_patience{500};
constexpr Millis beat_every{100};
constexpr Millis short_pause{10};
constexpr Millis answer_patience{3'000};

bool mends(const Action& action) {
  return action.kind == Action::Kind::heal || action.kind == Action::Kind::resume ||
         action.kind == Action::Kind::start;
}

}  // namespace

Run::Run(Stage& stage, Scenario scenario, const std::vector<Like>& likes, const std::string& tag,
         std::uint64_t seed)
    : stage_(stage), scenario_(std::move(scenario)), tag_(tag) {
  played_.scene = to_text(scenario_.scene);
  played_.nodes = stage.places().nodes();
  for (auto& scene : make_scenes(scenario_, nodes(), tag, likes, seed)) {
    played_.loads.push_back({.scene = std::string(scene->name()),
                             .what = std::string(scene->what()),
                             .eventual = scene->is_eventual(),
                             .insists = scene->insists()});
    loads_.push_back({.scene = std::move(scene),
                      .meter = Meter(nodes()),
                      .crowd = nullptr,
                      .shown = std::vector<std::optional<Shown>>(nodes())});
  }
}

// -- While clients work

asio::awaitable<Result<Played>> Run::play() {
  if (Status s = co_await prepare(); !s) co_return tl::unexpected(s.error());
  watch_ = Watch();
  begin_phase({}, false);
  Status done = co_await work();
  looks_ = false;
  if (done) done = co_await finish();
  while (looking_ > 0) co_await trial::pause_for(short_pause);
  if (!done) co_return tl::unexpected(done.error());
  co_return std::move(played_);
}

asio::awaitable<Status> Run::work() {
  for (Load& load : loads_) load.crowd->begin();
  looks_ = true;
  for (std::size_t node = 0; node < nodes(); ++node) {
    ++looking_;
    asio::co_spawn(stage_.io(), look(node), asio::detached);
    for (std::size_t load = 0; load < loads_.size(); ++load) {
      ++looking_;
      asio::co_spawn(stage_.io(), beat(load, node), asio::detached);
    }
  }
  ++looking_;
  asio::co_spawn(stage_.io(), tell_slots(), asio::detached);
  Status done;
  auto next = scenario_.actions.begin();
  while (done && !ending_ && watch_.now() < scenario_.duration) {
    while (done && next != scenario_.actions.end() && next->at <= watch_.now())
      done = act((next++)->action);
    if (done) done = stage_.check_processes();
    for (const Load& load : loads_) {
      if (done && !load.crowd->unexpected().empty())
        done = fail(Code::err, "a client " + load.crowd->unexpected());
    }
    co_await trial::pause_for(short_pause);
  }
  comparing_ = true;
  for (const Load& load : loads_) load.crowd->stop();
  for (const Load& load : loads_) {
    while (!load.crowd->idle()) {
      // What is cut stays so as long as clients that insist are at work: else it is mended first.
      if (load.scene->insists() && done && !stage_.broken().empty()) {
        done = stage_.mend_all();
        begin_phase({"mend all"}, true);
      }
      co_await trial::pause_for(short_pause);
    }
  }
  co_return done;
}

Status Run::act(const Action& action) {
  if (comparing_) return fail(Code::busy, "the scene is over: wait for its verdict");
  if (Status s = stage_.act(action); !s) return s;
  begin_phase({to_text(action)}, mends(action));
  return {};
}

void Run::begin_phase(std::vector<std::string> actions, bool mends) {
  const At now = watch_.now();
  // What is done at one moment begins one phase.
  constexpr At same_moment{20'000};
  if (!played_.phases.empty() && now - played_.phases.back().from < same_moment) {
    Phase& phase = played_.phases.back();
    phase.actions.insert(phase.actions.end(), actions.begin(), actions.end());
    // How long it takes to catch up tells something only where nothing else broke.
    phase.mended = phase.mended && mends;
    phase.broken = stage_.broken();
  } else {
    end_phase();
    played_.phases.push_back({.from = now,
                              .to = now,
                              .actions = std::move(actions),
                              .broken = stage_.broken(),
                              .mended = mends,
                              .loads = std::vector<LoadPhase>(loads_.size())});
  }
  for (Load& load : loads_) {
    load.wanted = load.meter.acknowledged();
    load.caught_up = false;
  }
}

void Run::end_phase() {
  if (played_.phases.empty()) return;
  Phase& phase = played_.phases.back();
  phase.to = watch_.now();
  for (std::size_t i = 0; i < loads_.size(); ++i)
    phase.loads[i].nodes = loads_[i].meter.end_phase();
}

Phase Run::phase_so_far() const {
  if (played_.phases.empty()) return {};
  Phase phase = played_.phases.back();
  phase.to = watch_.now();
  for (std::size_t i = 0; i < loads_.size(); ++i)
    phase.loads[i].nodes = loads_[i].meter.phase_so_far();
  return phase;
}

bool Run::is_chasing() const {
  return !played_.phases.empty() && played_.phases.back().mended &&
         !std::ranges::all_of(loads_, &Load::caught_up);
}

void Run::notice_caught_up() {
  if (!is_chasing()) return;
  Phase& phase = played_.phases.back();
  for (std::size_t i = 0; i < loads_.size(); ++i) {
    Load& load = loads_[i];
    if (load.caught_up) continue;
    load.caught_up = std::ranges::all_of(load.shown, [&](const auto& shown) {
      return static_cast<std::uint64_t>(shown ? shown->value : 0) >= load.wanted;
    });
    if (load.caught_up) phase.loads[i].caught_up = watch_.now() - phase.from;
  }
}

void Run::note(Load& load, std::size_t node, const Asked& asked, const Called& called) {
  if (called.how == Called::How::answered && !called.error()) {
    if (const auto shown = load.scene->shown(called.replies[0])) {
      load.shown[node] = *shown;
      load.meter.shows(node, asked.at, asked.acknowledged, shown->value, shown->beats);
      if (!shown->sound) ++load.unsound;
      return;
    }
  }
  load.meter.is_silent(node, asked.at, asked.acknowledged);
}

asio::awaitable<void> Run::look(std::size_t node) {
  Connection connection(stage_.io(), stage_.node(node), {});
  while (looks_) {
    const At began = watch_.now();
    for (Load& load : loads_) {
      const Asked asked = ask_now(load);
      const Called called = co_await connection.call(load.scene->probe(), look_patience);
      note(load, node, asked, called);
    }
    notice_caught_up();
    // In small steps: it may have to hurry at any moment.
    do {
      co_await trial::pause_for(look_every_chasing);
    } while (looks_ && !is_chasing() && watch_.now() - began < look_every);
  }
  --looking_;
}

asio::awaitable<void> Run::beat(std::size_t at, std::size_t node) {
  Load& load = loads_[at];
  Connection connection(stage_.io(), stage_.node(node), {});
  for (std::uint64_t number = first_beat + 1; looks_; ++number) {
    const Called called = co_await connection.call(load.scene->beat(node, number), answer_patience);
    if (called.how == Called::How::answered && !called.error())
      load.meter.beat(node, number, watch_.now());
    co_await trial::pause_for(beat_every);
  }
  --looking_;
}

asio::awaitable<void> Run::tell_slots() {
  while (looks_) {
    co_await trial::pause_for(look_every);
    Slot slot{.at = watch_.now(), .loads = {}};
    for (Load& load : loads_)
      slot.loads.push_back({.nodes = load.meter.end_slot(), .shown = load.shown});
    if (listener_) listener_(slot);
  }
  --looking_;
}

}  // namespace holdfast::lab
