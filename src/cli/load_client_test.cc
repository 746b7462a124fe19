// SPDX-License-Identifier: Apache-2.0
#include "cli/load_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <functional>
#include <thread>

#include "cli/reply_scanner.h"

namespace holdfast::cli {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using testing::HasSubstr;

/// A server that does as it is told: `answer` gives the reply to the n-th
/// request of the c-th connection (from 0, HELLO not counted), or nothing to
/// close the connection instead. One connection at a time, in its own thread.
class ScriptedServer {
 public:
  using Answer = std::function<std::optional<std::string>(int connection, int request)>;

  explicit ScriptedServer(Answer answer, std::string greeting = "%0\r\n")
      : answer_(std::move(answer)),
        greeting_(std::move(greeting)),
        acceptor_(io_, {asio::ip::address_v4::loopback(), 0}) {
    port_ = acceptor_.local_endpoint().port();
    thread_ = std::thread([this] { serve(); });
  }
  ~ScriptedServer() {
    stopping_ = true;
    boost::system::error_code ignored;
    asio::io_context io;
    tcp::socket(io).connect({asio::ip::address_v4::loopback(), port_}, ignored);  // wakes accept
    thread_.join();
  }
  LoadClient::Address address() const { return {"127.0.0.1", std::to_string(port_)}; }

 private:
  void serve() {
    for (int connection = 0;; ++connection) {
      tcp::socket socket(io_);
      acceptor_.accept(socket);
      if (stopping_) return;
      talk(socket, connection);
    }
  }

  void talk(tcp::socket& socket, int connection) {
    std::string in;
    int request = 0;
    bool greeted = false;
    while (true) {
      // A request is an array of bulk strings, which is a reply in form.
      while (true) {
        const auto whole = scan_reply(in);
        if (!whole || !*whole) break;
        in.erase(0, (*whole)->bytes);
        const auto reply =
            greeted ? answer_(connection, request++) : std::optional<std::string>(greeting_);
        greeted = true;
        boost::system::error_code error;
        if (reply) asio::write(socket, asio::buffer(*reply), error);
        if (!reply || error) return;
      }
      char buffer[4096];
      boost::system::error_code error;
      const std::size_t bytes = socket.read_some(asio::buffer(buffer), error);
      if (error) return;
      in.append(buffer, bytes);
    }
  }

