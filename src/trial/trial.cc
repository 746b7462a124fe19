// SPDX-License-Identifier: Apache-2.0
#include "trial/trial.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "trial/administration.h"
#include "trial/client.h"

namespace holdfast::trial {
namespace asio = boost::asio;

namespace {

constexpr milliseconds progress_every{500};
constexpr milliseconds look_every{20};
constexpr std::uint64_t seed_step = 1'000'003;              // clients count on from a round's seed
constexpr double client_operations_per_second_max = 5'000;  // more than one can do: no pause

class Conductor {
 public:
  Conductor(asio::io_context& io, const Plan& plan, const Listener& listener)
      : plan_(plan),
        listener_(listener),
        load_{.io = io, .nodes = plan.nodes, .login = plan.login, .clients = plan.clients} {
    const double each = plan.operations_per_second / static_cast<double>(plan.clients);
    if (each < client_operations_per_second_max)
      load_.think = milliseconds(static_cast<milliseconds::rep>(1'000 / each));
  }

  asio::awaitable<Status> run() {
    if (plan_.nodes.empty()) {
      own_.emplace(load_.io, plan_.own);
      if (Status s = own_->start(); !s) co_return s;
      load_.nodes = own_->addresses();
    }
    for (std::size_t round = 0; round < plan_.rounds; ++round) {
      begin(round);
      if (Status s = co_await choose_grounds(); !s) co_return tl::unexpected(explained(s.error()));
      if (Status s = co_await until_all_answer(load_, plan_.patience); !s)
        co_return tl::unexpected(explained(s.error()));
      co_await work();
      if (recovered()) co_await read_the_end();
      if (recovered()) co_await clean_up();
      if (own_) trial_.usage = own_->usage();
      trial_.history = std::move(load_.history);
      trial_.operations = load_.operations;
      trial_.given_up = load_.given_up;
      if (!listener_.judge(std::move(trial_))) break;
    }
    if (own_) own_->stop();
    co_return Status();
  }

 private:
  void begin(std::size_t round) {
    trial_ = {.round = round, .seed = plan_.seed + round * seed_step};
    scratch_.clear();
    load_.seed = trial_.seed;
    load_.run = fmt::format("verify-{:x}", load_.now());
    load_.grounds.clear();
    load_.always_ids = false;
    load_.history = {};
    load_.stopping = load_.hopeless = false;
    load_.operations = load_.given_up = 0;
    trial_.cluster =
        own_ ? own_->describe() : fmt::format("the cluster at {}", plan_.nodes.front().text());
    if (!own_ && plan_.hooks.strike.empty())
      trial_.notes.emplace_back(
          "faults: only what clients do (lost answers, copies); --break and --mend name others");
  }

  /// Where a process of ours has ended, what it said is the better explanation.
  Error explained(Error error) {
    Process* const ended = own_ ? own_->ended() : nullptr;
    if (ended == nullptr) return error;
    return {Code::err,
            fmt::format("{} has ended by itself:\n{}", ended->name(), ended->last_words())};
  }

  // -- Where the clients work

  asio::awaitable<Status> choose_grounds() {
    for (const std::string& name : plan_.keyspaces) {
      if (Status s = co_await add_ground(name); !s) co_return s;
    }
    if (!plan_.keyspaces.empty()) co_return Status();
    for (const char* const guarantee : {"strong", "eventual"}) {
      const std::string name = fmt::format("{}-{}", load_.run, guarantee);
      const auto made = co_await insist(
          load_, words("KEYSPACE", "CREATE", name, "GUARANTEE", guarantee), plan_.patience);
      if (!made && made.error().message.starts_with("UNSUPPORTED")) {
        trial_.notes.push_back("no strong keyspace: " + made.error().message);
        continue;
      }
      // Where an earlier try was UNKNOWN it may be there by now.
      if (!made && made.error().message.find("exists") == std::string::npos)
        co_return tl::unexpected(made.error());
      scratch_.push_back(name);
      if (Status s = co_await add_ground(name); !s) co_return s;
    }
    co_return Status();
  }

  asio::awaitable<Status> add_ground(std::string name) {
    const auto end = Clock::now() + plan_.patience;
    std::optional<KeyspaceFacts> facts;
    while (!(facts = co_await keyspace_facts(load_, name))) {
      if (Clock::now() > end)
        co_return fail(Code::err, fmt::format("not every node knows the keyspace '{}'", name));
      co_await pause_for(look_every);
    }
    load_.always_ids = load_.always_ids || facts->requires_id;
    load_.grounds.push_back({.keyspace = name,
                             .eventual = facts->eventual,
                             .prefix = fmt::format("{}:{}-", name, load_.run)});
    if (facts->eventual) load_.history.eventual.insert(name);
    co_return Status();
  }

  // -- Load and faults

  asio::awaitable<void> work() {
    load_.began = Clock::now();
    std::vector<std::unique_ptr<Client>> clients;
    for (std::size_t i = 0; i < load_.clients; ++i) {
      clients.push_back(std::make_unique<Client>(load_, i));
      ++load_.working;
      asio::co_spawn(load_.io, clients.back()->run(), asio::detached);
    }
    Faults faults(load_, own_ ? &*own_ : nullptr, plan_.hooks, trial_.seed, plan_.patience);
    bool breaking = plan_.faults && faults.any();
    if (breaking) asio::co_spawn(load_.io, break_things(faults, breaking), asio::detached);
    auto told = load_.began;
    while (load_.unexpected.empty() && trial_.beyond.empty() && !has_ended_by_itself()) {
      const auto now = Clock::now();
      if (now - load_.began >= plan_.duration) break;
      if (now - told >= progress_every) {
        told = now;
        listener_.progress({trial_.round,
                            std::chrono::duration_cast<milliseconds>(now - load_.began),
                            load_.operations, load_.history.faults.size(), faults.now()});
      }
      co_await pause_for(look_every);
    }
    load_.stopping = true;
    load_.hopeless = !load_.unexpected.empty() || !trial_.beyond.empty();
    const auto end = Clock::now() + plan_.patience;
    while ((load_.working > 0 || breaking) && Clock::now() < end) co_await pause_for(look_every);
    if (load_.working > 0) found("answers", "some clients wait for an answer without end");
    if (!load_.unexpected.empty()) found("answers", load_.unexpected);
    while (load_.working > 0 || breaking) co_await pause_for(look_every);
  }

  asio::awaitable<void> break_things(Faults& faults, bool& breaking) {
    const Status done = co_await faults.run();
    if (!done) found("recovery", explained(done.error()).message);
    breaking = false;
  }

  bool has_ended_by_itself() {
    Process* const ended = own_ ? own_->ended() : nullptr;
    if (ended == nullptr) return false;
    found("recovery",
          fmt::format("{} has ended by itself:\n{}", ended->name(), ended->last_words()));
    return true;
  }

  /// Else there is nobody to ask.
  bool recovered() const {
    return std::ranges::none_of(trial_.beyond,
                                [](const auto& found) { return found.check == "recovery"; });
  }

  void found(const char* check, std::string what) {
    trial_.beyond.push_back({check, std::move(what)});
  }

  // -- The end

  asio::awaitable<void> read_the_end() {
    const auto began = Clock::now();
    const Status answer = co_await until_all_answer(load_, plan_.patience);
    if (!answer) co_return found("recovery", explained(answer.error()).message);
    for (const Ground& ground : load_.grounds) {
      if (ground.eventual) {
        co_await read_eventual(ground, began);
      } else {
        co_await read_finals(ground, keys_in(load_.history, ground));
      }
    }
  }

  asio::awaitable<bool> read_finals(const Ground& ground, const std::set<std::string>& keys) {
    const std::size_t before = load_.history.finals.size();
    for (const Address& node : load_.nodes) {
      auto values = co_await read_all(load_, node, ground, keys);
      if (!values) {
        found("recovery", values.error().message);
        co_return true;
      }
      load_.history.finals.push_back({.node = node.text(), .values = *std::move(values)});
    }
    const auto& finals = load_.history.finals;
    co_return std::all_of(
        finals.begin() + static_cast<std::ptrdiff_t>(before), finals.end(),
        [&](const verify::Final& final) { return final.values == finals[before].values; });
  }

  /// Until all nodes answer the same, and hold the same.
  asio::awaitable<void> read_eventual(const Ground& ground, Clock::time_point began) {
    const auto end = Clock::now() + plan_.patience;
    const std::size_t before = load_.history.finals.size();
    const std::set<std::string> keys = keys_in(load_.history, ground);
    while (true) {
      load_.history.finals.resize(before);
      const bool late = Clock::now() > end;
      const bool equal = co_await read_finals(ground, keys);
      if (equal || late) break;
      co_await pause_for(look_every);
    }
    trial_.converged =
        std::max(trial_.converged, std::chrono::duration_cast<milliseconds>(Clock::now() - began));
    if (std::ranges::find(scratch_, ground.keyspace) == scratch_.end()) co_return;
    std::set<std::string> all;
    while ((all = co_await digests(load_, ground.keyspace)).size() > 1) {
      if (Clock::now() > end)
        co_return found("digests", fmt::format("nodes' digests of {} differ: {}", ground.keyspace,
                                               fmt::join(all, ", ")));
      co_await pause_for(look_every);
    }
  }

  asio::awaitable<void> clean_up() {
    std::size_t erased = 0;
    for (const Ground& ground : load_.grounds) {
      if (std::ranges::find(scratch_, ground.keyspace) != scratch_.end()) continue;
      for (const std::string& key : keys_in(load_.history, ground)) {
        const std::string id = fmt::format("{}-erase-{}", load_.run, ++erased);
        co_await insist(load_, words("ONCE", id, "DEL", key), plan_.patience);
      }
    }
    for (const std::string& name : scratch_) {
      co_await insist(load_, words("KEYSPACE", "DROP", name), plan_.patience);
    }
  }

  const Plan& plan_;
  const Listener& listener_;
  Load load_;
  std::optional<OwnCluster> own_;
  std::vector<std::string> scratch_;  // keyspaces
  Trial trial_;
};

}  // namespace

Status run_trials(const Plan& plan, const Listener& listener) {
  asio::io_context io;
  Conductor conductor(io, plan, listener);
  Status done;
  asio::co_spawn(io, conductor.run(), [&](const std::exception_ptr& thrown, Status status) {
    if (thrown) std::rethrow_exception(thrown);
    done = std::move(status);
    io.stop();
  });
  io.run();
  return done;
}

}  // namespace holdfast::trial
