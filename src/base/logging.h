// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/core.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

/// The one global of the product: its logger. Lines go to standard error as
/// `time level message key=value …`, or as JSON. Any thread. spdlog does the
/// work, behind this header so that it is compiled once.
namespace holdfast::logging {

enum class Level { debug, info, warning, error };
enum class Format { text, json };

void configure(Level least, Format format);
/// Lines go here instead of to standard error; nullptr: no more. For the simulator,
/// whose lines have the simulated time.
void redirect(void (*to)(Level level, std::string_view message));
void write(Level level, std::string_view message);
bool enabled(Level level);
/// A file of lines of its own, begun anew at `bytes_max`, with `files_max` old ones kept.
/// What cannot be written is said here and dropped. Any thread.
std::function<void(std::string_view line)> open_lines(const std::string& path,
                                                      std::size_t bytes_max, std::size_t files_max);
/// What configure() was last given.
Level level();
/// "debug", "info", "warning", "error".
std::string_view level_name(Level level);
std::optional<Level> parse_level(std::string_view name);

template <typename... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::debug)) write(Level::debug, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::info)) write(Level::info, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::warning, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::error, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace holdfast::logging
