// SPDX-License-Identifier: Apache-2.0
#include "server/stream_socket.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::server {
namespace {

using boost::system::error_code;

/// One end of a connection under test, and the other, a plain socket.
class End final : public StreamSocket::Handler {
 public:
  explicit End(boost::asio::io_context& io, int domain = AF_UNIX) {
    std::array<int, 2> ends = domain == AF_UNIX ? pair() : over_tcp();
    peer = ends[1];
    socket = std::make_unique<StreamSocket>(io, ends[0], *this);
  }
  ~End() override { hang_up(); }
  End(const End&) = delete;
  End& operator=(const End&) = delete;

  void on_ready(StreamSocket::Ready ready) override {
    reads += ready.to_read ? 1 : 0;
    writes += ready.to_write ? 1 : 0;
    if (then) then();
  }
  void hear(std::string_view bytes, int flags = 0) const {
    ASSERT_EQ(::send(peer, bytes.data(), bytes.size(), flags), std::ssize(bytes));
  }
  void hang_up() {
    if (peer >= 0) ::close(std::exchange(peer, -1));
  }
  std::string read(std::size_t room = 100) {
    std::string bytes(room, '\0');
    bytes.resize(socket->read_some(bytes, error));
    return bytes;
  }

  std::unique_ptr<StreamSocket> socket;
  int peer = -1;
  int reads = 0;   // how often it was told that there is something to read
  int writes = 0;  // to write
  error_code error;
  std::function<void()> then;

