// SPDX-License-Identifier: Apache-2.0
// Both servers over TLS: real sockets, everything on one thread.
#include "server/secured.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/http_server.h"
#include "server/loopback.h"
#include "server/resp_server.h"
#include "server/talk.h"
#include "tls/test_certificates.h"
#include "tls/test_client.h"

namespace holdfast::server {
namespace {

using fake::encoded;
using loopback::run_until;
using ::testing::EndsWith;
using ::testing::StartsWith;
using tls::testing::Certificates;

tls::Files nobody(const Certificates& signer) {
  return {.ca = signer.ca(), .certificate = {}, .key = {}};
}

/// A socket with a client's TLS over it.
class Client {
 public:
  Client(std::uint16_t port, const tls::Files& files) : socket_(port), tls_(files) {}

  void say(std::string_view text) {
    unsent_ += tls_.say(text);
    step();
  }
  void end() {
    unsent_ += tls_.end();
    step();
  }
  /// Sends and hears what it can.
  void step() {
    unsent_.erase(0, socket_.send(unsent_));
    if (!reads) return;
    socket_.listen();
    tls_.hear(std::exchange(socket_.heard(), {}));
    unsent_ += tls_.say({});
    unsent_.erase(0, socket_.send(unsent_));
  }
  loopback::Client& socket() { return socket_; }
  tls::testing::TlsClient& tls() { return tls_; }
  std::string& heard() { return tls_.heard(); }

  bool reads = true;

 private:
  loopback::Client socket_;
  tls::testing::TlsClient tls_;
  std::string unsent_;
};

class House {
 public:
  explicit House(const Front::Options& options = {})
      : held(make_resp_server(io, fake::commands(), with(options))) {
    server.set_backend(backend);
    EXPECT_TRUE(server.listen("127.0.0.1:0"));
  }
  Front::Options with(Front::Options options) {
    options.tls = identity;
    return options;
  }

  void turn() {
    io.run_one_for(std::chrono::milliseconds(1));
    io.poll();
    backend.end_of_turn();
    server.flush();
  }
  template <typename Done>
  void until(const std::vector<Client*>& clients, Done done) {
    run_until(
        [&] {
          for (Client* client : clients) client->step();
          turn();
        },
        done);
  }
  void until_heard(Client& client, std::string_view text) {
    until({&client},
          [&] { return client.heard().size() >= text.size() || client.socket().closed(); });
    EXPECT_EQ(client.heard(), text);
  }

