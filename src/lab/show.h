// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "lab/run.h"
#include "lab/stage.h"

namespace holdfast::lab {

/// What the page shows and can ask for: a stage, one run at a time on it, and
/// what the last one came to. One thread.
class Show {
 public:
  Show(Stage& stage, std::vector<Like> likes, std::uint64_t seed);

  /// Given to the page, as JSON: what there is and was, and then four times a second what is new.
  std::string all();
  void on_news(std::function<void(const std::string&)> listener) {
    listener_ = std::move(listener);
  }
  /// Until the io_context stops.
  boost::asio::awaitable<void> watch();

  /// Each takes a JSON text. `play`: a scenario; without "actions" the ready-made ones.
  Status act(std::string_view json);
  Status play(std::string_view json);
  Status end();

 private:
  boost::asio::awaitable<void> run_it();
  void take(const Slot& slot);
  nlohmann::json state();
  nlohmann::json links();
  nlohmann::json processes();
  nlohmann::json run_state();

  Stage& stage_;
  std::vector<Like> likes_;
  std::uint64_t seed_;
  std::function<void(const std::string&)> listener_;
  std::unique_ptr<Run> run_;
  std::uint64_t runs_ = 0;
  nlohmann::json slots_ = nlohmann::json::array();  // of the run under way, or of the last
  nlohmann::json fresh_ = nlohmann::json::array();  // not told yet
  nlohmann::json result_;                           // of the last
  bool told_result_ = true;
  std::string trouble_;  // why the last could not be played, or a process that has ended
};

}  // namespace holdfast::lab
