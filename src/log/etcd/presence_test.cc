// SPDX-License-Identifier: Apache-2.0
#include "log/etcd/presence.h"

#include <gtest/gtest.h>

#include <memory>

#include "log/etcd/fake_etcd.h"

namespace holdfast::etcd {
namespace {

using State = Presence::State;

struct Process {
  Process(FakeEtcd& etcd, const std::string& instance)
      : client(etcd.connect()), presence(*client, "test", "n1", instance) {}
  std::shared_ptr<FakeClient> client;
  Presence presence;
};

void run(FakeEtcd& etcd, const std::vector<Process*>& processes, Millis time) {
  for (Millis ran{0}; ran < time; ran += Millis(50)) {
    etcd.advance(Millis(50));
    for (Process* process : processes) {
      process->client->deliver();
      process->presence.step();
    }
  }
}

TEST(EtcdPresence, SecondNodeWithOneIdFindsItTakenForAsLongAsTheFirstLives) {
  FakeEtcd etcd;
  Process first(etcd, "host a, folder 1");
  run(etcd, {&first}, Millis(500));
  EXPECT_EQ(first.presence.state(), State::held);
  Process copy(etcd, "host b, folder 7");
  EXPECT_EQ(copy.presence.state(), State::unknown);
  run(etcd, {&first, &copy}, Millis(60'000));
  EXPECT_EQ(first.presence.state(), State::held);
  EXPECT_EQ(copy.presence.state(), State::taken);
  EXPECT_EQ(copy.presence.holder(), "host a, folder 1");
}

TEST(EtcdPresence, KilledNodeStartsAgainAtOnceAndACopyAfterItsLease) {
  FakeEtcd etcd;
  auto first = std::make_unique<Process>(etcd, "host a, folder 1");
  run(etcd, {first.get()}, Millis(500));
  first = std::make_unique<Process>(etcd, "host a, folder 1");
  run(etcd, {first.get()}, Millis(500));
  EXPECT_EQ(first->presence.state(), State::held);
  // The first start's lease ends; the key is the second one's now.
  run(etcd, {first.get()}, Millis(20'000));
  EXPECT_EQ(etcd.keys("/holdfast/test/alive/").size(), 1U);

  first.reset();
  Process moved(etcd, "host b, folder 1");
  run(etcd, {&moved}, Millis(5'000));
  EXPECT_EQ(moved.presence.state(), State::taken);
  run(etcd, {&moved}, Millis(8'000));
  EXPECT_EQ(moved.presence.state(), State::held);
}

TEST(EtcdPresence, LostLeaseIsTakenAgain) {
  FakeEtcd etcd;
  Process first(etcd, "host a, folder 1");
  run(etcd, {&first}, Millis(500));
  first.client->cut(true);
  run(etcd, {&first}, Millis(20'000));
  EXPECT_TRUE(etcd.keys("/holdfast/test/alive/").empty());
  first.client->cut(false);
  run(etcd, {&first}, Millis(10'000));
  EXPECT_EQ(first.presence.state(), State::held);
  EXPECT_EQ(etcd.keys("/holdfast/test/alive/").size(), 1U);
}

TEST(EtcdPresence, LostAnswersDoNotMakeANodeItsOwnRival) {
  FakeEtcd etcd;
  etcd.faults.reply_lost = 0.5;
  Process first(etcd, "host a, folder 1");
  run(etcd, {&first}, Millis(60'000));
  EXPECT_NE(first.presence.state(), State::taken);
  etcd.faults.reply_lost = 0;
  run(etcd, {&first}, Millis(15'000));
  EXPECT_EQ(first.presence.state(), State::held);
}

}  // namespace
}  // namespace holdfast::etcd
