// SPDX-License-Identifier: Apache-2.0
#include "server/resp_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/loopback.h"
#include "server/talk.h"

namespace holdfast::server {
namespace {

using fake::encoded;
using loopback::Client;
using loopback::run_until;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class House {
 public:
  explicit House(const Front::Options& options = {})
      : held(make_resp_server(io, fake::commands(), options)) {
    server.set_backend(backend);
    const Status listening = server.listen("127.0.0.1:0");
    EXPECT_TRUE(listening) << listening.error().message;
  }

  void turn() {
    io.run_one_for(std::chrono::milliseconds(1));
    io.poll();
    backend.end_of_turn();
    server.flush();
  }
  void turn_until_heard(Client& client, std::string_view text) {
    run_until([&] { turn(); },
              [&] {
                client.listen();
                return client.heard() == text || client.closed();
              });
    EXPECT_EQ(client.heard(), text);
  }
  void turn_until(std::function<bool()> done) {
    run_until([&] { turn(); }, std::move(done));
  }

  boost::asio::io_context io{1};
  fake::Backend backend;
  std::unique_ptr<SocketServer> held;
  SocketServer& server = *held;
};

TEST(RespServer, AnswersOverASocket) {
  House house;
  Client client(house.server.port());
  client.send("PING\r\n" + encoded({"GET", "k"}));
  house.turn_until_heard(client, "+PONG\r\n$5\r\nGET k\r\n");
  EXPECT_EQ(house.server.counters().connections, 1U);
  EXPECT_EQ(house.server.counters().commands, 2U);
  EXPECT_EQ(house.server.counters().bytes_out, client.heard().size());
  EXPECT_EQ(house.server.counters().bytes_in, 6 + encoded({"GET", "k"}).size());
}

// Before any of them runs, so that what they will touch is asked for all at once.
TEST(RespServer, ExpectsTogetherWhatManyClientsHaveSentAtOnce) {
  House house;
  std::vector<std::unique_ptr<Client>> clients(20);
  for (auto& client : clients) client = std::make_unique<Client>(house.server.port());
  house.turn_until([&] { return house.server.counters().connections == clients.size(); });
  const auto all_ask = [&] {
    house.backend.seen.clear();
    for (std::size_t i = 0; i < clients.size(); ++i)
      clients[i]->send(encoded({"GET", "k" + std::to_string(i)}));
    house.turn_until([&] { return house.backend.seen.size() == clients.size(); });
  };
  all_ask();
  ASSERT_EQ(house.backend.expected.size(), 2U);
  EXPECT_EQ(house.backend.expected[0].size(), limits::look_ahead_requests);
  EXPECT_EQ(house.backend.expected[1].size(), clients.size() - limits::look_ahead_requests);
  EXPECT_EQ(house.backend.seen_when_expected, limits::look_ahead_requests);
  EXPECT_THAT(house.backend.expected[1], Contains("k19"));
  for (const auto& client : clients)
    house.turn_until([&] {
      client->listen();
      return !client->heard().empty();
    });
  // Of no use: not for the next hundred or so.
  house.backend.expects = false;
  house.backend.expected.clear();
  for (int i = 0; i < 5; ++i) all_ask();
  EXPECT_EQ(house.backend.expected.size(), 1U);
}

// What a request does to another connection, whose own have been read, is the same as ever.
TEST(RespServer, OneThatIsKilledByOneReadWithItRunsNothing) {
  House house;
  Client killer(house.server.port()), other(house.server.port());
  house.turn_until([&] { return house.server.counters().connections == 2; });
  killer.send(encoded({"CLIENT", "KILL", "ID", "2"}));
  other.send(encoded({"GET", "k"}));
  house.turn_until_heard(killer, ":1\r\n");
  house.turn_until([&] {
    other.listen();
    return other.closed();
  });
  EXPECT_TRUE(house.backend.seen.empty());
}

TEST(RespServer, ListensOnLoopbackOnly) {
  boost::asio::io_context io;
  fake::Backend backend;
  const auto held = make_resp_server(io, fake::commands(), {});
  SocketServer& server = *held;
  server.set_backend(backend);
  for (const char* address : {"0.0.0.0:0", "192.0.2.1:7379", "[::]:0", ":7379"}) {
    const Status listening = server.listen(address);
    ASSERT_FALSE(listening) << address;
    EXPECT_THAT(listening.error().message, HasSubstr("nobody has to sign in")) << address;
  }
  for (const char* address : {"127.0.0.1", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:"}) {
    EXPECT_FALSE(server.listen(address)) << address;
  }
  EXPECT_TRUE(server.listen("localhost:0"));
  const auto second = make_resp_server(io, fake::commands(), {});
  second->set_backend(backend);
  const Status taken = second->listen(server.address());
  ASSERT_FALSE(taken);
  EXPECT_THAT(taken.error().message, StartsWith("cannot listen on "));
}

TEST(RespServer, CompletionsFindTheirConnection) {
  House house;
  house.backend.answers_at_once = false;
  Client first(house.server.port());
  Client second(house.server.port());
  first.send(encoded({"GET", "first"}));
  second.send(encoded({"GET", "second"}));
  house.turn_until([&] { return house.backend.under_way.size() == 2; });
  while (!house.backend.under_way.empty()) {
    house.backend.complete(house.server, house.backend.under_way.size() - 1);
  }
  house.turn_until_heard(first, "$9\r\nGET first\r\n");
  house.turn_until_heard(second, "$10\r\nGET second\r\n");
}

TEST(RespServer, ACompletionForAConnectionThatIsGoneIsIgnored) {
  House house;
  house.backend.answers_at_once = false;
  {
    Client client(house.server.port());
    client.send(encoded({"GET", "old"}));
    house.turn_until([&] { return house.backend.under_way.size() == 1; });
    client.send(std::string(10, '\0'));
  }
  const auto old = house.backend.under_way;
  // The slot is another's by now.
  house.server.abort_all();
  house.turn_until([&] { return house.server.counters().connections == 0; });
  Client other(house.server.port());
  other.send("PING\r\n");
  house.turn_until_heard(other, "+PONG\r\n");
  house.backend.complete(house.server, 0);
  house.server.complete({0, 0}, "+nobody\r\n", Replay::none);
  house.server.complete({~std::uint64_t{0}, 0}, "+nobody\r\n", Replay::none);
  other.send("PING\r\n");
  house.turn_until_heard(other, "+PONG\r\n+PONG\r\n");
}

TEST(RespServer, AChangeOfPathGoesOnInTheNextTurn) {
  House house;
  house.backend.answers_at_once = false;
  Client client(house.server.port());
  client.send(encoded({"SET", "a", "1"}) + encoded({"INCR", "ev:a"}) + encoded({"GET", "b"}));
  run_until([&] { house.turn(); },
            [&] {
              house.backend.complete_all(house.server);
              client.listen();
              return client.heard().size() >= 12 + 14 + 11;
            });
  EXPECT_EQ(client.heard(), "$7\r\nSET a 1\r\n$9\r\nINCR ev:a\r\n$5\r\nGET b\r\n");
}

TEST(RespServer, WhatWasAskedBeforeThePeerStoppedSendingIsAnswered) {
  House house;
  house.backend.answers_at_once = false;
  Client client(house.server.port());
  client.send(encoded({"SET", "a", "1"}));
  client.stop_sending();
  house.turn_until([&] { return house.backend.under_way.size() == 1; });
  for (int i = 0; i < 5; ++i) house.turn();
  house.backend.complete_all(house.server);
  house.turn_until([&] {
    client.listen();
    return client.closed() && house.server.counters().connections == 0;
  });
  EXPECT_EQ(client.heard(), "$7\r\nSET a 1\r\n");
}

TEST(RespServer, AProtocolErrorIsHeardBeforeTheEnd) {
  House house;
  Client client(house.server.port());
  client.send("PING\r\n*x\r\nPING\r\n");
  house.turn_until([&] {
    client.listen();
    return client.closed();
  });
  EXPECT_EQ(client.heard(), "+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n");
}

TEST(RespServer, ConnectionsOverTheLimitAreRefusedInWords) {
  House house({.connections_max = 2});
  Client first(house.server.port());
  Client second(house.server.port());
  house.turn_until([&] { return house.server.counters().connections == 2; });
  Client third(house.server.port());
  house.turn_until([&] {
    third.listen();
    return third.closed();
  });
  EXPECT_EQ(third.heard(), "-ERR max number of clients reached\r\n");
  EXPECT_EQ(house.server.counters().refused_connections, 1U);
  first.close();
  house.turn_until([&] { return house.server.counters().connections == 1; });
  Client fourth(house.server.port());
  fourth.send("PING\r\n");
  house.turn_until_heard(fourth, "+PONG\r\n");
}

TEST(RespServer, ClientKillClosesTheOtherAndAnswers) {
  House house;
  Client first(house.server.port());
  Client second(house.server.port());
  second.send("CLIENT ID\r\n");
  house.turn_until([&] {
    second.listen();
    return !second.heard().empty();
  });
  const std::string id = second.heard().substr(1, second.heard().size() - 3);
  first.send("CLIENT LIST\r\n");
  house.turn_until([&] {
    first.listen();
    return !first.heard().empty();
  });
  EXPECT_THAT(first.heard(), HasSubstr("\nid=" + id + " addr=127.0.0.1:"));
  first.heard().clear();
  first.send("CLIENT KILL ID " + id + "\r\n");
  house.turn_until_heard(first, ":1\r\n");
  house.turn_until([&] {
    second.listen();
    return second.closed() && house.server.counters().connections == 1;
  });
}

TEST(RespServer, AReaderThatReadsGetsAHundredMegabytes) {
  House house({.output_bytes_max = 1 << 20});
  house.backend.reply = "$100000\r\n" + std::string(100'000, 'x') + "\r\n";
  Client client(house.server.port());
  std::string bytes;
  for (int i = 0; i < 1'000; ++i) bytes += "GET k\r\n";
  std::size_t sent = 0;
  std::size_t heard = 0;
  const std::size_t due = 1'000 * house.backend.reply.size();
  std::size_t most_unsent = 0;
  run_until([&] { house.turn(); },
            [&] {
              sent += client.send(std::string_view(bytes).substr(sent));
              most_unsent = std::max(most_unsent, house.server.unsent_bytes());
              client.listen();
              heard += client.heard().size();
              client.heard().clear();
              return heard == due || client.closed();
            });
  EXPECT_EQ(heard, due);
  EXPECT_LE(most_unsent, (1U << 20) + house.backend.reply.size());
}

TEST(RespServer, AReaderThatDoesNotReadHoldsBoundedMemory) {
  House house({.output_bytes_max = 1 << 20});
  house.backend.reply = "$100000\r\n" + std::string(100'000, 'x') + "\r\n";
  Client client(house.server.port());
  std::string bytes;
  for (int i = 0; i < 10'000; ++i) bytes += "GET k\r\n";
  std::size_t sent = 0;
  for (int i = 0; i < 300; ++i) {
    if (sent < bytes.size()) sent += client.send(std::string_view(bytes).substr(sent));
    house.turn();
    ASSERT_LE(house.server.unsent_bytes(), (1U << 20) + house.backend.reply.size());
  }
  EXPECT_GT(house.server.unsent_bytes(), 1U << 19);
  Client other(house.server.port());
  other.send("PING\r\n");
  house.turn_until_heard(other, "+PONG\r\n");
}

TEST(RespServer, AnnouncedSizesThatNeverComeCostAReadBufferEach) {
  House house;
  loopback::allow_many_files();
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 200; ++i) {
    clients.push_back(std::make_unique<Client>(house.server.port()));
    clients.back()->send(i % 2 == 0 ? "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\nabc"
                                    : "*1048576\r\n$1\r\na\r\n");
    house.turn();
  }
  house.turn_until([&] { return house.server.counters().connections == 200; });
  for (int i = 0; i < 20; ++i) house.turn();
  std::size_t sessions = 0;
  house.server.for_each([&](Conversation& talk) {
    const auto& session = static_cast<const Session&>(talk);
    ++sessions;
    const Session::Facts facts = session.facts();
    EXPECT_LE(facts.input_memory + facts.output_memory + sizeof(Connection) + sizeof(Session),
              64U << 10);
  });
  EXPECT_EQ(sessions, 200U);
}

TEST(RespServer, StoppingAnswersWhatIsUnderWayAndNoMore) {
  House house;
  house.backend.answers_at_once = false;
  Client client(house.server.port());
  client.send(encoded({"SET", "a", "1"}));
  house.turn_until([&] { return house.backend.under_way.size() == 1; });
  house.server.stop_accepting();
  house.server.stop_reading();
  client.send(encoded({"SET", "b", "1"}));
  for (int i = 0; i < 5; ++i) house.turn();
  EXPECT_EQ(house.backend.under_way.size(), 1U);
  house.backend.complete_all(house.server);
  house.turn_until_heard(client, "$7\r\nSET a 1\r\n");
  EXPECT_EQ(house.server.unsent_bytes(), 0U);
  house.server.close_all();
  client.listen();
  EXPECT_TRUE(client.closed());
}

TEST(RespServer, AbortingSendsNothing) {
  House house;
  house.backend.answers_at_once = false;
  Client client(house.server.port());
  client.send(encoded({"SET", "a", "1"}));
  house.turn_until([&] { return house.backend.under_way.size() == 1; });
  house.server.abort_all();
  house.backend.complete_all(house.server);
  house.turn_until([&] {
    client.listen();
    return client.closed();
  });
  EXPECT_EQ(client.heard(), "");
}

// The limits in seconds are the sessions' (session_test.cc); here it is seen
// that the server counts seconds for them.
TEST(RespServer, TimeReachesTheSessions) {
  House house({.idle_timeout = Millis(1)});
  Client client(house.server.port());
  client.send("PING\r\n");
  house.turn_until([&] {
    client.listen();
    return client.closed();
  });
  EXPECT_EQ(client.heard(), "+PONG\r\n");
}

// The read under way holds the room: it is ended for that, and the connection goes on.
TEST(RespServer, AConnectionThatSaysNothingGivesBackTheRoomOfItsLargeRequests) {
  House house;
  Client client(house.server.port());
  client.send(fake::encoded({"ECHO", std::string(60'000, 'x')}));
  std::size_t most = 0;
  std::size_t now = 0;
  const auto look = [&] {
    client.listen();
    house.server.clients()->for_each([&](Session& session) { now = session.facts().input_memory; });
    most = std::max(most, now);
  };
  house.turn_until([&] {
    look();
    return most > 60'000 && now < 2 * limits::read_buffer_bytes;
  });
  client.heard().clear();
  client.send("PING\r\n");
  house.turn_until([&] {
    look();
    return client.heard() == "+PONG\r\n";
  });
}

TEST(RespServer, ThousandsOfPipelinedCommandsComeBackInOrder) {
  House house;
  Client client(house.server.port());
  std::string bytes;
  std::string expected;
  for (int i = 0; i < 20'000; ++i) {
    const std::string number = std::to_string(i);
    bytes += encoded({"ECHO", number});
    expected += "$" + std::to_string(number.size()) + "\r\n" + number + "\r\n";
  }
  std::size_t sent = 0;
  run_until([&] { house.turn(); },
            [&] {
              if (sent < bytes.size()) sent += client.send(std::string_view(bytes).substr(sent));
              client.listen();
              return client.heard().size() >= expected.size();
            });
  EXPECT_EQ(client.heard(), expected);
}

}  // namespace
}  // namespace holdfast::server
