// SPDX-License-Identifier: Apache-2.0
#include "lab/lab.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <exception>
#include <utility>

#include "lab/page.h"
#include "lab/page_server.h"
#include "lab/run.h"
#include "lab/show.h"

namespace holdfast::lab {
namespace asio = boost::asio;

namespace {

/// Clients and proxies have more open than many a shell allows by itself.
void raise_open_files() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

/// What is thrown there is a mistake of ours.
template <typename T>
void spawn(asio::io_context& io, asio::awaitable<T> work, T& done) {
  asio::co_spawn(io, std::move(work), [&io, &done](const std::exception_ptr& thrown, T result) {
    if (thrown) std::rethrow_exception(thrown);
    done = std::move(result);
    io.stop();
  });
}

asio::awaitable<Result<Played>> start_and_play(Stage& stage, Run& run) {
  if (Status s = co_await stage.start(); !s) co_return tl::unexpected(s.error());
  co_return co_await run.play();
}

asio::awaitable<Status> start_and_show(Stage& stage, Show& show, std::function<void()> ready) {
  if (Status s = co_await stage.start(); !s) co_return s;
  ready();
  co_await show.watch();
  co_return Status();
}

/// Whoever ends us wants the processes and their folder gone, too.
void end_by_signal(asio::io_context& io, asio::signal_set& signals) {
  signals.async_wait([&io](const boost::system::error_code& cancelled, int) {
    if (!cancelled) io.stop();
  });
}

}  // namespace

Result<Played> play_headless(const StageOptions& options, const Scenario& scenario,
                             const std::vector<Like>& likes) {
  raise_open_files();
  asio::io_context io;
  Stage stage(io, options);
  Run run(stage, scenario, likes, "run1", options.seed);
  asio::signal_set signals(io, SIGINT, SIGTERM);
  end_by_signal(io, signals);
  Result<Played> done = fail(Code::err, "ended before the scene was");
  spawn(io, start_and_play(stage, run), done);
  io.run();
  stage.stop();
  return done;
}

Status show_page(const StageOptions& options, std::uint16_t port, const std::vector<Like>& likes,
                 const std::function<void(const std::string& address)>& ready) {
  raise_open_files();
  asio::io_context io;
  Stage stage(io, options);
  Show show(stage, likes, options.seed);
  PageServer server(io, {.page = page(),
                         .all = [&] { return show.all(); },
                         .act = [&](std::string_view json) { return show.act(json); },
                         .play = [&](std::string_view json) { return show.play(json); },
                         .end = [&](std::string_view) { return show.end(); }});
  show.on_news([&](const std::string& json) { server.tell(json); });
  // Before the cluster takes its time: a port that is taken is said at once.
  if (Status s = server.listen(port); !s) return s;
  asio::signal_set signals(io, SIGINT, SIGTERM);
  end_by_signal(io, signals);
  const std::string address = fmt::format("http://127.0.0.1:{}/", server.port());
  Status done;
  spawn(io, start_and_show(stage, show, [&] { ready(address); }), done);
  io.run();
  stage.stop();
  return done;
}

}  // namespace holdfast::lab
