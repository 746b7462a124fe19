// SPDX-License-Identifier: Apache-2.0
// Nodes over real connections on loopback, on one thread; real time, generous
// deadlines.
#include "mesh/mesh.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mesh/checkpoint_server.h"
#include "mesh/socket_transport.h"
#include "mesh/test_mesh.h"
#include "tls/test_certificates.h"

namespace holdfast::mesh::testing {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds patience{30};

class Cluster {
 public:
  /// `secrets`: of each node, empty for none.
  explicit Cluster(std::size_t count, std::vector<std::string> clusters = {},
                   std::vector<std::string> secrets = {},
                   std::vector<std::shared_ptr<const tls::RenewableIdentity>> identities = {}) {
    identities.resize(count);
    secrets.resize(count);
    std::vector<std::string> names;
    for (std::size_t i = 0; i < count; ++i) names.push_back("n" + std::to_string(i));
    clusters.resize(count, "shop");
    for (std::size_t i = 0; i < count; ++i) {
      members_.push_back(std::make_unique<Member>(io_, names[i], i + 1, names, clusters[i],
                                                  Secret(secrets[i]), identities[i]));
    }
    tell_addresses();
  }

  TestNode& node(std::size_t i) { return members_[i]->node; }
  Mesh& mesh(std::size_t i) { return *members_[i]->mesh; }
  /// Its connections end, and it comes back elsewhere.
  void reconnect(std::size_t i) {
    members_[i]->open(io_);
    tell_addresses();
  }
  /// All come back with these versions of the protocol, and pack what they may.
  void speak(const std::vector<int>& versions) {
    for (std::size_t i = 0; i < members_.size(); ++i) {
      members_[i]->version = static_cast<std::uint8_t>(versions[i]);
      members_[i]->packs = true;
      members_[i]->open(io_);
    }
    tell_addresses();
  }
  void write(std::size_t i, const Line& line) { node(i).run(line, {}); }

  bool until(const std::function<bool()>& holds) {
    const auto deadline = Clock::now() + patience;
    while (!holds()) {
      if (Clock::now() > deadline) return false;
      io_.restart();
      io_.run_for(Millis(5));
      for (auto& member : members_) {
        member->node.turn();
        member->node.log().sync_now();
        member->node.replica().tidy(member->node.wall);
        member->node.wall += Millis(5);
        member->mesh->turn(member->node.wall, Clock::now());
      }
    }
    return true;
  }
  bool until_equal() {
    return until([this] {
      for (auto& member : members_) {
        if (!(member->node.replica().merged() == members_[0]->node.replica().merged()))
          return false;
      }
      return true;
    });
  }
  bool until_settled() {
    return until([this] {
      for (auto& member : members_) {
        TestNode& node = member->node;
        if (node.replica().counters().unstable != 0) return false;
        if (node.replication().trimmable() < node.log().last()) return false;
      }
      return true;
    });
  }

 private:
  struct Member {
    Member(boost::asio::io_context& io, const std::string& name, std::uint64_t number,
           const std::vector<std::string>& names, std::string the_cluster, Secret its_secret,
           std::shared_ptr<const tls::RenewableIdentity> identity)
        : node(name, number, names, number),
          cluster(std::move(the_cluster)),
          secret(std::move(its_secret)),
          tls(std::move(identity)) {
      open(io);
    }
    void open(boost::asio::io_context& io) {
      server.reset();
      mesh.reset();
      transport = std::make_unique<SocketTransport>(io);
      mesh = std::make_unique<Mesh>(*transport, node.replication(),
                                    Mesh::Options{.cluster = cluster,
                                                  .node = node.name,
                                                  .secret = secret,
                                                  .tls = tls,
                                                  .version = version,
                                                  .packs = packs});
      server = std::make_unique<CheckpointServer>(
          io, CheckpointServer::Options{
                  .cluster = cluster,
                  .node = node.name,
                  .begin = [](const Hello&) -> Result<CheckpointSource> {
                    return fail(Code::unavailable, "none");
                  },
                  .end = [](bool) {},
                  .secret = secret,
                  .tls = tls,
                  .admit = {},
                  .replicate =
                      [this](std::unique_ptr<ByteStream> stream, tls::Channel channel,
                             FrameReader reader, FrameWriter writer, const Hello& hello) {
                        mesh->adopt(std::move(stream), std::move(channel), std::move(reader),
                                    writer, hello);
                      }});
      HF_ASSERT(server->listen("127.0.0.1:0"));
    }
    TestNode node;
    std::string cluster;
    Secret secret;
    std::shared_ptr<const tls::RenewableIdentity> tls;
    std::uint8_t version = protocol_version;
    std::optional<bool> packs;
    std::unique_ptr<SocketTransport> transport;
    std::unique_ptr<Mesh> mesh;
    std::unique_ptr<CheckpointServer> server;
  };

