// SPDX-License-Identifier: Apache-2.0
// Drivers of several nodes over one log, and a world outside. Nodes die between any two actions and
// come back knowing what the log knows; what they send is lost, answered late or not at all;
// operations are refused, or land without an answer; each node has its own idea of whose turn it
// is. Every run ends, with each effect once or undone once.
#include "node/workflow_driver.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "command/random.h"
#include "workflow/rows.h"

namespace holdfast::node {
namespace {

using command::Random;
using workflow::Ending;
using workflow::Outcome;
using workflow::RunName;
using workflow::RunState;

// Steps of three kinds: a function of the log, one of an eventual keyspace, and HTTP; each with an
// undo of its kind.
constexpr std::string_view definition = R"({"name": "w", "deadline": "1h", "steps": [
  {"name": "a", "call": "log.do", "undo": {"call": "log.undo"}},
  {"name": "wait", "wait": {"for": "300ms"}},
  {"together": [
    {"name": "b", "call": "likes.do", "undo": {"call": "likes.undo"}, "retry": {"attempts": 100, "first": "10ms", "longest": "100ms"}},
    {"name": "c", "http": {"url": "http://c/do"}, "undo": {"http": {"url": "http://c/undo"}}, "retry": {"attempts": 3, "first": "10ms"}}]},
  {"name": "d", "call": "log.do", "undo": {"call": "log.undo"}},
  {"name": "e", "http": {"url": "http://e/do"}, "undo": {"http": {"url": "http://e/undo"}}, "retry": {"attempts": 3, "first": "10ms"}}]})";

/// Whom steps reach. Under an id it answers once for all time what it answered first.
class Outside {
 public:
  explicit Outside(Random& random) : random_(random) {}

  Outcome call(const std::string& id) {
    if (const auto known = answered_.find(id); known != answered_.end()) return known->second;
    const bool undo = id.ends_with("/undo");
    if (!undo && random_.below(12) == 0)
      return answered_[id] = {.ending = Ending::refused, .result = {}, .error = "NO"};
    ++effects[id];
    return answered_[id] = {.ending = Ending::succeeded, .result = "1", .error = {}};
  }

  std::map<std::string, int> effects;

 private:
  Random& random_;
  std::map<std::string, Outcome> answered_;
};

class Cluster final : public workflow::Functions {
 public:
  explicit Cluster(std::uint64_t seed) : random_(seed), outside_(random_) {
    engine_.set_on_changed([this](const RunName& run, const auto&) {
      for (Node& node : nodes_) {
        if (node.driver) node.driver->on_changed(run);
      }
    });
    EXPECT_TRUE(engine_.define({}, definition));
    for (int i = 0; i < 3; ++i) nodes_.emplace_back(*this);
    for (Node& node : nodes_) node.begin();
  }

