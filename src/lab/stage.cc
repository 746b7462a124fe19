// SPDX-License-Identifier: Apache-2.0
#include "lab/stage.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "lab/broken.h"

namespace holdfast::lab {
namespace asio = boost::asio;
using trial::Link;
using trial::Process;

namespace {

constexpr Millis look_every{50};
constexpr Millis answer_patience{3'000};

trial::OwnClusterOptions cluster_options(const StageOptions& options) {
  return {.program = options.program,
          .folder = options.folder,
          .nodes = options.nodes,
          .etcd = options.etcd,
          .etcd_members = etcd_members,
          .etcd_links = true,
          .cluster = "lab",
          // Who is cut off is to be told so soon.
          .request_timeout = "1s",
          .seed = options.seed};
}

}  // namespace

Stage::Stage(asio::io_context& io, StageOptions options)
    : io_(io),
      options_(std::move(options)),
      places_(options_.nodes, options_.etcd.empty() ? 0 : etcd_members),
      cluster_(io, cluster_options(options_)) {}

asio::awaitable<Status> Stage::start() {
  if (Status s = cluster_.start(); !s) co_return s;
  for (std::size_t i = 0; i < places_.nodes().size(); ++i) {
    client_links_.push_back(
        std::make_unique<Link>("clients", places_.nodes()[i], options_.seed + 1'000 + i));
    client_proxies_.push_back(std::make_unique<trial::Proxy>(io_, node(i), *client_links_.back()));
    if (Status s = client_proxies_.back()->listen(); !s) co_return s;
  }
  co_return co_await until_all_answer();
}

asio::awaitable<Status> Stage::until_all_answer() {
  const auto end = trial::Clock::now() + options_.patience;
  for (std::size_t i = 0; i < places_.nodes().size(); ++i) {
    trial::Connection connection(io_, node(i), {});
    while (true) {
      // A node without an engine knows eventual keyspaces only: that, too, is an answer.
      const trial::Called called =
          co_await connection.call(trial::words("GET", "lab-is-there"), answer_patience);
      if (called.how == trial::Called::How::answered &&
          (!called.error() || called.replies[0].text.starts_with("UNSUPPORTED")))
        break;
      if (Status s = check_processes(); !s) co_return s;
      if (trial::Clock::now() > end)
        co_return fail(Code::unavailable,
                       fmt::format("{} does not answer: {}", places_.nodes()[i],
                                   called.replies.empty() ? called.why : called.replies[0].text));
      co_await trial::pause_for(look_every);
    }
  }
  co_return Status();
}

Status Stage::check_processes() {
  Process* const ended = cluster_.ended();
  if (ended == nullptr) return {};
  return fail(Code::err,
              fmt::format("{} has ended by itself:\n{}", ended->name(), ended->last_words()));
}

trial::Address Stage::clients_of(std::size_t index) const {
  return {.host = "127.0.0.1", .port = client_proxies_[index]->port()};
}

Link* Stage::find_link(std::string_view name) {
  for (auto* const links : {&cluster_.links(), &client_links_}) {
    for (const auto& link : *links) {
      if (link->name() == name) return link.get();
    }
  }
  return nullptr;
}

Process* Stage::find_process(std::string_view name) {
  for (const auto& node : cluster_.nodes()) {
    if (node.process->name() == name) return node.process.get();
  }
  for (const auto& member : cluster_.etcd()) {
    if (member->name() == name) return member.get();
  }
  return nullptr;
}

void Stage::act_on_link(const Action& action, const Places::Piece& piece) {
  Link& link = *find_link(piece.link);
  switch (action.kind) {
    case Action::Kind::cut:
      if (piece.from.empty()) return link.cut();
      return link.cut(piece.from == link.first() ? trial::Way::forth : trial::Way::back);
    case Action::Kind::delay:
      return link.delay(action.by, action.jitter);
    case Action::Kind::lose:
      return link.lose(action.share);
    case Action::Kind::lose_replies:
      return link.lose_replies(action.share);
    default:
      return link.heal();
  }
}

Status Stage::act(const Action& action) {
  for (const std::string& target : action.targets) {
    if (!is_about_processes(action.kind)) {
      const auto pieces = places_.links_of(target);
      if (!pieces) return tl::unexpected(pieces.error());
      for (const Places::Piece& piece : *pieces) act_on_link(action, piece);
      continue;
    }
    Process* const process = find_process(target);
    if (process == nullptr) return fail(Code::err, "no process " + target);
    if (action.kind == Action::Kind::pause) process->pause();
    if (action.kind == Action::Kind::resume) process->resume();
    if (action.kind == Action::Kind::kill) process->kill();
    if (action.kind == Action::Kind::start && process->id() == 0) {
      if (Status s = process->start(); !s) return s;
    }
  }
  return {};
}

Status Stage::mend_all() {
  std::vector<std::string> processes = places_.nodes();
  processes.insert(processes.end(), places_.etcd().begin(), places_.etcd().end());
  if (Status s = act({.kind = Action::Kind::heal, .targets = {"all"}}); !s) return s;
  if (Status s = act({.kind = Action::Kind::resume, .targets = processes}); !s) return s;
  return act({.kind = Action::Kind::start, .targets = processes});
}

std::vector<const Link*> Stage::links() const {
  std::vector<const Link*> all;
  for (const auto& link : cluster_.links()) all.push_back(link.get());
  for (const auto& link : client_links_) all.push_back(link.get());
  return all;
}

std::vector<std::string> Stage::broken() {
  std::vector<LinkState> states;
  for (const Link* const link : links())
    states.push_back({.first = link->first(),
                      .second = link->second(),
                      .cut_forth = link->is_cut(trial::Way::forth),
                      .cut_back = link->is_cut(trial::Way::back),
                      .delay = link->delay(),
                      .jitter = link->jitter(),
                      .loss = link->loss(),
                      .lost_replies = link->lost_replies()});
  std::vector<std::string> paused, stopped;
  for (const auto& names : {places_.nodes(), places_.etcd()}) {
    for (const std::string& name : names) {
      if (state_of(name) == ProcessState::paused) paused.push_back(name);
      if (state_of(name) == ProcessState::stopped) stopped.push_back(name);
    }
  }
  return describe_broken(states, paused, stopped);
}

Stage::ProcessState Stage::state_of(std::string_view name) {
  const Process* const process = find_process(name);
  if (process == nullptr || process->id() == 0) return ProcessState::stopped;
  return process->is_paused() ? ProcessState::paused : ProcessState::running;
}

}  // namespace holdfast::lab