  void tell_addresses() {
    for (auto& member : members_) {
      std::vector<std::string> others;
      for (auto& other : members_) {
        if (other != member) others.push_back(other->server->address());
      }
      member->mesh->set_peers(others);
    }
  }

  boost::asio::io_context io_;
  std::vector<std::unique_ptr<Member>> members_;
};

Line put(const std::string& key, const std::string& text) {
  return {"EFFECTS", "1", key, "e", text, "0", "0"};
}

TEST(Mesh, NodesComeToTheSameAndSettleIt) {
  Cluster cluster(3);
  for (int i = 0; i < 300; ++i) cluster.write(i % 3, put("k" + std::to_string(i), "v"));
  ASSERT_TRUE(cluster.until_equal());
  ASSERT_TRUE(cluster.until_settled());
  EXPECT_EQ(cluster.node(2).table().size(), 300u);
  for (std::size_t i = 0; i < 3; ++i) {
    for (const Mesh::Peer& peer : cluster.mesh(i).peers())
      EXPECT_TRUE(peer.connected) << peer.trouble;
  }
}

// What FRESH goes by: a moment from which on nobody had anything that is not here.
TEST(Mesh, WhatIsWrittenWithinAMomentOfTheLastGoesTogether) {
  using std::chrono::microseconds;
  Cluster cluster(2);
  cluster.write(0, {"INCRBY", "k", "1"});
  ASSERT_TRUE(cluster.until_equal());
  const Monotonic then = Clock::now() + std::chrono::milliseconds(500);
  const auto write_at = [&](Monotonic now) {
    cluster.write(0, {"INCRBY", "k", "1"});
    cluster.node(0).turn();
    cluster.mesh(0).turn(cluster.node(0).wall, now);
    return cluster.mesh(0).wanted_at();
  };
  EXPECT_EQ(write_at(then), Monotonic::max()) << "the first goes at once";
  const Monotonic next = then + microseconds(1'500);
  EXPECT_EQ(write_at(then + microseconds(100)), next);
  EXPECT_EQ(write_at(then + microseconds(400)), next);
  EXPECT_EQ(write_at(next), Monotonic::max());
  EXPECT_TRUE(cluster.until_equal());
}

TEST(Mesh, NodesComeToKnowThatTheyAreFresh) {
  Cluster cluster(3);
  const Monotonic written = Clock::now();
  for (int i = 0; i < 30; ++i) cluster.write(i % 3, put("k" + std::to_string(i), "v"));
  ASSERT_TRUE(cluster.until([&] {
    for (std::size_t at = 0; at < 3; ++at) {
      for (std::size_t of = 0; of < 3; ++of) {
        if (at == of) continue;
        const auto until = cluster.node(at).replication().seen_until(cluster.node(of).name);
        if (!until || *until < written) return false;
      }
    }
    return true;
  }));
  for (std::size_t at = 0; at < 3; ++at) EXPECT_EQ(cluster.node(at).table().size(), 30u);
}

TEST(Mesh, ConnectionsThatEndAreMadeAgainAndNothingIsLost) {
  Cluster cluster(3);
  for (std::size_t round = 0; round < 6; ++round) {
    for (std::size_t i = 0; i < 60; ++i)
      cluster.write(i % 3, put("k" + std::to_string(round * 100 + i), std::string(2'000, 'v')));
    // In the middle of it.
    ASSERT_TRUE(cluster.until([left = 3]() mutable { return --left == 0; }));
    cluster.reconnect(round % 3);
    if (round == 3) cluster.write(0, put("large", std::string(900'000, 'x')));
    ASSERT_TRUE(cluster.until_equal()) << round;
  }
  ASSERT_TRUE(cluster.until_settled());
  EXPECT_EQ(cluster.node(1).table().size(), 361u);
}

TEST(Mesh, ANodeOfAnotherClusterIsRefusedAndSaysWhy) {
  Cluster cluster(2, {"shop", "bank"});
  cluster.write(0, put("k", "v"));
  ASSERT_TRUE(cluster.until([&] {
    return cluster.mesh(0).peers()[0].trouble.find("cluster bank") != std::string::npos;
  })) << cluster.mesh(0).peers()[0].trouble;
  EXPECT_EQ(cluster.node(1).table().size(), 0u);
}

TEST(Mesh, NodesThatShareASecretReplicate) {
  Cluster cluster(3, {}, {"a secret", "a secret", "a secret"});
  for (int i = 0; i < 30; ++i)
    cluster.write(i % 3, put("k" + std::to_string(i), std::string(1'000, 'v')));
  ASSERT_TRUE(cluster.until_equal());
  EXPECT_EQ(cluster.node(2).table().size(), 30u);
}

TEST(Mesh, NodesReplicateOverTlsAndNotToWhoHasNoCertificateOfTheirs) {
  tls::testing::Certificates shop("shop"), other("other");
  Cluster cluster(4, {}, {"a secret", "a secret", "a secret", "a secret"},
                  {shop.identity("n0"), shop.identity("n1"), other.identity("n2"), nullptr});
  for (int i = 0; i < 300; ++i)
    cluster.write(i % 4, put("k" + std::to_string(i), std::string(3'000, 'v')));
  ASSERT_TRUE(cluster.until([&] {
    return cluster.node(0).table().size() == 150 && cluster.node(1).table().size() == 150;
  }));
  const auto trouble = [&](std::size_t at, std::string_view what) {
    for (const Mesh::Peer& peer : cluster.mesh(at).peers()) {
      if (peer.trouble.find(what) != std::string::npos) return true;
    }
    return false;
  };
  EXPECT_TRUE(cluster.until([&] { return trouble(0, "not to be trusted"); }));
  EXPECT_TRUE(cluster.until([&] { return trouble(2, "not to be trusted"); }));
  ASSERT_TRUE(cluster.until([left = 100]() mutable { return --left == 0; }));
  EXPECT_EQ(cluster.node(0).table().size(), 150u);
  for (const std::size_t i : {2U, 3U}) EXPECT_EQ(cluster.node(i).table().size(), 75u) << i;
  cluster.reconnect(1);
  cluster.write(1, put("late", "v"));
  EXPECT_TRUE(cluster.until([&] { return cluster.node(0).table().size() == 151; }));
}

// As while a cluster is upgraded: the older one takes nothing that it does not know.
TEST(Mesh, NodesOneVersionApartReplicate) {
  Cluster cluster(3);
  cluster.speak({protocol_version_packing - 1, protocol_version, protocol_version});
  const std::string text(5'000, 'v');
  for (int i = 0; i < 90; ++i) cluster.write(i % 3, put("k" + std::to_string(i), text));
  ASSERT_TRUE(cluster.until_equal());
  EXPECT_EQ(cluster.node(0).table().size(), 90u);
  // Both of those that can have packed it.
  for (const std::size_t i : {1U, 2U}) {
    for (const Mesh::Peer& peer : cluster.mesh(i).peers())
      EXPECT_EQ(peer.sent_bytes < 30 * text.size(), peer.node != "n0") << i << peer.node;
  }
  cluster.speak({protocol_version, protocol_version, protocol_version});
  cluster.write(0, put("late", "v"));
  ASSERT_TRUE(cluster.until_equal());
  ASSERT_TRUE(cluster.until_settled());
}

/// Who was asked what, and who answered what, of node n0's questions to the others.
// -- What is published

struct Heard {
  explicit Heard(Cluster& cluster, std::size_t nodes) : by(nodes) {
    for (std::size_t i = 0; i < nodes; ++i) {
      cluster.mesh(i).set_heard([this, i](const Message& message) {
        by[i].push_back(std::string(message.kind == ChannelKind::shard ? "s " : "") +
                        std::string(message.channel) + " " + std::string(message.text));
      });
    }
  }
  std::vector<std::vector<std::string>> by;
};

TEST(Mesh, APublishedMessageReachesTheNodesWhereSomebodyListens) {
  Cluster cluster(3, {}, {"a secret", "a secret", "a secret"});
  Heard heard(cluster, 3);
  cluster.mesh(1).set_listens(true);
  const auto tell = [&](std::string_view text) {
    cluster.mesh(0).publish({ChannelKind::usual, "news", text});
  };
  // Until it is known that somebody listens there, nothing is sent.
  ASSERT_TRUE(cluster.until([&] {
    tell("?");
    return !heard.by[1].empty();
  }));
  heard.by[1].clear();
  const std::uint64_t sent = cluster.mesh(0).message_counters().sent;
  tell("one");
  cluster.mesh(0).publish({ChannelKind::shard, "news", std::string(700'000, 'x')});
  tell("two");
  ASSERT_TRUE(
      cluster.until([&] { return !heard.by[1].empty() && heard.by[1].back() == "news two"; }));
  std::erase(heard.by[1], "news ?");
  ASSERT_EQ(heard.by[1].size(), 3u);
  EXPECT_EQ(heard.by[1][0], "news one");
  EXPECT_EQ(heard.by[1][1], "s news " + std::string(700'000, 'x'));
  EXPECT_EQ(cluster.mesh(0).message_counters().sent, sent + 3);
  EXPECT_TRUE(heard.by[2].empty());
  // Replication goes on beside it.
  cluster.write(0, put("k", "v"));
  ASSERT_TRUE(cluster.until_equal());
}

TEST(Mesh, MessagesForWhoIsNotConnectedAreGone) {
  Cluster cluster(2);
  Heard heard(cluster, 2);
  cluster.mesh(1).set_listens(true);
  cluster.mesh(0).publish({ChannelKind::usual, "a", "early"});
  ASSERT_TRUE(cluster.until([&] {
    cluster.mesh(0).publish({ChannelKind::usual, "a", "later"});
    return !heard.by[1].empty();
  }));
  EXPECT_EQ(heard.by[1].front(), "a later");
  cluster.reconnect(1);
  heard.by[1].clear();
  cluster.mesh(1).set_listens(true);
  cluster.mesh(1).set_heard([&](const Message&) { heard.by[1].emplace_back("again"); });
  ASSERT_TRUE(cluster.until([&] {
    cluster.mesh(0).publish({ChannelKind::usual, "a", "later"});
    return !heard.by[1].empty();
  }));
}

TEST(Mesh, AnOlderNodeIsToldNothingThatItDoesNotKnow) {
  Cluster cluster(2);
  cluster.speak({protocol_version_messages, protocol_version_messages - 1});
  Heard heard(cluster, 2);
  cluster.mesh(0).set_listens(true);
  cluster.mesh(1).set_listens(true);
  ASSERT_TRUE(cluster.until([&] {
    cluster.mesh(0).publish({ChannelKind::usual, "a", "b"});
    cluster.mesh(1).publish({ChannelKind::usual, "a", "b"});
    return cluster.mesh(0).peers()[0].connected && cluster.mesh(1).peers()[0].connected;
  }));
  cluster.write(0, put("k", "v"));
  cluster.write(1, put("l", "v"));
  ASSERT_TRUE(cluster.until_equal());
  EXPECT_TRUE(heard.by[0].empty());
  EXPECT_TRUE(heard.by[1].empty());
}

TEST(Mesh, MoreMessagesThanMayWaitAreDroppedAndCounted) {
  Cluster cluster(2);
  Heard heard(cluster, 2);
  cluster.mesh(1).set_listens(true);
  ASSERT_TRUE(cluster.until([&] {
    cluster.mesh(0).publish({ChannelKind::usual, "a", "b"});
    return !heard.by[1].empty();
  }));
  const std::string text(1_MiB, 'x');
  for (std::size_t i = 0; i <= limits::mesh_messages_bytes_max / text.size(); ++i)
    cluster.mesh(0).publish({ChannelKind::usual, "a", text});
  EXPECT_GT(cluster.mesh(0).message_counters().dropped, 0u);
  heard.by[1].clear();
  ASSERT_TRUE(cluster.until([&] { return heard.by[1].size() >= 30; })) << "the others come";
}

TEST(Mesh, EveryPeerHearsHowFarCachesHaveBeenTold) {
  Cluster cluster(3, {}, {"a secret", "a secret", "a secret"});
  std::map<std::size_t, std::map<std::string, Position>> heard;
  const auto hear = [&](std::size_t i) {
    cluster.mesh(i).set_told(
        [&, i](const std::string& node, Position told) { heard[i][node] = told; });
  };
  for (const std::size_t i : {0U, 1U, 2U}) hear(i);
  cluster.mesh(0).tell({7});  // before anybody is connected
  const auto all_heard = [&](std::uint64_t told) {
    return heard[1]["n0"] == Position{told} && heard[2]["n0"] == Position{told};
  };
  ASSERT_TRUE(cluster.until([&] { return all_heard(7); }));
  cluster.mesh(0).tell({9});
  cluster.mesh(0).tell({8});  // is said already
  ASSERT_TRUE(cluster.until([&] { return all_heard(9); }));
  EXPECT_TRUE(heard[0].empty());
  // Whoever comes back hears it without anything new.
  cluster.reconnect(1);
  heard.clear();
  hear(1);
  ASSERT_TRUE(cluster.until([&] { return heard[1]["n0"] == Position{9}; }));
}

TEST(Mesh, AnOlderNodeHearsNothingOfCaches) {
  Cluster cluster(2);
  cluster.speak({protocol_version_told, protocol_version_told - 1});
  cluster.mesh(0).tell({7});
  cluster.write(0, put("k", "v"));
  cluster.write(1, put("l", "v"));
  ASSERT_TRUE(cluster.until_equal());
}

struct Asked {
  explicit Asked(Cluster& cluster, std::size_t nodes) {
    for (std::size_t i = 0; i < nodes; ++i) {
      cluster.mesh(i).set_questions(
          {.asked =
               [this, i](const Question& question, const Mesh::Respond& respond) {
                 questions.emplace_back(i, question);
                 if (holds_back) {
                   held.push_back(respond);
                 } else {
                   respond({.number = question.number,
                            .refused = {},
                            .says = {.type = Type::string, .value = "of n" + std::to_string(i)}});
                 }
               },
           .answered = [this](const std::string& node,
                              const Answer& answer) { answers[node].push_back(answer); }});
    }
  }
  std::vector<std::pair<std::size_t, Question>> questions;
  std::vector<Mesh::Respond> held;
  std::map<std::string, std::vector<Answer>> answers;
  bool holds_back = false;
};

bool is_connected(Cluster& cluster, std::size_t from, const std::string& to) {
  for (const Mesh::Peer& peer : cluster.mesh(from).peers()) {
    if (peer.node == to && peer.connected) return true;
  }
  return false;
}

TEST(Mesh, ANodeIsAskedWhatItSaysOfAKey) {
  Cluster cluster(3, {}, {"a secret", "a secret", "a secret"});
  Asked asked(cluster, 3);
  EXPECT_FALSE(cluster.mesh(0).ask("n1", {1, likes, "k"})) << "nobody is connected yet";
  ASSERT_TRUE(cluster.until(
      [&] { return is_connected(cluster, 0, "n1") && is_connected(cluster, 0, "n2"); }));
  ASSERT_TRUE(cluster.mesh(0).ask("n1", {7, likes, "k"}));
  ASSERT_TRUE(cluster.mesh(0).ask("n2", {8, likes, "k"}));
  ASSERT_TRUE(cluster.until([&] { return asked.answers.size() == 2; }));
  EXPECT_EQ(asked.answers["n1"].at(0).number, 7u);
  EXPECT_EQ(asked.answers["n1"].at(0).says.value, "of n1");
  EXPECT_EQ(asked.answers["n2"].at(0).says.value, "of n2");
  EXPECT_EQ(asked.questions.at(0).second.key, "k");
  EXPECT_FALSE(cluster.mesh(0).ask("n9", {9, likes, "k"}));
}

TEST(Mesh, AnOlderNodeIsNotAsked) {
  Cluster cluster(2);
  cluster.speak({protocol_version_questions, protocol_version_questions - 1});
  Asked asked(cluster, 2);
  ASSERT_TRUE(cluster.until(
      [&] { return is_connected(cluster, 0, "n1") && is_connected(cluster, 1, "n0"); }));
  const Status refused = cluster.mesh(0).ask("n1", {1, likes, "k"});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, ::testing::HasSubstr("older version"));
  EXPECT_FALSE(cluster.mesh(1).ask("n0", {1, likes, "k"}));
  cluster.write(0, put("k", "v"));
  ASSERT_TRUE(cluster.until_equal());
}

TEST(Mesh, NoMoreQuestionsWaitForANodeThanMay) {
  Cluster cluster(2);
  Asked asked(cluster, 2);
  asked.holds_back = true;
  ASSERT_TRUE(cluster.until([&] { return is_connected(cluster, 0, "n1"); }));
  for (std::size_t i = 0; i < limits::mesh_questions_max; ++i)
    ASSERT_TRUE(cluster.mesh(0).ask("n1", {i, likes, "k"})) << i;
  EXPECT_FALSE(cluster.mesh(0).ask("n1", {999, likes, "k"}));
  ASSERT_TRUE(cluster.until([&] { return asked.questions.size() == limits::mesh_questions_max; }));
  asked.held[0]({.number = 0, .refused = "no", .says = {}});
  ASSERT_TRUE(cluster.until([&] { return !asked.answers.empty(); }));
  EXPECT_TRUE(cluster.mesh(0).ask("n1", {1'000, likes, "k"}));
  // An answer to who has gone goes nowhere; the next connection begins with none waiting.
  cluster.reconnect(0);
  asked.held[1]({.number = 1, .refused = "no", .says = {}});
  ASSERT_TRUE(cluster.until([&] { return is_connected(cluster, 0, "n1"); }));
  for (std::size_t i = 0; i < limits::mesh_questions_max; ++i)
    EXPECT_TRUE(cluster.mesh(0).ask("n1", {i, likes, "k"})) << i;
}

// One has it, one has another, one has none: nobody takes anything from anybody.
TEST(Mesh, WhoHasNotTheSecretTakesAndGivesNothing) {
  Cluster cluster(3, {}, {"a secret", "another", ""});
  for (int i = 0; i < 3; ++i) cluster.write(i, put("k" + std::to_string(i), "v"));
  const auto told = [&](std::size_t at, std::string_view what) {
    for (const Mesh::Peer& peer : cluster.mesh(at).peers()) {
      if (peer.connected) return false;
      if (peer.trouble.find(what) != std::string::npos) return true;
    }
    return false;
  };
  EXPECT_TRUE(cluster.until([&] { return told(0, "does not sign in"); }));
  EXPECT_TRUE(cluster.until([&] { return told(2, "nodes sign in with its secret"); }));
  // The one with another secret is cut off at its first frame.
  ASSERT_TRUE(cluster.until([left = 100]() mutable { return --left == 0; }));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(cluster.node(i).table().size(), 1u) << i;
}

}  // namespace
}  // namespace holdfast::mesh::testing
