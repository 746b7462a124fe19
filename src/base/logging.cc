// SPDX-License-Identifier: Apache-2.0
#include "base/logging.h"

#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>

namespace holdfast::logging {
namespace {

std::atomic<bool> as_json{false};
std::atomic<void (*)(Level, std::string_view)> redirected{nullptr};
std::atomic<Level> least_level{Level::info};

constexpr std::array<std::string_view, 4> level_names{"debug", "info", "warning", "error"};

spdlog::level::level_enum level_of(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warning:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = spdlog::stderr_logger_mt("holdfast");
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
    return made;
  }();
  return *instance;
}

}  // namespace

void configure(Level least, Format format) {
  as_json = format == Format::json;
  least_level = least;
  logger().set_level(level_of(least));
  logger().set_pattern(format == Format::json
                           ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":%v})"
                           : "%Y-%m-%dT%H:%M:%S.%eZ %l %v",
                       spdlog::pattern_time_type::utc);
}

Level level() {
  return least_level;
}

std::string_view level_name(Level level) {
  return level_names[static_cast<std::size_t>(level)];
}

std::optional<Level> parse_level(std::string_view name) {
  for (std::size_t i = 0; i < level_names.size(); ++i) {
    if (level_names[i] == name) return static_cast<Level>(i);
  }
  return std::nullopt;
}

bool enabled(Level level) {
  return logger().should_log(level_of(level));
}

void redirect(void (*to)(Level level, std::string_view message)) {
  redirected = to;
}

std::function<void(std::string_view line)> open_lines(const std::string& path,
                                                      std::size_t bytes_max,
                                                      std::size_t files_max) {
  try {
    const auto sink =
        std::make_shared<spdlog::sinks::rotating_file_sink_mt>(path, bytes_max, files_max);
    const auto lines = std::make_shared<spdlog::logger>("lines", sink);
    lines->set_pattern("%v");
    lines->flush_on(spdlog::level::info);
    lines->set_error_handler(
        [path](const std::string& why) { warning("{} cannot be written: {}", path, why); });
    return [lines](std::string_view line) { lines->info("{}", line); };
  } catch (const spdlog::spdlog_ex& failed) {
    warning("{} cannot be written: {}", path, failed.what());
    return [](std::string_view) {};
  }
}

void write(Level level, std::string_view message) {
  if (const auto to = redirected.load(std::memory_order_relaxed)) {
    if (enabled(level)) to(level, message);
    return;
  }
  if (!as_json) {
    logger().log(level_of(level), message);
    return;
  }
  using Json = nlohmann::json;
  const std::string quoted = Json(message).dump(-1, ' ', false, Json::error_handler_t::replace);
  logger().log(level_of(level), quoted);
}

}  // namespace holdfast::logging