  void run() {
    for (const char* id : ids_) {
      workflow::Engine::Start start{.id = id, .workflow = "w", .input = "{}"};
      EXPECT_TRUE(engine_.start({}, start, moment(), *this));
      for (int event = 0; event < 60; ++event) happen();
    }
    well_ = true;
    const auto at_rest = [this] {
      return engine_.current().empty() && std::ranges::all_of(nodes_, [](const Node& node) {
               return node.driver == nullptr || node.driver->in_flight() == 0;
             });
    };
    for (int event = 0; event < 100'000 && !at_rest(); ++event) happen();
    EXPECT_TRUE(at_rest()) << "a run does not end, or a driver keeps attempts of one that has";
    for (const char* id : ids_) check(id);
  }

  std::map<RunState, int> ends;
  int died = 0;
  int late = 0;  // reports that said nothing new

 private:
  struct Node final : WorkflowDriver::World {
    explicit Node(Cluster& all) : cluster(all) {}
    void begin() { driver = std::make_unique<WorkflowDriver>(cluster.engine_, *this); }
    void append(const Row& row, const std::vector<std::string>& args, Answer done) override {
      cluster.later_.push_back([this, life = life, &row, args, done = std::move(done)] {
        cluster.apply(*this, life, row, args, done);
      });
    }
    void call(ServiceId, const std::string& id, const workflow::FunctionRequest&,
              Answer done) override {
      reach(id, [done = std::move(done)](const Outcome& outcome) {
        if (outcome.ending == Ending::succeeded) return done(":1\r\n");
        done(outcome.ending == Ending::refused ? "-NO\r\n" : "-UNKNOWN no answer\r\n");
      });
    }
    void send(const workflow::OutgoingHttp&, const std::string& id, Millis,
              std::function<void(Outcome)> done) override {
      reach(id, std::move(done));
    }
    // The driver that asked may be dead when it is done, and when the answer comes.
    void reach(const std::string& id, std::function<void(Outcome)> done) {
      cluster.later_.push_back([this, life = life, id, done = std::move(done)] {
        Outcome outcome{.ending = Ending::unknown, .result = {}, .error = "503"};
        const bool lost = !cluster.well_ && cluster.random_.below(4) == 0;
        // What a driver sent that has died meanwhile may yet arrive, but for what is settled
        // without it.
        if (!lost && driver_lives(life)) outcome = cluster.outside_.call(id);
        if (!cluster.well_ && cluster.random_.below(4) == 0)
          outcome = {.ending = Ending::unknown, .result = {}, .error = "no answer"};
        cluster.later_.push_back([this, life, outcome, done] {
          if (driver_lives(life)) done(outcome);
        });
      });
    }
    bool driver_lives(int when) const { return driver != nullptr && life == when; }
    bool is_eventual(std::string_view keyspace) override { return keyspace == "likes"; }
    // Now and then two think so, or nobody for a while.
    bool is_mine(const RunName&) override { return cluster.random_.below(2) == 0; }

    Cluster& cluster;
    std::unique_ptr<WorkflowDriver> driver;
    int life = 0;
  };

  std::optional<Outcome> call(ServiceId, const workflow::FunctionRequest& request,
                              std::string_view id) override {
    if (!request.function.starts_with("log.")) return std::nullopt;
    if (!well_ && random_.below(6) == 0)
      return Outcome{.ending = Ending::unavailable, .result = {}, .error = "BUSY"};
    return outside_.call(std::string(id));
  }

  workflow::Moment moment() { return {now_, random_.next()}; }

  void apply(Node& node, int life, const Row& row, const std::vector<std::string>& args,
             const WorkflowDriver::World::Answer& done) {
    std::string reply = "-UNAVAILABLE not now\r\n";
    if (well_ || random_.below(6) != 0) {
      const std::vector<std::string_view> views(args.begin(), args.end());
      workflow::Context context{.engine = engine_, .at = moment(), .caller = {}, .functions = this};
      reply.clear();
      Reply out(reply);
      row.workflow(context, views, out);
      late += reply == ":0\r\n" ? 1 : 0;
      if (!well_ && random_.below(6) == 0) reply = "-UNKNOWN no answer\r\n";
    }
    if (node.driver_lives(life)) done(reply);
  }

  void happen() {
    Node& node = nodes_[random_.below(nodes_.size())];
    switch (random_.below(10)) {
      case 0:
        now_ += Millis(random_.below(well_ ? 400 : 100));
        return;
      case 1:
        if (well_ || random_.below(10) != 0) return;
        node.driver.reset();
        ++node.life;
        ++died;
        return;
      case 2:
      case 3:
      case 4:
        if (node.driver == nullptr) node.begin();
        return node.driver->turn(now_);
      default: {
        if (later_.empty()) return;
        const std::size_t which = random_.below(later_.size());
        const auto next = std::move(later_[which]);
        later_.erase(later_.begin() + static_cast<std::ptrdiff_t>(which));
        return next();
      }
    }
  }

  void check(const std::string& id) {
    const auto run = engine_.find({{}, id}, now_);
    ASSERT_TRUE(run);
    ++ends[run->state];
    ASSERT_TRUE(run->state == RunState::done || run->state == RunState::undone)
        << text_of(run->state);
    for (const char* step : {"a", "b", "c", "d", "e"}) {
      const int done = outside_.effects[fmt::format("{}/{}", id, step)];
      const int undone = outside_.effects[fmt::format("{}/{}/undo", id, step)];
      ASSERT_LE(done, 1) << step;
      ASSERT_LE(undone, 1) << step;
      if (run->state == RunState::done) {
        ASSERT_EQ(done, 1) << step;
        ASSERT_EQ(undone, 0) << step;
      } else {
        ASSERT_GE(undone, done) << step << " is half done";
      }
    }
  }

  static constexpr const char* ids_[] = {"r0", "r1", "r2", "r3", "r4", "r5"};
  Random random_;
  Outside outside_;
  std::unique_ptr<Store> store_ = make_memory_store();
  Table current_{workflow::current_keyspace, *store_};
  Table ended_{workflow::ended_keyspace, *store_};
  workflow::Engine engine_{current_, ended_};
  std::deque<Node> nodes_;
  std::vector<std::function<void()>> later_;
  Instant now_ = instant_from_ms(1'000'000);
  bool well_ = false;
};

TEST(WorkflowDriver, EveryRunEndsWholeWhoeverDiesAndHoweverManyDrive) {
  std::map<RunState, int> ends;
  int died = 0, late = 0;
  for (std::uint64_t seed = 1; seed <= 400 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    Cluster cluster(seed);
    cluster.run();
    for (const auto& [state, count] : cluster.ends) ends[state] += count;
    died += cluster.died;
    late += cluster.late;
  }
  EXPECT_GT(ends[RunState::done], 100);
  EXPECT_GT(ends[RunState::undone], 100);
  EXPECT_GT(died, 100);
  EXPECT_GT(late, 100) << "no two drivers met";
}

}  // namespace
}  // namespace holdfast::node