  Certificates shop{"shop"};
  std::shared_ptr<tls::RenewableIdentity> identity = shop.server();
  boost::asio::io_context io{1};
  fake::Backend backend;
  std::unique_ptr<SocketServer> held;
  SocketServer& server = *held;
};

TEST(Secured, AnswersPipelinesAndEndsInOrder) {
  House house;
  Client client(house.server.port(), nobody(house.shop));
  client.say("PING\r\n" + encoded({"GET", "k"}));
  house.until_heard(client, "+PONG\r\n$5\r\nGET k\r\n");
  client.heard().clear();
  std::string wanted;
  for (int i = 0; i < 10'000; ++i) {
    client.say(encoded({"GET", std::to_string(i)}));
    const std::string text = "GET " + std::to_string(i);
    wanted += "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
  }
  client.end();  // what was asked is answered all the same
  house.until({&client}, [&] { return client.socket().closed(); });
  EXPECT_EQ(client.heard(), wanted);
  EXPECT_EQ(client.tls().why(), "end");
  EXPECT_EQ(house.server.counters().connections, 0U);
  EXPECT_EQ(house.server.counters().tls_failed, 0U);
}

TEST(Secured, AStreamThatIsCutIsTheEndAtOnce) {
  House house;
  Client client(house.server.port(), nobody(house.shop));
  client.say("PING\r\n");
  house.until_heard(client, "+PONG\r\n");
  client.socket().stop_sending();
  house.until({&client}, [&] { return house.server.counters().connections == 0; });
}

TEST(Secured, QuitSaysGoodbye) {
  House house;
  Client client(house.server.port(), nobody(house.shop));
  client.say("QUIT\r\n");
  house.until({&client}, [&] { return client.socket().closed(); });
  EXPECT_EQ(client.heard(), "+OK\r\n");
  EXPECT_EQ(client.tls().why(), "end");
}

TEST(Secured, WhatWaitsInTheChannelIsTakenWhenRequestsGoOn) {
  House house;
  house.backend.answers_at_once = false;
  Client client(house.server.port(), nobody(house.shop));
  // The second waits until the first is answered, and what follows with it, in records of
  // their own that come in one piece.
  client.say(encoded({"GET", "ev:1"}) + encoded({"GET", "1"}));
  std::string big(200'000, 'x');
  client.say(encoded({"GET", "ev:" + big}));
  for (int i = 0; i < 100; ++i) client.say(encoded({"GET", "ev:" + std::to_string(i)}));
  for (int i = 0; i < 100; ++i) {
    client.step();
    house.turn();
  }
  EXPECT_EQ(client.heard(), "");
  int complete = 0;
  house.until({&client}, [&] {
    house.backend.complete_all(house.server);
    complete = static_cast<int>(std::ranges::count(client.heard(), '$'));
    return complete == 103;
  });
  EXPECT_THAT(client.heard(), StartsWith("$8\r\nGET ev:1\r\n$5\r\nGET 1\r\n"));
  EXPECT_THAT(client.heard(), EndsWith("$9\r\nGET ev:99\r\n"));
}

TEST(Secured, LargeRepliesComeWhole) {
  House house;
  const std::string big(20'000'000, 'x');  // NOLINT(bugprone-string-constructor): as large as that
  house.backend.reply = "$20000000\r\n" + big + "\r\n";
  Client client(house.server.port(), nobody(house.shop));
  client.say(encoded({"GET", "a"}) + encoded({"GET", "b"}));
  house.until_heard(client, house.backend.reply + house.backend.reply);
}

TEST(Secured, AReaderThatNeverReadsIsCutOff) {
  Front::Options options;
  options.output_bytes_max = 10'000;
  House house(options);
  house.backend.reply = "$1000000\r\n" + std::string(1'000'000, 'x') + "\r\n";
  Client client(house.server.port(), nobody(house.shop));
  client.say("PING\r\n");
  house.until_heard(client, "+PONG\r\n");
  client.reads = false;
  for (int i = 0; i < 100; ++i) client.say(encoded({"GET", "a"}));
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (house.server.counters().evicted_readers == 0 &&
         std::chrono::steady_clock::now() < give_up) {
    client.step();
    house.turn();
  }
  EXPECT_EQ(house.server.counters().evicted_readers, 1U);
  house.turn();
  EXPECT_EQ(house.server.counters().connections, 0U);
}

TEST(Secured, WhoSpeaksNoTlsGetsAnAlertAndIsCounted) {
  House house;
  for (const char* text : {"*1\r\n$4\r\nPING\r\n", "GET / HTTP/1.1\r\n\r\n", "x"}) {
    loopback::Client client(house.server.port());
    client.send(text);
    run_until([&] { house.turn(); },
              [&] {
                client.listen();
                return client.closed();
              });
    EXPECT_THAT(client.heard(), StartsWith("\x15\x03\x01"));
  }
  EXPECT_EQ(house.server.counters().tls_failed, 3U);
  EXPECT_EQ(house.server.counters().connections, 0U);
}

TEST(Secured, WhoNeverAgreesIsCutInTimeAndKeepsNobodyWaiting) {
  House house;
  loopback::Client silent(house.server.port()), half(house.server.port());
  tls::testing::TlsClient unfinished(nobody(house.shop));
  half.send(std::string_view(unfinished.say({})).substr(0, 50));
  Client client(house.server.port(), nobody(house.shop));
  client.say("PING\r\n");
  house.until_heard(client, "+PONG\r\n");
  const auto began = std::chrono::steady_clock::now();
  while (house.server.counters().connections > 1 &&
         std::chrono::steady_clock::now() - began < std::chrono::seconds(30)) {
    house.turn();
    silent.listen();
    half.listen();
  }
  EXPECT_TRUE(silent.closed());
  EXPECT_TRUE(half.closed());
  EXPECT_EQ(house.server.counters().connections, 1U);
  EXPECT_EQ(house.server.counters().tls_failed, 2U);
  EXPECT_LT(std::chrono::steady_clock::now() - began,
            std::chrono::seconds(limits::tls_handshake_seconds_max + 2));
}

TEST(Secured, ACertificateOfAnotherCaEndsTheConnection) {
  House house;
  Certificates other("stranger");
  other.issue("accounts");
  tls::Files files = other.files("accounts");
  files.ca = house.shop.ca();
  Client client(house.server.port(), files);
  client.say("PING\r\n");
  house.until({&client}, [&] { return client.socket().closed(); });
  EXPECT_EQ(client.heard(), "");
  EXPECT_EQ(house.server.counters().tls_failed, 1U);
}

TEST(Secured, AServicesCertificateSignsIn) {
  House house;
  house.backend.set_services({"root", "accounts"});
  house.shop.issue("accounts");
  house.shop.issue("unknown");
  Client owner(house.server.port(), house.shop.files("accounts"));
  owner.say("PING\r\n");
  house.until_heard(owner, "+PONG\r\n");
  for (const tls::Files& files : {house.shop.files("unknown"), nobody(house.shop)}) {
    Client other(house.server.port(), files);
    other.say("PING\r\n");
    house.until_heard(other, "-NOAUTH Authentication required.\r\n");
  }
}

TEST(Secured, ACertificateIsNoTokenAndIsAskedAgainAtReset) {
  fake::Talk talk;
  talk.backend.set_services({"root", "accounts"});
  talk.session.set_certified_name("accounts");
  EXPECT_EQ(talk.session.caller(), ServiceId{2});
  EXPECT_EQ(talk.line("PING"), "+PONG\r\n");
  talk.session.sign_in(ServiceId{1});  // AUTH as another
  EXPECT_EQ(talk.session.caller(), ServiceId{1});
  EXPECT_EQ(talk.line("RESET"), "+RESET\r\n");
  EXPECT_EQ(talk.session.caller(), ServiceId{2});
  talk.backend.set_services({"root"});
  EXPECT_THAT(talk.line("PING"), StartsWith("-NOAUTH"));
  // A service of that name, made since: only who asks anew is it.
  talk.backend.set_services({"root", "other", "accounts"});
  EXPECT_THAT(talk.line("PING"), StartsWith("-NOAUTH"));
  EXPECT_EQ(talk.line("RESET"), "+RESET\r\n");
  EXPECT_EQ(talk.session.caller(), ServiceId{3});
  EXPECT_EQ(talk.line("PING"), "+PONG\r\n");
}

struct Web {
  Web() { server.set_backend(backend); }

  void turn() {
    io.run_one_for(std::chrono::milliseconds(1));
    io.poll();
    server.flush();
  }
  void until(Client& client, const std::function<bool()>& done) {
    run_until(
        [&] {
          client.step();
          turn();
        },
        done);
  }

  Certificates shop{"shop"};
  boost::asio::io_context io{1};
  fake::Backend backend;
  std::unique_ptr<SocketServer> held = make_http_server(
      io, fake::commands(), {.tls = shop.server()}, {.pages = [](const PageRequest&) {
        return HttpAnswer{200, "text/plain", std::string(1'000'000, 'm'), {}};
      }});
  SocketServer& server = *held;
};

TEST(Secured, PagesAreServed) {
  Web web;
  ASSERT_TRUE(web.server.listen("127.0.0.1:0"));
  Client client(web.server.port(), nobody(web.shop));
  // Two requests in one record, then one byte by byte, each in its own.
  client.say("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n");
  web.until(client, [&] { return client.heard().find("404 Not Found") != std::string::npos; });
  EXPECT_THAT(client.heard(), StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_GT(client.heard().size(), 1'000'000U);
  client.heard().clear();
  for (const char c : std::string_view("GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))
    client.say({&c, 1});
  web.until(client, [&] { return client.socket().closed(); });
  EXPECT_THAT(client.heard(), StartsWith("HTTP/1.1 404"));
  EXPECT_EQ(client.tls().why(), "end");
  EXPECT_EQ(web.server.counters().connections, 0U);
}

TEST(Secured, PlainHttpAtTheSecuredPortGetsAnAlert) {
  Web web;
  ASSERT_TRUE(web.server.listen("127.0.0.1:0"));
  loopback::Client client(web.server.port());
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  run_until([&] { web.turn(); },
            [&] {
              client.listen();
              return client.closed();
            });
  EXPECT_THAT(client.heard(), StartsWith("\x15\x03\x01"));
  EXPECT_EQ(web.server.counters().tls_failed, 1U);
  EXPECT_EQ(web.server.counters().connections, 0U);
}

TEST(Secured, ABrowserThatEndsInOrderIsLetGo) {
  Web web;
  ASSERT_TRUE(web.server.listen("127.0.0.1:0"));
  Client client(web.server.port(), nobody(web.shop));
  client.say("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
  web.until(client, [&] { return !client.heard().empty(); });
  client.end();
  web.until(client, [&] { return web.server.counters().connections == 0; });
}

}  // namespace
}  // namespace holdfast::server
