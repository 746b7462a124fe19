// SPDX-License-Identifier: Apache-2.0
#include "cli/load_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace holdfast::cli {
namespace {

std::string human(std::chrono::microseconds duration) {
  const auto us = static_cast<double>(duration.count());
  if (us < 1000) return fmt::format("{:.0f} us", us);
  if (us < 1'000'000) return fmt::format("{:.1f} ms", us / 1000);
  return fmt::format("{:.1f} s", us / 1'000'000);
}

std::string human_seconds(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::ceil(seconds));
  if (whole < 100) return fmt::format("{} s", whole);
  if (whole < 6000) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole / 60 % 60);
}

double per_second(const LoadReport& report) {
  const double seconds = std::chrono::duration<double>(report.elapsed).count();
  return seconds > 0 ? static_cast<double>(report.applied + report.replayed) / seconds : 0;
}

}  // namespace

std::string with_thousands(std::uint64_t n) {
  std::string text = std::to_string(n);
  for (std::size_t i = text.size(); i > 3; i -= 3) text.insert(i - 3, 1, ',');
  return text;
}

std::string LoadReport::table() const {
  std::string out;
  const auto line = [&out](std::string_view name, std::string_view value) {
    fmt::format_to(std::back_inserter(out), "{:<17}{}\n", name, value);
  };
  line("operations", with_thousands(operations));
  line("sent", with_thousands(sent));
  line("applied", with_thousands(applied));
  line("replayed", with_thousands(replayed));
  std::uint64_t answers = 0;
  std::string by_code;
  for (const auto& [code, count] : errors) {
    answers += count;
    fmt::format_to(std::back_inserter(by_code), "   {} {}", code, with_thousands(count));
  }
  line("errors", with_thousands(answers) + by_code);
  line("failed", with_thousands(failed));
  line("lost connections", with_thousands(lost_connections));
  line("latency", fmt::format("p50 {}   p99 {}   p99.9 {}", human(latencies.quantile(0.5)),
                              human(latencies.quantile(0.99)), human(latencies.quantile(0.999))));
  line("took", fmt::format("{:.1f} s, {}/s", std::chrono::duration<double>(elapsed).count(),
                           with_thousands(static_cast<std::uint64_t>(per_second(*this)))));
  if (!complete) line("", "not complete: the rest of the file was not sent");
  return out;
}

std::string LoadReport::json() const {
  const auto us = [this](double q) { return latencies.quantile(q).count(); };
  const nlohmann::ordered_json all{
      {"operations", operations},
      {"sent", sent},
      {"applied", applied},
      {"replayed", replayed},
      {"errors", errors},
      {"failed", failed},
      {"lost_connections", lost_connections},
      {"latency_us", {{"p50", us(0.5)}, {"p99", us(0.99)}, {"p99.9", us(0.999)}}},
      {"seconds", std::chrono::duration<double>(elapsed).count()},
      {"per_second", per_second(*this)},
      {"complete", complete},
  };
  return all.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string progress_line(const LoadReport& so_far, double progress, double operations_per_second,
                          int width) {
  std::string line;
  if (width > 0) {
    const int filled = static_cast<int>(progress * width);
    line += fmt::format(
        "[{}{}{}] ", std::string(static_cast<std::size_t>(filled), '='), filled < width ? ">" : "",
        std::string(static_cast<std::size_t>(std::max(width - filled - 1, 0)), ' '));
  }
  line += fmt::format("{:3.0f}%  {}/s", std::floor(progress * 100),
                      with_thousands(static_cast<std::uint64_t>(operations_per_second)));
  const double elapsed = std::chrono::duration<double>(so_far.elapsed).count();
  // A guess from less is worse than none.
  if (progress > 0.01 && progress < 1) {
    line += fmt::format("  {} left", human_seconds(elapsed * (1 - progress) / progress));
  }
  std::uint64_t answers = 0;
  for (const auto& [code, count] : so_far.errors) answers += count;
  if (answers > 0) line += fmt::format("  {} errors", with_thousands(answers));
  if (so_far.lost_connections > 0) {
    line += fmt::format("  {} lost connections", with_thousands(so_far.lost_connections));
  }
  return line;
}

}  // namespace holdfast::cli
