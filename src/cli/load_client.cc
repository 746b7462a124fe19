// SPDX-License-Identifier: Apache-2.0
#include "cli/load_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <set>

#include "cli/load_session.h"

namespace holdfast::cli {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {
constexpr std::chrono::milliseconds tick_every{100};
constexpr int bad_rows_told = 10;
}  // namespace

struct LoadClient::Impl : LoadRun {
  Impl(Operations& its_operations, Options its_options, Listener its_listener)
      : operations(its_operations),
        its(std::move(its_options)),
        listener(std::move(its_listener)) {}

  // -- LoadRun
  std::optional<Operations::Operation> take() override {
    while (!stopped) {
      auto next = operations.next();
      if (next) {
        if (*next) {
          ++report.operations;
        } else {
          report.complete = true;
        }
        return *std::move(next);
      }
      ++report.operations;
      ++report.failed;
      if (++bad_rows <= bad_rows_told) listener.problem(next.error().message);
      if (bad_rows == bad_rows_told)
        listener.problem("further rows that cannot be sent are only counted");
    }
    return std::nullopt;
  }

  void failed(std::uint64_t row, std::string_view error) override {
    ++report.failed;
    if (error.empty()) return;
    // The first of each code: a wrong template fails for every row.
    const std::string code(error.substr(0, error.find(' ')));
    if (told.insert(code).second) listener.problem(fmt::format("row {}: {}", row, error));
  }

  void session_done() override {
    if (std::all_of(sessions.begin(), sessions.end(), [](const auto& s) { return s->done(); })) {
      finish();
    }
  }

  void stop(const std::string& why) override {
    if (stopped) return;
    stopped = true;
    report.complete = false;
    listener.problem(why);
    // Not from within one of their calls.
    asio::post(io, [this] {
      for (auto& session : sessions) session->abandon();
      finish();
    });
  }

  const Options& options() const override { return its; }
  std::size_t replies_per_operation() const override { return operations.replies_per_operation(); }

  // -- Its own
  void finish() {
    finished = true;
    timer.cancel();
    signals.cancel();
  }

  void tick() {
    timer.expires_after(tick_every);
    timer.async_wait([this](error_code error) {
      // What was due already is not cancelled any more.
      if (error || finished) return;
      const auto now = Clock::now();
      report.elapsed = now - began;
      for (auto& session : sessions) session->tick(now);
      if (now - last_answer > its.give_up_after) {
        const auto silent = std::chrono::duration_cast<std::chrono::seconds>(now - last_answer);
        stop(fmt::format("given up: no answer for {} s{}{}", silent.count(),
                         last_loss.empty() ? "" : "; last ", last_loss));
      }
      if (!stopped && listener.progress) listener.progress(report, operations.progress());
      if (!stopped) tick();
    });
  }

  Operations& operations;
  Options its;
  Listener listener;
  asio::io_context io{1};
  asio::steady_timer timer{io};
  asio::signal_set signals{io, SIGINT, SIGTERM};
  std::vector<std::unique_ptr<LoadSession>> sessions;
  Clock::time_point began;
  std::set<std::string> told;
  std::uint64_t bad_rows = 0;
  bool stopped = false;
  bool finished = false;
};

LoadClient::LoadClient(Operations& operations, Options options, Listener listener)
    : impl_(std::make_unique<Impl>(operations, std::move(options), std::move(listener))) {}
LoadClient::~LoadClient() = default;

LoadReport LoadClient::run() {
  Impl& impl = *impl_;
  impl.began = impl.last_answer = LoadRun::Clock::now();
  for (std::size_t i = 0; i < impl.its.connections; ++i) {
    impl.sessions.push_back(std::make_unique<LoadSession>(impl.io, impl, i));
  }
  for (auto& session : impl.sessions) session->start();
  impl.signals.async_wait([&impl](error_code error, int) {
    if (!error) impl.stop("interrupted");
  });
  impl.tick();
  impl.io.run();
  impl.report.elapsed = LoadRun::Clock::now() - impl.began;
  return impl.report;
}

Result<LoadClient::Address> parse_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  std::string_view host = text.substr(0, colon == text.npos ? 0 : colon);
  const std::string_view port = colon == text.npos ? "" : text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != host.npos) {
    host = {};
  }
  const bool digits =
      std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (host.empty() || port.empty() || port.size() > 5 || !digits) {
    return fail(Code::err, fmt::format("\"{}\" is no address: HOST:PORT, or [IPv6]:PORT", text));
  }
  return LoadClient::Address{std::string(host), std::string(port)};
}

}  // namespace holdfast::cli
