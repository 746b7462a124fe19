// SPDX-License-Identifier: Apache-2.0
#include "trial/proxy.h"

#include <gtest/gtest.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/write.hpp>
#include <exception>

namespace holdfast::trial {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

/// A server that answers what it is sent, a proxy before it, and a client.
struct World {
  World() : acceptor(io, {asio::ip::address_v4::loopback(), 0}), client(io) {
    asio::co_spawn(io, echo(), asio::detached);
  }

  Address server() { return {"127.0.0.1", std::to_string(acceptor.local_endpoint().port())}; }
  asio::awaitable<void> echo() {
    while (true) {
      tcp::socket socket(io);
      const auto [failed] = co_await acceptor.async_accept(socket, as_result);
      if (failed) co_return;
      asio::co_spawn(io, answer(std::move(socket)), asio::detached);
    }
  }
  asio::awaitable<void> answer(tcp::socket socket) {
    std::array<char, 100> room{};
    while (true) {
      const auto [gone, bytes] = co_await socket.async_read_some(asio::buffer(room), as_result);
      if (gone) co_return;
      taken.append(room.data(), bytes);
      co_await asio::async_write(socket, asio::buffer(room.data(), bytes), as_result);
    }
  }
  asio::awaitable<void> connect(Proxy& proxy) {
    const auto port = static_cast<std::uint16_t>(std::stoi(proxy.port()));
    co_await client.async_connect({asio::ip::address_v4::loopback(), port}, as_result);
    asio::co_spawn(io, listen(), asio::detached);
  }
  asio::awaitable<void> listen() {
    std::array<char, 100> room{};
    while (true) {
      const auto [failed, bytes] = co_await client.async_read_some(asio::buffer(room), as_result);
      if (failed) break;
      heard.append(room.data(), bytes);
    }
    ended = true;
  }
  asio::awaitable<void> say(std::string text) {
    co_await asio::async_write(client, asio::buffer(text), as_result);
  }
  template <typename Holds>
  asio::awaitable<bool> until(Holds holds) {
    const auto end = Clock::now() + std::chrono::seconds(30);
    while (!holds() && Clock::now() < end) co_await pause_for(milliseconds(1));
    co_return holds();
  }
  void play(asio::awaitable<void> story) {
    asio::co_spawn(io, std::move(story), [this](const std::exception_ptr& thrown) {
      io.stop();
      if (thrown) std::rethrow_exception(thrown);
    });
    io.run();
  }

  asio::io_context io;
  tcp::acceptor acceptor;
  tcp::socket client;
  std::string taken, heard;
  bool ended = false;
};

/// With one link, by which all of it goes.
struct LinkedWorld : World {
  LinkedWorld() { EXPECT_TRUE(proxy.listen()); }

  Link link{"clients", "node", 1};
  Proxy proxy{io, server(), link};
};

TEST(Proxy, HandsOnBothWaysAndCounts) {
  LinkedWorld world;
  const auto story = [&]() -> asio::awaitable<void> {
    co_await world.connect(world.proxy);
    co_await world.say("hello");
    EXPECT_TRUE(co_await world.until([&] { return world.heard == "hello"; }));
    EXPECT_EQ(world.link.traffic(Way::forth).bytes, 5u);
    EXPECT_EQ(world.link.traffic(Way::back).bytes, 5u);
  };
  world.play(story());
}

TEST(Proxy, WhatIsCutIsHeldAndEndsWhenItIsHealed) {
  LinkedWorld world;
  const auto story = [&]() -> asio::awaitable<void> {
    co_await world.connect(world.proxy);
    co_await world.say("a");
    EXPECT_TRUE(co_await world.until([&] { return world.heard == "a"; }));
    world.link.cut(Way::back);
    co_await world.say("b");
    EXPECT_TRUE(co_await world.until([&] { return world.taken == "ab"; }));
    co_await pause_for(milliseconds(50));
    EXPECT_EQ(world.heard, "a");
    EXPECT_FALSE(world.ended);
    world.link.heal();
    EXPECT_TRUE(co_await world.until([&] { return world.ended; }));
  };
  world.play(story());
}

TEST(Proxy, WhatIsLateKeepsItsOrder) {
  LinkedWorld world;
  const auto story = [&]() -> asio::awaitable<void> {
    co_await world.connect(world.proxy);
    world.link.delay(milliseconds(20), milliseconds(40));
    const auto began = Clock::now();
    std::string all;
    for (char letter = 'a'; letter <= 'z'; ++letter) {
      all += letter;
      co_await world.say(std::string(1, letter));
      co_await pause_for(milliseconds(1));
    }
    EXPECT_TRUE(co_await world.until([&] { return world.heard == all; })) << world.heard;
    EXPECT_GE(Clock::now() - began, milliseconds(2 * 20));
  };
  world.play(story());
}

TEST(Proxy, AReplyIsLostAfterTheRequestWasTaken) {
  LinkedWorld world;
  const auto story = [&]() -> asio::awaitable<void> {
    co_await world.connect(world.proxy);
    world.link.lose_replies(1);
    co_await world.say("a");
    EXPECT_TRUE(co_await world.until([&] { return world.taken == "a"; }));
    co_await pause_for(milliseconds(20));
    // Nor does a later one come in its place.
    world.link.lose_replies(0);
    co_await world.say("b");
    EXPECT_TRUE(co_await world.until([&] { return world.taken == "ab"; }));
    co_await pause_for(milliseconds(20));
    EXPECT_EQ(world.heard, "");
    EXPECT_FALSE(world.ended);
  };
  world.play(story());
}

TEST(Proxy, WhoMadeAConnectionDecidesByWhichLinkItGoes) {
  World world;
  Link mine("node1", "node2", 1);
  std::optional<Proxy::Bearing> chosen;
  Proxy proxy(world.io, world.server(), [&](const auto&, const auto&) { return chosen; });
  ASSERT_TRUE(proxy.listen());
  const auto story = [&]() -> asio::awaitable<void> {
    co_await world.connect(proxy);
    EXPECT_TRUE(co_await world.until([&] { return world.ended; })) << "nobody known is hung up";
    chosen = Proxy::Bearing{.link = &mine, .out = Way::back};
    world.ended = false;
    world.client = tcp::socket(world.io);
    co_await world.connect(proxy);
    co_await world.say("abc");
    EXPECT_TRUE(co_await world.until([&] { return world.heard == "abc"; }));
    EXPECT_EQ(mine.traffic(Way::back).bytes, 3u);
  };
  world.play(story());
}

}  // namespace
}  // namespace holdfast::trial
