// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "lab/crowd.h"
#include "lab/meter.h"
#include "lab/scenario.h"
#include "lab/scenes.h"
#include "lab/stage.h"
#include "lab/verdict.h"

namespace holdfast::lab {

/// How all nodes stood in a quarter of a second.
struct Slot {
  At at{0};
  struct Load {
    std::vector<Standing> nodes;
    std::vector<std::optional<Shown>> shown;
  };
  std::vector<Load> loads;  // as the scenes
};

/// A scenario as it is played on a stage. One thread.
class Run {
 public:
  /// `tag`: no other run's on the same data.
  Run(Stage& stage, Scenario scenario, const std::vector<Like>& likes, const std::string& tag,
      std::uint64_t seed);

  /// Until its time is over or it is told to end; then all is mended, what clients left open is
  /// settled, and the nodes are compared. An error: it could not be played.
  boost::asio::awaitable<Result<Played>> play();
  /// Beside what the scenario has.
  Status act(const Action& action);
  void end() { ending_ = true; }
  /// Called four times a second.
  void on_slot(std::function<void(const Slot&)> listener) { listener_ = std::move(listener); }

  /// The loads' ends are not judged yet.
  const Played& played_so_far() const { return played_; }
  /// What is under way, as it would be told if it ended now. Only while it plays.
  Phase phase_so_far() const;
  At elapsed() const { return watch_.now(); }
  const Scenario& scenario() const { return scenario_; }

 private:
  static constexpr std::uint64_t first_beat = 1;
  struct Load {
    std::unique_ptr<Scene> scene;
    Meter meter;
    std::unique_ptr<Crowd> crowd;
    std::vector<std::optional<Shown>> shown;  // last, by each node
    std::uint64_t unsound = 0;
    std::uint64_t wanted = 0;  // by each node, to have caught up
    bool caught_up = false;
  };

  boost::asio::awaitable<Status> prepare();
  boost::asio::awaitable<Status> prepare(Load& load);
  boost::asio::awaitable<Status> meet(Load& load);
  boost::asio::awaitable<Status> work();
  boost::asio::awaitable<void> look(std::size_t node);
  boost::asio::awaitable<void> beat(std::size_t load, std::size_t node);
  boost::asio::awaitable<void> tell_slots();
  boost::asio::awaitable<Status> finish();
  boost::asio::awaitable<Status> compare(std::size_t load, At mended);
  boost::asio::awaitable<bool> ask_all(Load& load, LoadEnd& end);
  struct Asked {
    At at;
    std::uint64_t acknowledged;
  };
  Asked ask_now(const Load& load) const { return {watch_.now(), load.meter.acknowledged()}; }
  void note(Load& load, std::size_t node, const Asked& asked, const trial::Called& called);
  void begin_phase(std::vector<std::string> actions, bool mends);
  void end_phase();
  void notice_caught_up();
  bool is_chasing() const;
  std::size_t nodes() const { return stage_.places().nodes().size(); }

  Stage& stage_;
  Scenario scenario_;
  std::string tag_;
  Watch watch_;
  std::vector<Load> loads_;
  Played played_;
  std::function<void(const Slot&)> listener_;
  std::size_t looking_ = 0;
  bool looks_ = false;
  bool ending_ = false;
  bool comparing_ = false;
};

}  // namespace holdfast::lab
