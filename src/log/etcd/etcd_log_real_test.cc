// SPDX-License-Identifier: Apache-2.0
// The engine over a real etcd: real processes, real time, generous deadlines.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <semaphore>

#include "log/etcd/etcd_log.h"
#include "log/etcd/etcd_process.h"
#include "log/etcd/grpc_api.h"
#include "log/etcd/presence.h"

namespace holdfast::etcd {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using testing::EtcdProcess;
using State = LogHealth::State;
using Clock = std::chrono::steady_clock;

constexpr Millis patience{30'000};

class RealNode final : public LogFollower {
 public:
  explicit RealNode(const std::string& endpoint, ConnectOptions options = {}) {
    options.endpoints = {endpoint};
    options.wake = [this] { woken_.release(); };
    api = *connect(std::move(options));
    log = make_etcd_log(api, {.cluster = "test", .request_timeout = Millis(5'000), .random = [] {
                                std::random_device device;
                                return std::uint64_t{device()} << 32 | device();
                              }});
  }
  void on_entry(const LogEntry& entry) override {
    payloads.emplace_back(entry.payload);
    last = entry.position;
    if (entry.token != 0) acknowledged.emplace_back(entry.payload);
  }
  void on_append_failed(std::uint64_t, const Error& error) override {
    failed.push_back(error.code);
  }
  bool follow(Position after = {}, std::string_view place = {}) {
    return log->follow(after, place, *this).has_value();
  }
  /// Lets things happen until it holds; false: it did not in time.
  bool until(const std::function<bool()>& holds) {
    const auto deadline = Clock::now() + patience;
    while (!holds()) {
      if (Clock::now() > deadline) return false;
      (void)woken_.try_acquire_for(Millis(50));
      log->deliver();
    }
    return true;
  }
  bool until_state(State state) {
    return until([&] { return log->health().state == state; });
  }
  bool append(const std::string& payload) {
    return log->append(payload, ++token_, Durability::always).has_value();
  }

  std::vector<std::string> payloads, acknowledged;
  std::vector<Code> failed;
  Position last;
  std::counting_semaphore<> woken_{0};
  std::shared_ptr<Api> api;
  std::unique_ptr<EtcdLog> log;

 private:
  Log::Token token_ = 0;
};

class RealEtcd : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!EtcdProcess::installed()) GTEST_SKIP() << "/usr/bin/etcd is not installed";
  }
};

