// SPDX-License-Identifier: Apache-2.0
// What a run does before its clients begin, and when they have ended.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "lab/run.h"
#include "verify/resp.h"

namespace holdfast::lab {
namespace asio = boost::asio;
using trial::Called;
using trial::Clock;
using trial::Connection;
using trial::words;

namespace {

constexpr Millis short_pause{10};
constexpr Millis answer_patience{3'000};
constexpr Millis end_patience{60'000};

}  // namespace

// -- Before

asio::awaitable<Status> Run::prepare(Load& load) {
  const std::string name(load.scene->name());
  if (!load.scene->is_eventual() && !stage_.has_strong())
    co_return fail(Code::unsupported,
                   fmt::format("'{}' needs a strong keyspace, and nodes that share no engine have "
                               "none: install etcd (Debian: etcd-server), or try --nodes 1",
                               name));
  const std::string guarantee = load.scene->is_eventual() ? "eventual" : "strong";
  const auto end = Clock::now() + end_patience;
  const auto insist = [&](std::size_t node, verify::Command command) -> asio::awaitable<Status> {
    Connection connection(stage_.io(), stage_.node(node), {});
    while (true) {
      const Called called = co_await connection.call(command, answer_patience);
      const bool answered = called.how == Called::How::answered;
      if (answered && !called.error()) co_return Status();
      const std::string said = answered ? called.replies[0].text : called.why;
      if (said.find("exists") != std::string::npos) co_return Status();
      if (Clock::now() > end)
        co_return fail(Code::err, fmt::format("{} {}: {}", command[0], name, said));
      co_await trial::pause_for(short_pause);
    }
  };
  Status done = co_await insist(0, words("KEYSPACE", "CREATE", name, "GUARANTEE", guarantee));
  for (std::size_t node = 0; done && node < nodes(); ++node)
    done = co_await insist(node, words("KEYSPACE", "INFO", name));
  for (verify::Command command : load.scene->prepare()) {
    if (!done) break;
    command.insert(command.begin(), {"ONCE", fmt::format("{}-{}-prepare", name, tag_)});
    done = co_await insist(0, command);
  }
  co_return done;
}

// Nodes that were just started find one another first: what is measured then is not what they
// are like.
asio::awaitable<Status> Run::meet(Load& load) {
  const auto end = Clock::now() + end_patience;
  for (std::size_t node = 0; node < nodes() && stage_.broken().empty();) {
    Connection connection(stage_.io(), stage_.node(node), {});
    const Called called = co_await connection.call(load.scene->probe(), answer_patience);
    const bool answered = called.how == Called::How::answered && !called.error();
    const auto shown = answered ? load.scene->shown(called.replies[0]) : Result<Shown>(Shown());
    const bool all =
        shown && shown->beats.size() == nodes() && !std::ranges::count(shown->beats, 0U);
    if (all) {
      ++node;
    } else if (Clock::now() > end) {
      co_return fail(Code::unavailable, "not all nodes have found one another");
    } else {
      // Each has to say something before the first can have heard of all.
      for (std::size_t other = 0; other < nodes(); ++other) {
        Connection another(stage_.io(), stage_.node(other), {});
        co_await another.call(load.scene->beat(other, first_beat), answer_patience);
      }
      co_await trial::pause_for(short_pause);
    }
  }
  co_return Status();
}

asio::awaitable<Status> Run::prepare() {
  played_.cluster = stage_.describe();
  for (Load& load : loads_) {
    if (Status s = co_await prepare(load); !s) co_return s;
    if (Status s = co_await meet(load); !s) co_return s;
  }
  std::vector<trial::Address> addresses;
  for (std::size_t node = 0; node < nodes(); ++node) addresses.push_back(stage_.clients_of(node));
  for (Load& load : loads_)
    load.crowd = std::make_unique<Crowd>(stage_.io(), *load.scene, load.meter, watch_,
                                         Crowd::Plan{.rate = scenario_.rate, .nodes = addresses});
  co_return Status();
}

// -- After

asio::awaitable<Status> Run::finish() {
  At mended{0};
  if (!stage_.broken().empty()) {
    if (Status s = stage_.mend_all(); !s) co_return s;
    begin_phase({"mend all"}, true);
    mended = watch_.now();
  }
  std::vector<trial::Address> addresses;
  for (std::size_t node = 0; node < nodes(); ++node) addresses.push_back(stage_.node(node));
  for (std::size_t i = 0; i < loads_.size(); ++i) {
    const bool open = loads_[i].crowd->protected_writes().open > 0;
    if (open) co_await loads_[i].crowd->settle(addresses, end_patience);
    if (Status s = co_await compare(i, mended); !s) co_return s;
  }
  end_phase();
  co_return stage_.check_processes();
}

asio::awaitable<Status> Run::compare(std::size_t at, At mended) {
  const At since = watch_.now();
  Load& load = loads_[at];
  LoadEnd& end = played_.loads[at];
  end.writes = load.crowd->protected_writes();
  end.plain = load.crowd->plain_writes();
  end.stale_reads = load.crowd->stale_reads();
  while (true) {
    const bool equal = co_await ask_all(load, end);
    notice_caught_up();
    if (equal) {
      end.equal_after = watch_.now() - std::max(load.meter.last_acknowledged(), mended);
      break;
    }
    if (Status s = stage_.check_processes(); !s) co_return s;
    if (watch_.now() - since > end_patience) break;
    co_await trial::pause_for(short_pause);
  }
  end.unsound_looks = load.unsound;
  co_return Status();
}

/// Whether all showed the same, with nothing acknowledged missing.
asio::awaitable<bool> Run::ask_all(Load& load, LoadEnd& end) {
  end.shown.assign(nodes(), std::nullopt);
  end.digests.clear();
  bool equal = true;
  for (std::size_t node = 0; node < nodes(); ++node) {
    Connection connection(stage_.io(), stage_.node(node), {});
    const Asked asked = ask_now(load);
    const Called called = co_await connection.call(load.scene->probe(), answer_patience);
    note(load, node, asked, called);
    if (called.how != Called::How::answered || called.error()) {
      equal = false;
      continue;
    }
    end.shown[node] = load.shown[node];
    equal = equal && end.shown[node] == end.shown[0] && end.shown[node] &&
            static_cast<std::uint64_t>(end.shown[node]->value) >= load.meter.acknowledged();
    if (!load.scene->is_eventual()) continue;
    const Called digest = co_await connection.call(
        words("KEYSPACE", "DIGEST", std::string(load.scene->name())), answer_patience);
    if (digest.how != Called::How::answered || digest.error()) {
      equal = false;
      continue;
    }
    end.digests.push_back(to_text(digest.replies[0]));
    equal = equal && end.digests.back() == end.digests.front();
  }
  co_return equal;
}

}  // namespace holdfast::lab