  Answer answer_;
  std::string greeting_;
  asio::io_context io_;
  tcp::acceptor acceptor_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

struct Loaded {
  LoadReport report;
  std::string problems;
};

constexpr std::string_view five_rows = "1\n2\n3\n4\n5\n";

Loaded load(const ScriptedServer& server, bool retry,
            std::vector<std::string> commands = {"SET {a} 1"},
            std::chrono::milliseconds give_up_after = std::chrono::seconds(30)) {
  auto operations =
      Operations::open(five_rows, {.columns = {"a"}, .commands = std::move(commands), .id = "{a}"});
  EXPECT_TRUE(operations);
  Loaded loaded;
  LoadClient client(*operations,
                    {.addresses = {server.address()},
                     .sign_in = {},
                     .connections = 1,
                     .pipeline = 2,
                     .retry = retry,
                     .give_up_after = give_up_after},
                    {.progress = {},
                     .problem = [&](const std::string& text) { loaded.problems += text + "\n"; }});
  loaded.report = client.run();
  return loaded;
}

TEST(LoadClient, CountsWhatWasAppliedAndWhatWasReplayed) {
  const ScriptedServer server([](int, int request) {
    return request % 2 == 0 ? "+OK\r\n" : "|1\r\n+idempotency-replayed\r\n+reply\r\n+OK\r\n";
  });
  const LoadReport report = load(server, false).report;
  EXPECT_EQ(report.applied, 3U);
  EXPECT_EQ(report.replayed, 2U);
  EXPECT_EQ(report.sent, 5U);
  EXPECT_TRUE(report.all_well());
}

TEST(LoadClient, SendsAgainWhatWasUnderWayWhenTheConnectionWasLost) {
  const ScriptedServer server([](int connection, int request) -> std::optional<std::string> {
    if (connection < 3 && request == 1) return std::nullopt;
    return "+OK\r\n";
  });
  const LoadReport report = load(server, true).report;
  EXPECT_EQ(report.applied, 5U);
  EXPECT_EQ(report.lost_connections, 3U);
  EXPECT_GT(report.sent, 5U);
  EXPECT_TRUE(report.all_well());
}

TEST(LoadClient, WithoutRetryALostConnectionEndsTheLoad) {
  const ScriptedServer server([](int, int request) -> std::optional<std::string> {
    if (request == 3) return std::nullopt;
    return "+OK\r\n";
  });
  const Loaded loaded = load(server, false);
  // How many answers arrived before the end did is the network's affair.
  EXPECT_LE(loaded.report.applied, 3U);
  EXPECT_GE(loaded.report.failed, 1U);
  EXPECT_EQ(loaded.report.applied + loaded.report.failed, loaded.report.operations);
  EXPECT_FALSE(loaded.report.complete);
  EXPECT_FALSE(loaded.report.all_well());
  EXPECT_THAT(loaded.problems, HasSubstr("127.0.0.1:"));
}

TEST(LoadClient, TriesAgainAfterAnErrorThatMayPass) {
  const ScriptedServer server(
      [](int, int request) { return request < 3 ? "-UNAVAILABLE not yet\r\n" : "+OK\r\n"; });
  const Loaded loaded = load(server, true);
  EXPECT_TRUE(loaded.report.all_well());
  EXPECT_EQ(loaded.report.errors.at("UNAVAILABLE"), 3U);
  EXPECT_EQ(loaded.report.sent, 8U);
  EXPECT_EQ(loaded.problems, "");
}

TEST(LoadClient, AnErrorForGoodEndsItsRowAndIsToldOnce) {
  const ScriptedServer server(
      [](int, int request) { return request < 2 ? "-WRONGTYPE it is a set\r\n" : "+OK\r\n"; });
  const Loaded loaded = load(server, true);
  EXPECT_EQ(loaded.report.failed, 2U);
  EXPECT_EQ(loaded.report.applied, 3U);
  EXPECT_TRUE(loaded.report.complete);
  EXPECT_FALSE(loaded.report.all_well());
  EXPECT_EQ(loaded.problems, "row 1: WRONGTYPE it is a set\n");
}

TEST(LoadClient, GivesUpARowThatNeverSucceeds) {
  const ScriptedServer server([](int, int) { return "-BUSY full\r\n"; });
  const Loaded loaded = load(server, true, {"SET {a} 1"}, std::chrono::milliseconds(50));
  EXPECT_EQ(loaded.report.failed, loaded.report.operations);
  EXPECT_FALSE(loaded.report.all_well());
  EXPECT_THAT(loaded.problems, HasSubstr("BUSY full"));
}

TEST(LoadClient, AServerThatIsNotThereIsGivenUp) {
  std::optional<ScriptedServer> server(std::in_place, [](int, int) { return "+OK\r\n"; });
  const LoadClient::Address address = server->address();
  server.reset();
  auto operations = Operations::open(five_rows, {.columns = {"a"}, .commands = {"SET {a} 1"}});
  ASSERT_TRUE(operations);
  std::string problems;
  LoadClient client(
      *operations,
      {.addresses = {address}, .retry = true, .give_up_after = std::chrono::milliseconds(50)},
      {.progress = {}, .problem = [&](const std::string& text) { problems += text; }});
  EXPECT_FALSE(client.run().all_well());
  EXPECT_THAT(problems, HasSubstr("Connection refused"));
}

TEST(LoadClient, ATransactionsReplyIsItsLast) {
  // MULTI, two commands, EXEC: the fourth of each four counts. The second
  // transaction meets an error when it is queued and is sent again.
  const ScriptedServer server([](int, int request) -> std::string {
    if (request == 5) return "-UNAVAILABLE not yet\r\n";
    if (request == 7) return "-EXECABORT Transaction discarded because of previous errors.\r\n";
    if (request % 4 == 0) return "+OK\r\n";
    return request % 4 == 3 ? "*2\r\n:1\r\n:2\r\n" : "+QUEUED\r\n";
  });
  const LoadReport report = load(server, true, {"INCR {a}", "DECR {a}"}).report;
  EXPECT_EQ(report.applied, 5U);
  EXPECT_EQ(report.errors.at("UNAVAILABLE"), 1U);
  EXPECT_EQ(report.errors.size(), 1U);
  EXPECT_TRUE(report.all_well());
}

TEST(LoadClient, AServerWithoutResp3IsLoadedAllTheSame) {
  const ScriptedServer server([](int, int) { return "+OK\r\n"; },
                              "-ERR unknown command 'HELLO'\r\n");
  EXPECT_TRUE(load(server, false).report.all_well());
}

TEST(LoadClient, AServerThatWantsToKnowWhoItIsEndsTheLoad) {
  const ScriptedServer server([](int, int) { return "+OK\r\n"; },
                              "-NOAUTH Authentication required.\r\n");
  const Loaded loaded = load(server, true);
  EXPECT_EQ(loaded.report.sent, 0U);
  EXPECT_FALSE(loaded.report.all_well());
  EXPECT_THAT(loaded.problems, HasSubstr("NOAUTH"));
}

}  // namespace
}  // namespace holdfast::cli