TEST_F(RealEtcd, TwoNodesFollowOneLogThroughTrimmingAndRestart) {
  EtcdProcess etcd;
  RealNode a(etcd.endpoint());
  RealNode b(etcd.endpoint());
  ASSERT_TRUE(a.follow() && b.follow());
  ASSERT_TRUE(a.until_state(State::ok) && b.until_state(State::ok));
  std::vector<std::string> all;
  for (int i = 0; i < 20; ++i) {
    all.push_back("entry " + std::to_string(i));
    ASSERT_TRUE(a.append(all.back()));
  }
  ASSERT_TRUE(a.until([&] { return a.payloads.size() == 20; }));
  EXPECT_EQ(a.acknowledged, all);
  ASSERT_TRUE(b.until([&] { return b.payloads.size() == 20; }));
  EXPECT_EQ(b.payloads, all);

  std::optional<Result<Position>> end;
  b.log->end(Millis(5'000), [&](Result<Position> answer) { end = std::move(answer); });
  ASSERT_TRUE(b.until([&] { return end.has_value(); }));
  ASSERT_TRUE(end->has_value());
  EXPECT_EQ(**end, a.last);

  const Position checkpoint = a.last;
  const std::string place = a.log->place();
  ASSERT_TRUE(a.append("behind the checkpoint"));
  ASSERT_TRUE(a.until([&] { return a.payloads.size() == 21; }));
  a.log->trim(checkpoint);
  std::optional<Answer<RangeResult>> left;
  ASSERT_TRUE(a.until([&] {
    if (left && *left && (*left)->count == 2) return true;
    left.reset();
    a.api->range(
        {.first = "/holdfast/test/log/e/", .end = "/holdfast/test/log/e0", .count_only = true},
        Millis(5'000), [&](Answer<RangeResult> answer) { left = std::move(answer); });
    return a.until([&] { return left.has_value(); }) && *left && (*left)->count == 2;
  }));
  ASSERT_TRUE(a.append("one more"));
  ASSERT_TRUE(a.until([&] { return a.payloads.size() == 22; }));
  std::optional<Answer<Header>> forgotten;
  a.api->compact(static_cast<std::int64_t>(a.last.value), Millis(5'000),
                 [&](Answer<Header> answer) { forgotten = std::move(answer); });
  ASSERT_TRUE(a.until([&] { return forgotten.has_value(); }));
  RealNode again(etcd.endpoint());
  ASSERT_TRUE(again.follow(checkpoint, place));
  ASSERT_TRUE(again.until(
      [&] { return again.payloads.size() == 2 || again.log->health().state == State::behind; }));
  RealNode fresh(etcd.endpoint());
  ASSERT_TRUE(fresh.follow());
  EXPECT_TRUE(fresh.until_state(State::behind)) << "the first entries are gone";
}

TEST_F(RealEtcd, KilledAndStartedAgainInTheMiddleLosesNothing) {
  EtcdProcess etcd;
  RealNode a(etcd.endpoint());
  ASSERT_TRUE(a.follow() && a.until_state(State::ok));
  int appended = 0;
  const auto append_some = [&](int count) {
    for (int i = 0; i < count; ++i) {
      if (a.append(std::to_string(appended))) ++appended;
    }
  };
  append_some(8);
  ASSERT_TRUE(a.until([&] { return a.payloads.size() == 8; }));
  for (int round = 0; round < 3; ++round) {
    append_some(8);
    etcd.kill();
    ASSERT_TRUE(a.until_state(State::cut_off));
    EXPECT_FALSE(a.append("refused"));
    etcd.start();
    ASSERT_TRUE(a.until_state(State::ok)) << a.log->health().reason;
    append_some(8);
    ASSERT_TRUE(a.until([&] {
      return a.acknowledged.size() + a.failed.size() == static_cast<std::size_t>(appended);
    }));
  }
  for (const Code code : a.failed) EXPECT_EQ(code, Code::unknown);
  RealNode b(etcd.endpoint());
  ASSERT_TRUE(b.follow());
  ASSERT_TRUE(b.until([&] { return b.payloads.size() >= a.payloads.size(); }));
  EXPECT_EQ(b.payloads, a.payloads);
  for (const std::string& payload : a.acknowledged) {
    EXPECT_EQ(std::ranges::count(b.payloads, payload), 1) << payload;
  }
}

TEST_F(RealEtcd, PausedEtcdCutsOffInTimeAndComesBack) {
  EtcdProcess etcd;
  RealNode a(etcd.endpoint());
  ASSERT_TRUE(a.follow() && a.until_state(State::ok));
  etcd.pause();
  const auto paused = Clock::now();
  ASSERT_TRUE(a.until_state(State::cut_off));
  EXPECT_LT(Clock::now() - paused, std::chrono::seconds(5));
  etcd.go_on();
  ASSERT_TRUE(a.until_state(State::ok));
  ASSERT_TRUE(a.append("after it"));
  ASSERT_TRUE(a.until([&] { return !a.payloads.empty(); }));
  EXPECT_THAT(a.acknowledged, ElementsAre("after it"));
}

TEST_F(RealEtcd, LeasesAreGrantedKeptAliveAndFoundEnded) {
  EtcdProcess etcd;
  RealNode a(etcd.endpoint());
  ASSERT_TRUE(a.follow() && a.until_state(State::ok));
  Presence first(*a.api, "test", "n1", "here");
  Presence second(*a.api, "test", "n1", "there");
  ASSERT_TRUE(a.until([&] {
    first.step();
    return first.state() == Presence::State::held;
  }));
  ASSERT_TRUE(a.until([&] {
    second.step();
    return second.state() == Presence::State::taken;
  }));
  std::optional<Answer<std::int64_t>> lease;
  a.api->grant_lease(std::chrono::seconds(10), Millis(5'000),
                     [&](Answer<std::int64_t> answer) { lease = std::move(answer); });
  ASSERT_TRUE(a.until([&] { return lease.has_value(); }));
  ASSERT_TRUE(lease->has_value());
  std::optional<Answer<Header>> kept, ended;
  a.api->keep_alive(**lease, Millis(5'000),
                    [&](Answer<Header> answer) { kept = std::move(answer); });
  a.api->keep_alive(**lease + 1, Millis(5'000),
                    [&](Answer<Header> answer) { ended = std::move(answer); });
  ASSERT_TRUE(a.until([&] { return kept && ended; }));
  EXPECT_TRUE(kept->has_value());
  ASSERT_FALSE(ended->has_value());
  EXPECT_EQ(ended->error().kind, Failure::Kind::invalid);
}

TEST_F(RealEtcd, UsedUpQuotaStopsAppendsAndTrimmingMendsIt) {
  EtcdProcess etcd({"--quota-backend-bytes=4194304"});
  RealNode a(etcd.endpoint());
  ASSERT_TRUE(a.follow() && a.until_state(State::ok));
  int taken = 0;
  while (a.failed.empty() && taken < 100) {
    if (a.append(std::string(200'000, 'x'))) ++taken;
    ASSERT_TRUE(a.until([&] {
      return a.acknowledged.size() + a.failed.size() == static_cast<std::size_t>(taken);
    }));
  }
  // Unknown, where etcd was too slow for a first try.
  EXPECT_THAT(a.failed, ElementsAre(AnyOf(Code::unavailable, Code::unknown)));
  EXPECT_EQ(a.log->health().state, State::cut_off);
  a.log->trim(a.last);
  const std::size_t before = a.acknowledged.size();
  ASSERT_TRUE(a.until([&] {
    a.append("small");
    return a.acknowledged.size() > before + 10;
  }));
}

TEST_F(RealEtcd, WhereUsersMustSignInItDoesAndAfterARestartOfEtcdAgain) {
  EtcdProcess etcd;
  {
    RealNode a(etcd.endpoint());
    ASSERT_TRUE(a.follow() && a.until_state(State::ok));
  }
  const std::string ctl = "ETCDCTL_API=3 etcdctl --endpoints=" + etcd.endpoint() + " ";
  const std::string turn_on = ctl + "user add root:secret >/dev/null && " + ctl +
                              "user grant-role root root >/dev/null && " + ctl +
                              "auth enable >/dev/null";
  if (std::system("command -v etcdctl >/dev/null") != 0) GTEST_SKIP() << "etcdctl is not installed";
  ASSERT_EQ(std::system(turn_on.c_str()), 0);
  RealNode nobody(etcd.endpoint());
  ASSERT_TRUE(nobody.follow());
  RealNode a(etcd.endpoint(), {.user = "root", .password = "secret"});
  ASSERT_TRUE(a.follow() && a.until_state(State::ok));
  ASSERT_TRUE(a.append("signed in"));
  ASSERT_TRUE(a.until([&] { return a.acknowledged.size() == 1; }));
  etcd.kill();
  ASSERT_TRUE(a.until_state(State::cut_off));
  etcd.start();
  ASSERT_TRUE(a.until_state(State::ok)) << a.log->health().reason;
  ASSERT_TRUE(a.append("again"));
  ASSERT_TRUE(a.until([&] { return a.acknowledged.size() == 2; }));
  nobody.log->deliver();
  EXPECT_EQ(nobody.log->health().state, State::cut_off);
}

}  // namespace
}  // namespace holdfast::etcd