 private:
  static std::array<int, 2> pair() {
    std::array<int, 2> ends{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
    return ends;
  }
  static std::array<int, 2> over_tcp() {
    const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(listener, any, size) | listen(listener, 1), 0);
    getsockname(listener, any, &size);
    const int there = ::socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(connect(there, any, size), 0);
    const int here = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
    ::close(listener);
    return {here, there};
  }
};

class StreamSocketTest : public testing::Test {
 protected:
  void turn() {
    if (io.stopped()) io.restart();
    io.poll();
  }
  boost::asio::io_context io;
};

TEST_F(StreamSocketTest, IsToldOnceOfWhatComesWhenItWaits) {
  End end(io);
  end.hear("one");
  turn();
  EXPECT_EQ(end.reads, 0) << "it did not wait";
  end.socket->await_input();
  turn();
  EXPECT_EQ(end.reads, 1);
  end.hear("two");
  turn();
  EXPECT_EQ(end.reads, 1) << "it did not wait again";
  EXPECT_EQ(end.read(), "onetwo");
  end.socket->await_input();
  turn();
  EXPECT_EQ(end.reads, 1) << "there was nothing";
  end.hear("three");
  turn();
  EXPECT_EQ(end.reads, 2);
  EXPECT_EQ(end.read(), "three");
  EXPECT_EQ(end.read(), "");
  EXPECT_EQ(end.error, boost::asio::error::would_block);
}

// An event tells of what comes, not of what is left.
TEST_F(StreamSocketTest, IsToldAgainOfWhatItLeft) {
  End end(io);
  end.hear("abcdef");
  end.socket->await_input();
  turn();
  EXPECT_EQ(end.read(3), "abc");
  end.socket->await_input();
  turn();
  ASSERT_EQ(end.reads, 2);
  EXPECT_EQ(end.read(3), "def");
}

// The end comes with the last bytes, in one event.
TEST_F(StreamSocketTest, HearsOfTheEndBehindTheLastBytes) {
  End end(io);
  end.hear("last");
  end.hang_up();
  end.socket->await_input();
  turn();
  EXPECT_EQ(end.read(), "last");
  end.socket->await_input();
  turn();
  ASSERT_EQ(end.reads, 2);
  EXPECT_EQ(end.read(), "");
  EXPECT_EQ(end.error, boost::asio::error::eof);
}

// A read ends at the mark of what is urgent, whatever is behind it.
TEST_F(StreamSocketTest, ReadsPastUrgentData) {
  End end(io, AF_INET);
  end.hear("before");
  end.hear("!", MSG_OOB);
  end.hear("behind");
  std::string heard;
  end.then = [&] {
    heard += end.read();
    end.socket->await_input();
  };
  end.socket->await_input();
  for (int i = 0; i < 100'000 && heard != "beforebehind"; ++i) turn();
  EXPECT_EQ(heard, "beforebehind");
}

TEST_F(StreamSocketTest, WritesOnWhenThereIsRoom) {
  End end(io);
  const std::string much(1'000'000, 'x');
  const std::size_t taken = end.socket->write_some(much, end.error);
  ASSERT_LT(taken, much.size());
  EXPECT_EQ(end.error, boost::asio::error::would_block);
  end.socket->await_room();
  turn();
  EXPECT_EQ(end.writes, 0);
  std::string heard(much.size(), '\0');
  std::size_t n = 0;
  while (n < taken) n += static_cast<std::size_t>(::recv(end.peer, heard.data(), taken - n, 0));
  turn();
  EXPECT_EQ(end.writes, 1);
  EXPECT_GT(end.socket->write_some(much, end.error), 0U);
}

TEST_F(StreamSocketTest, IsToldWhenThePeerIsGoneWhileItWaitsForRoom) {
  End end(io);
  const std::string much(1'000'000, 'x');
  ASSERT_LT(end.socket->write_some(much, end.error), much.size());
  end.socket->await_room();
  end.hang_up();
  turn();
  EXPECT_EQ(end.writes, 1);
  EXPECT_EQ(end.socket->write_some(much, end.error), 0U);
  EXPECT_EQ(end.error, boost::asio::error::broken_pipe);
}

TEST_F(StreamSocketTest, TakesATurnWithoutInput) {
  End end(io);
  end.socket->await_turn();
  EXPECT_EQ(end.reads, 0) << "only from the loop";
  turn();
  EXPECT_EQ(end.reads, 1);
  turn();
  EXPECT_EQ(end.reads, 1);
}

// All are told of one look at the kernel: what the first does with the others counts.
TEST_F(StreamSocketTest, OneThatIsGoneIsToldNothing) {
  constexpr std::size_t count = 10;
  std::vector<std::unique_ptr<End>> ends;
  int told = 0;
  for (std::size_t i = 0; i < count; ++i) {
    ends.push_back(std::make_unique<End>(io));
    ends.back()->then = [&, i] {
      ++told;
      for (std::size_t other = 0; other < count; ++other) {
        if (other != i) ends[other].reset();
      }
    };
  }
  for (const auto& end : ends) {
    end->hear("x");
    end->socket->await_input();
  }
  turn();
  EXPECT_EQ(told, 1);
}

TEST_F(StreamSocketTest, OneThatIsGoneTakesNoTurn) {
  End first(io), second(io);
  auto third = std::make_unique<End>(io);
  first.then = [&] { third.reset(); };
  first.socket->await_turn();
  second.socket->await_turn();
  third->socket->await_turn();
  second.socket.reset();
  turn();
  EXPECT_EQ(first.reads, 1);
  EXPECT_EQ(second.reads, 0);
}

TEST_F(StreamSocketTest, WhoAsksForItIsCalledWhenAllHaveBeenTold) {
  struct Last final : Readiness::Watcher {
    void on_events(std::uint32_t) override { seen = first->reads + second->reads; }
    End *first = nullptr, *second = nullptr;
    int seen = 0;
  } last;
  End first(io), second(io);
  last.first = &first;
  last.second = &second;
  first.then = [&] { Readiness::of(io).call_last(last); };
  for (End* const end : {&first, &second}) {
    end->hear("x");
    end->socket->await_input();
  }
  turn();
  EXPECT_EQ(last.seen, 2);
  last.seen = 0;
  first.socket->await_turn();
  second.socket->await_turn();
  turn();
  EXPECT_EQ(last.seen, 4);
}

TEST_F(StreamSocketTest, MoreAreToldThanOneLookShows) {
  constexpr int count = 300;
  std::vector<std::unique_ptr<End>> ends;
  for (int i = 0; i < count; ++i) {
    ends.push_back(std::make_unique<End>(io));
    ends.back()->hear("x");
    ends.back()->socket->await_input();
  }
  turn();
  for (const auto& end : ends) EXPECT_EQ(end->reads, 1);
}

TEST_F(StreamSocketTest, WithoutADescriptorItsFirstReadFails) {
  End end(io);
  StreamSocket broken(io, -1, end);
  broken.await_input();
  turn();
  EXPECT_EQ(end.reads, 1);
  std::string room(10, '\0');
  EXPECT_EQ(broken.read_some(room, end.error), 0U);
  EXPECT_EQ(end.error, boost::asio::error::bad_descriptor);
}

}  // namespace
}  // namespace holdfast::server
