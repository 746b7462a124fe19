// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <filesystem>
#include <future>
#include <map>
#include <thread>

#include "mesh/checkpoint_client.h"
#include "mesh/checkpoint_server.h"
#include "tls/test_certificates.h"

// Real sockets and threads, over loopback; deadlines are for a slow machine.
namespace holdfast::mesh {
namespace {

using boost::asio::ip::tcp;
using ::testing::HasSubstr;
using Rows = std::map<std::string, std::string>;

constexpr std::chrono::seconds deadline{60};

std::string key_of(int i) {
  return fmt::format("key{:08}", i);
}

void fill(Store& store, int rows, const std::string& value) {
  CheckpointRows batch;
  for (int i = 0; i < rows; ++i) batch.put(Family::table, key_of(i), value);
  batch.put(Family::meta, "catalog", value);
  batch.put(Family::meta, "replica", value);  // a node's own: not sent
  batch.put(Family::ids, "id", value);
  batch.put(Family::open, "o", value);
  ASSERT_TRUE(store.commit(std::move(batch)));
}

Rows all(Store& store, Family family) {
  Rows rows;
  EXPECT_TRUE(store.scan(family, "", "", [&](std::string_view key, std::string_view value) {
    rows.emplace(key, value);
    return true;
  }));
  return rows;
}

bool strong_only(Family family, std::string_view key) {
  return family != Family::open && key != "replica";
}

template <typename Condition>
bool comes_true(const Condition& condition) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(Millis(5));
  }
  return true;
}

/// A node with a checkpoint, on a thread of its own.
class Peer {
 public:
  explicit Peer(std::unique_ptr<Store> checkpoint = make_memory_store())
      : store(std::move(checkpoint)) {
    options.cluster = "shop";
    options.node = "n1";
    options.begin = [this](const Hello&) -> Result<CheckpointSource> {
      ++begun;
      auto snapshot = store->snapshot();
      if (!snapshot) return tl::unexpected(snapshot.error());
      return CheckpointSource{.snapshot = std::move(*snapshot), .position = {42}, .wanted = wanted};
    };
    options.end = [this](bool whole) { ++(whole ? ended_whole : ended_amid); };
  }
  ~Peer() { die(); }

  void serve() {
    server.emplace(io, options);
    ASSERT_TRUE(server->listen("127.0.0.1:0"));
    address = server->address();
    thread = std::thread([this] { io.run(); });
  }
  /// Its connections break and its port closes, whatever is under way.
  void die() {
    if (!thread.joinable()) return;
    io.stop();
    thread.join();
    server.reset();
  }
  template <typename Work>
  auto on_thread(Work work) {
    std::packaged_task<decltype(work())()> task(work);
    auto result = task.get_future();
    boost::asio::post(io, [&task] { task(); });
    return result.get();
  }
  CheckpointServer::Counters counters() {
    return on_thread([this] { return server->counters(); });
  }

  boost::asio::io_context io;
  std::unique_ptr<Store> store;
  std::function<bool(Family, std::string_view)> wanted = strong_only;
  CheckpointServer::Options options;
  std::optional<CheckpointServer> server;
  std::string address;
  std::thread thread;
  std::atomic<int> begun{0}, ended_whole{0}, ended_amid{0};
};

FetchOptions asking(std::vector<std::string> peers) {
  FetchOptions options;
  options.peers = std::move(peers);
  options.cluster = "shop";
  options.node = "n2";
  options.rounds_max = 1;
  options.pause = Millis(10);
  options.overall_max = deadline;
  return options;
}

/// A socket that greets as a node and then does what a test says.
struct RawAsker {
  explicit RawAsker(const Peer& peer, std::string cluster = "shop", std::string node = "n9") {
    socket.connect(resolve(peer.address).value());
    FrameWriter frames;
    std::string hello;
    put_hello(frames, hello, {.cluster = std::move(cluster), .node = std::move(node)});
    boost::asio::write(socket, boost::asio::buffer(hello));
  }
  boost::asio::io_context io;
  tcp::socket socket{io};
};

TEST(CheckpointTransfer, ANewNodeHasThePeersRowsAndNotWhatIsThePeersOwn) {
  Peer peer;
  fill(*peer.store, 1'000, "value");
  peer.serve();
  const auto staging = make_memory_store();
  const auto fetched = fetch_checkpoint(asking({peer.address}), *staging);
  ASSERT_TRUE(fetched) << fetched.error().message;
  EXPECT_EQ(fetched->position, Position{42});
  EXPECT_EQ(fetched->peer, peer.address);
  EXPECT_EQ(fetched->rows, 1'002u);
  EXPECT_EQ(all(*staging, Family::table), all(*peer.store, Family::table));
  EXPECT_EQ(all(*staging, Family::ids), all(*peer.store, Family::ids));
  EXPECT_EQ(all(*staging, Family::meta), (Rows{{"catalog", "value"}}));
  EXPECT_TRUE(all(*staging, Family::open).empty());
  ASSERT_TRUE(comes_true([&] { return peer.ended_whole == 1; }));
  const auto counters = peer.counters();
  EXPECT_EQ(counters.streams, 0u);
  EXPECT_EQ(counters.streams_whole, 1u);
  EXPECT_GT(counters.bytes_sent, fetched->bytes);
}

TEST(CheckpointTransfer, ACheckpointWithoutRowsIsOne) {
  Peer peer;
  peer.serve();
  const auto staging = make_memory_store();
  const auto fetched = fetch_checkpoint(asking({peer.address}), *staging);
  ASSERT_TRUE(fetched) << fetched.error().message;
  EXPECT_EQ(fetched->rows, 0u);
}

struct Folder {
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "holdfast-mesh-XXXXXX").string();
    path = mkdtemp(name.data());
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string path;
};

TEST(CheckpointTransfer, AHundredThousandRowsOfOneMomentArriveWhileThePeerCommitsOthers) {
  const Folder folder;
  Peer peer(std::move(*open_rocks_store(folder.path + "/peer")));
  constexpr int rows = 100'000;
  fill(*peer.store, rows, "0");
  {
    CheckpointRows large;  // more than a frame, and than a batch
    large.put(Family::table, "large", std::string(limits::mesh_checkpoint_batch_bytes + 5, 'x'));
    ASSERT_TRUE(peer.store->commit(std::move(large)));
  }
  std::atomic<bool> done{false};
  std::atomic<int> commits{0};
  std::thread committer;
  // From the middle of the stream on, every row changes.
  std::atomic<int> passed{0};
  peer.wanted = [&](Family family, std::string_view key) {
    if (++passed == rows / 2) {
      committer = std::thread([&] {
        for (int generation = 1; !done; ++generation) {
          fill(*peer.store, rows, std::to_string(generation));
          ++commits;
        }
      });
    }
    while (passed > rows / 2 && commits == 0) std::this_thread::yield();
    return strong_only(family, key);
  };
  peer.serve();
  auto staging = open_rocks_store(folder.path + "/staging");
  ASSERT_TRUE(staging);
  const auto fetched = fetch_checkpoint(asking({peer.address}), **staging);
  done = true;
  committer.join();
  ASSERT_TRUE(fetched) << fetched.error().message;
  Rows expected{{"large", std::string(limits::mesh_checkpoint_batch_bytes + 5, 'x')}};
  for (int i = 0; i < rows; ++i) expected[key_of(i)] = "0";
  EXPECT_EQ(all(**staging, Family::table), expected);
  EXPECT_EQ((*staging)->get(Family::meta, "catalog").value(), "0");
  EXPECT_GT(commits, 0);
}

/// A checkpoint that has no end, for streams that are to break before it.
class Endless final : public StoreSnapshot {
 public:
  explicit Endless(std::uint64_t rows_before_slow = ~0ull) : slow_after_(rows_before_slow) {}
  Result<std::optional<std::string>> get(Family, std::string_view) override { return std::nullopt; }
  Status scan(Family family, std::string_view,
              const std::function<bool(std::string_view, std::string_view)>& each) override {
    if (family != Family::table) return {};
    while (true) {
      if (next_ > slow_after_) std::this_thread::sleep_for(Millis(1));
      const char* const sort = next_ < 10 ? "only the endless one's " : "\xFF";
      if (!each(fmt::format("{}{:020}", sort, next_), value_)) return {};
      ++next_;
    }
  }
  std::uint64_t rows_estimate() const override { return 1; }

 private:
  std::uint64_t slow_after_;
  std::uint64_t next_ = 0;
  std::string value_ = std::string(1'000, 'x');
};

void never_end(Peer& peer, std::uint64_t rows_before_slow = ~0ull) {
  peer.options.begin = [&peer, rows_before_slow](const Hello&) -> Result<CheckpointSource> {
    ++peer.begun;
    return CheckpointSource{.snapshot = std::make_unique<Endless>(rows_before_slow),
                            .position = {43},
                            .wanted = strong_only};
  };
}

/// A store of which commits are seen and can be made to fail.
class Watched final : public Store {
 public:
  Result<std::optional<std::string>> get(Family family, std::string_view key) override {
    return store->get(family, key);
  }
  Status scan(Family family, std::string_view prefix, std::string_view from,
              const std::function<bool(std::string_view, std::string_view)>& each) override {
    return store->scan(family, prefix, from, each);
  }
  Status commit(CheckpointRows rows) override {
    ++commits;
    bytes_max = std::max(bytes_max, rows.bytes());
    return full ? fail(Code::no_space, "full") : store->commit(std::move(rows));
  }
  std::uint64_t bytes_on_disk() const override { return 0; }
  std::unique_ptr<Store> store = make_memory_store();
  std::atomic<int> commits{0};
  std::size_t bytes_max = 0;
  bool full = false;
};

TEST(CheckpointTransfer, APeerThatDiesAmidTheStreamIsFollowedByTheNextAndLeavesNothing) {
  Peer first;
  never_end(first, 2 * limits::mesh_checkpoint_batch_bytes / 1'000);
  first.serve();
  Peer second;
  fill(*second.store, 200, "of the second");
  second.serve();
  Watched staging;
  std::thread killer([&] {
    EXPECT_TRUE(comes_true([&] { return staging.commits > 0; }));
    first.die();
  });
  const auto fetched = fetch_checkpoint(asking({first.address, second.address}), staging);
  killer.join();
  ASSERT_TRUE(fetched) << fetched.error().message;
  EXPECT_EQ(fetched->peer, second.address);
  EXPECT_EQ(fetched->position, Position{42});
  EXPECT_EQ(all(staging, Family::table), all(*second.store, Family::table));
  EXPECT_EQ(all(staging, Family::ids), all(*second.store, Family::ids));
  EXPECT_EQ(first.ended_amid, 1) << "the log is kept no longer";
  EXPECT_LE(staging.bytes_max, limits::mesh_checkpoint_batch_bytes);
}

TEST(CheckpointTransfer, AReceiverThatStopsReadingIsDroppedAndHoldsUpNobody) {
  Peer peer;
  never_end(peer);
  peer.options.stall_max = Millis(300);
  peer.serve();
  RawAsker asker(peer);
  ASSERT_TRUE(comes_true([&] { return peer.begun == 1; }));
  while (peer.ended_amid == 0) {
    const auto asked = std::chrono::steady_clock::now();
    peer.on_thread([] { return 0; });
    EXPECT_LT(std::chrono::steady_clock::now() - asked, std::chrono::seconds(10));
    ASSERT_LT(peer.begun, 2);
  }
  EXPECT_EQ(peer.counters().streams, 0u);
  // What had been sent is there; then the connection is at its end.
  boost::system::error_code error;
  std::string sink(1 << 16, 0);
  while (!error) asker.socket.read_some(boost::asio::buffer(sink), error);
}

TEST(CheckpointTransfer, AReceiverThatGoesAwayEndsItsStream) {
  Peer peer;
  never_end(peer);
  peer.serve();
  {
    RawAsker asker(peer);
    ASSERT_TRUE(comes_true([&] { return peer.begun == 1; }));
  }
  EXPECT_TRUE(comes_true([&] { return peer.ended_amid == 1; }));
}

TEST(CheckpointTransfer, AThirdAskerIsToldBusyAndGetsItsTurnWhenOneHasGone) {
  Peer peer;
  peer.options.stall_max = deadline;
  std::atomic<bool> endless{true};
  const auto whole = peer.options.begin;
  never_end(peer);
  peer.options.begin = [&, forever = peer.options.begin](const Hello& hello) {
    return endless ? forever(hello) : whole(hello);
  };
  peer.serve();
  auto first = std::make_unique<RawAsker>(peer);
  const RawAsker second(peer);
  ASSERT_TRUE(comes_true([&] { return peer.begun == 2; }));
  endless = false;
  const auto staging = make_memory_store();
  auto options = asking({peer.address});
  const auto refused = fetch_checkpoint(options, *staging);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::unavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("as many checkpoints as it may"));
  EXPECT_EQ(peer.begun, 2) << "the log is not kept for whom nothing is sent to";

  options.rounds_max = 1'000'000;
  std::thread leaver([&] { first.reset(); });
  const auto fetched = fetch_checkpoint(options, *staging);
  leaver.join();
  EXPECT_TRUE(fetched) << fetched.error().message;
}

TEST(CheckpointTransfer, StrangersAreRefusedAndAskedNoMore) {
  Peer peer;
  peer.options.admit = [](const Hello& hello) {
    return hello.node == "banned" ? Status(fail(Code::no_auth, "not you")) : Status();
  };
  peer.serve();
  const auto staging = make_memory_store();
  const auto said = [&](const std::string& cluster, const std::string& node) {
    auto options = asking({peer.address});
    options.cluster = cluster;
    options.node = node;
    options.rounds_max = 3;
    const auto before = peer.counters().refused;
    const auto fetched = fetch_checkpoint(options, *staging);
    EXPECT_EQ(peer.counters().refused, before + 1) << "asked once";
    return fetched ? "" : fetched.error().message;
  };
  EXPECT_THAT(said("other", "n2"), HasSubstr("this node is of cluster shop"));
  EXPECT_THAT(said("shop", "n1"), HasSubstr("two nodes have it"));
  EXPECT_THAT(said("shop", "banned"), HasSubstr("not you"));
  EXPECT_EQ(peer.begun, 0);
}

TEST(CheckpointTransfer, AnotherVersionIsToldWhichOneIsSpoken) {
  Peer peer;
  peer.serve();
  boost::asio::io_context io;
  tcp::socket socket(io);
  socket.connect(resolve(peer.address).value());
  FrameWriter frames;
  std::string hello;
  frames.put(hello, FrameType::hello, "\x09\x08?");
  boost::asio::write(socket, boost::asio::buffer(hello));
  std::string answer;
  boost::system::error_code error;
  boost::asio::read(socket, boost::asio::dynamic_buffer(answer), error);
  EXPECT_THAT(answer, HasSubstr("speaks versions 1 to 5 of the protocol, not 8 to 9"));
}

TEST(CheckpointTransfer, APeerWithoutACheckpointSaysWhyAndTheNextIsAsked) {
  Peer empty;
  empty.options.node = "n3";
  empty.options.begin = [](const Hello&) -> Result<CheckpointSource> {
    return fail(Code::unavailable, "there is no checkpoint yet");
  };
  empty.serve();
  const auto staging = make_memory_store();
  const auto none = fetch_checkpoint(asking({empty.address}), *staging);
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr(empty.address + ": there is no checkpoint yet"));
  Peer peer;
  peer.serve();
  EXPECT_TRUE(fetch_checkpoint(asking({empty.address, peer.address}), *staging));
  auto options = asking({peer.address, empty.address});
  options.node = peer.options.node;  // refused for good by the one, and not by the other
  options.rounds_max = 2;
  const auto neither = fetch_checkpoint(options, *staging);
  ASSERT_FALSE(neither);
  EXPECT_THAT(neither.error().message, HasSubstr("two nodes have it"));
  EXPECT_THAT(neither.error().message, HasSubstr("no checkpoint yet"));
  EXPECT_EQ(empty.ended_amid + empty.ended_whole, 0) << "what did not begin does not end";
}

/// As that of a store that is opened anew after an error of the disk.
class Breaking final : public StoreSnapshot {
 public:
  Result<std::optional<std::string>> get(Family, std::string_view) override { return std::nullopt; }
  Status scan(Family family, std::string_view,
              const std::function<bool(std::string_view, std::string_view)>& each) override {
    if (family == Family::ids) return fail(Code::io, "closed while it was read");
    each("key", "value");
    return {};
  }
  std::uint64_t rows_estimate() const override { return 1; }
};

TEST(CheckpointTransfer, ASnapshotThatEndsAmidTheStreamIsToldToTheReceiver) {
  Peer peer;
  peer.options.begin = [](const Hello&) -> Result<CheckpointSource> {
    return CheckpointSource{
        .snapshot = std::make_unique<Breaking>(), .position = {1}, .wanted = strong_only};
  };
  peer.serve();
  const auto staging = make_memory_store();
  const auto fetched = fetch_checkpoint(asking({peer.address}), *staging);
  ASSERT_FALSE(fetched);
  EXPECT_EQ(fetched.error().code, Code::unavailable);
  EXPECT_THAT(fetched.error().message, HasSubstr("closed while it was read"));
  EXPECT_TRUE(all(*staging, Family::table).empty());
  EXPECT_TRUE(comes_true([&] { return peer.ended_amid == 1; }));
}

/// Passes bytes on between an asker and a peer, and flips one on the way back.
class Flipper {
 public:
  Flipper(const Peer& peer, std::size_t at) : at_(at), to_(resolve(peer.address).value()) {
    thread_ = std::thread([this] { run(); });
  }
  ~Flipper() {
    ::shutdown(asker_side_, SHUT_RDWR);
    ::shutdown(peer_side_, SHUT_RDWR);
    thread_.join();
  }
  std::string address() const { return text_of(acceptor_.local_endpoint()); }

 private:
  void run() {
    acceptor_.accept(asker_);
    peer_.connect(to_);
    asker_side_ = asker_.native_handle();
    peer_side_ = peer_.native_handle();
    boost::system::error_code error;
    std::string bytes(1 << 16, 0);
    const std::size_t hello = asker_.read_some(boost::asio::buffer(bytes), error);
    boost::asio::write(peer_, boost::asio::buffer(bytes.data(), hello), error);
    std::size_t passed = 0;
    while (true) {
      const std::size_t n = peer_.read_some(boost::asio::buffer(bytes), error);
      if (error) return;
      if (at_ >= passed && at_ < passed + n) bytes[at_ - passed] ^= 0x10;
      passed += n;
      boost::asio::write(asker_, boost::asio::buffer(bytes.data(), n), error);
      if (error) return;
    }
  }
  std::size_t at_;
  std::atomic<int> asker_side_{-1}, peer_side_{-1};
  boost::asio::io_context io_;
  tcp::acceptor acceptor_{io_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)};
  tcp::endpoint to_;
  tcp::socket asker_{io_}, peer_{io_};  // open until the thread has ended
  std::thread thread_;
};

TEST(CheckpointTransfer, AByteFlippedOnTheWayIsNoticedAndTheNextPeerIsAsked) {
  Peer peer;
  fill(*peer.store, 30'000, "value");
  peer.serve();
  // In a length (the low byte: a higher one is refused as too long), a type, the
  // beginning, rows, and a checksum.
  for (const std::size_t at : {0u, 3u, 4u, 9u, 26u, 1'000u, 300'000u, 500'000u}) {
    SCOPED_TRACE(at);
    ASSERT_TRUE(comes_true([&] { return peer.counters().streams == 0; }));
    const Flipper flipper(peer, at);
    const auto staging = make_memory_store();
    auto options = asking({flipper.address(), peer.address});
    options.idle_max = std::chrono::seconds(5);
    const auto fetched = fetch_checkpoint(options, *staging);
    ASSERT_TRUE(fetched) << fetched.error().message;
    EXPECT_EQ(fetched->peer, peer.address);
    EXPECT_EQ(all(*staging, Family::table), all(*peer.store, Family::table));
  }
}

TEST(CheckpointTransfer, WhatIsNoNodeIsClosedAndWhatSaysNothingToo) {
  Peer peer;
  peer.options.hello_max = Millis(200);
  peer.serve();
  boost::asio::io_context io;
  boost::system::error_code error;
  char byte = 0;
  for (const std::string_view said : {"GET / HTTP/1.1\r\n\r\n", "*1\r\n$4\r\nPING\r\n", ""}) {
    tcp::socket socket(io);
    socket.connect(resolve(peer.address).value());
    boost::asio::write(socket, boost::asio::buffer(said));
    boost::asio::read(socket, boost::asio::buffer(&byte, 1), error);
    EXPECT_TRUE(error) << said;
  }
  EXPECT_TRUE(comes_true([&] { return peer.counters().refused == 3; }));
}

TEST(CheckpointTransfer, ConnectionsOverTheLimitAreClosedAtOnce) {
  Peer peer;
  peer.options.hello_max = deadline;
  peer.serve();
  boost::asio::io_context io;
  std::vector<tcp::socket> silent;
  for (std::size_t i = 0; i < limits::mesh_connections_max + 3; ++i) {
    silent.emplace_back(io).connect(resolve(peer.address).value());
  }
  EXPECT_TRUE(comes_true([&] { return peer.counters().refused == 3; }));
  boost::system::error_code error;
  char byte = 0;
  boost::asio::read(silent.back(), boost::asio::buffer(&byte, 1), error);
  EXPECT_TRUE(error);
}

TEST(CheckpointTransfer, APeerThatSaysNothingIsGivenUpAndAnAskerCanBeStopped) {
  boost::asio::io_context io;
  const tcp::acceptor silent(io, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  const auto staging = make_memory_store();
  auto options = asking({text_of(silent.local_endpoint())});
  options.idle_max = Millis(150);
  const auto idle = fetch_checkpoint(options, *staging);
  ASSERT_FALSE(idle);
  EXPECT_THAT(idle.error().message, HasSubstr("nothing moved for 150 ms"));

  options.idle_max = deadline;
  options.overall_max = Millis(150);
  const auto late = fetch_checkpoint(options, *staging);
  ASSERT_FALSE(late);
  EXPECT_THAT(late.error().message, HasSubstr("too long in all"));

  std::atomic<bool> cancel{false};
  options.overall_max = deadline;
  options.cancel = &cancel;
  std::thread stopper([&] { cancel = true; });
  const auto stopped = fetch_checkpoint(options, *staging);
  stopper.join();
  ASSERT_FALSE(stopped);
  EXPECT_THAT(stopped.error().message, HasSubstr("cancelled"));
}

TEST(CheckpointTransfer, WithoutAPeerThatCanBeReachedThereIsNoCheckpoint) {
  const auto staging = make_memory_store();
  EXPECT_FALSE(fetch_checkpoint(asking({}), *staging));
  EXPECT_FALSE(fetch_checkpoint(asking({"no port"}), *staging));
  std::string gone;
  {
    boost::asio::io_context io;
    const tcp::acceptor closed(io, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
    gone = text_of(closed.local_endpoint());
  }
  const auto refused = fetch_checkpoint(asking({gone}), *staging);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("cannot connect"));
}

TEST(CheckpointTransfer, AFullDiskHereIsNoReasonToAskTheNextPeer) {
  Peer peer;
  fill(*peer.store, 10, "v");
  peer.serve();
  Watched staging;
  staging.full = true;
  const auto fetched = fetch_checkpoint(asking({peer.address, peer.address}), staging);
  ASSERT_FALSE(fetched);
  EXPECT_EQ(fetched.error().code, Code::no_space);
  EXPECT_EQ(staging.commits, 1);
}

TEST(CheckpointTransfer, WhereNodesSignInOnlyWhoHasTheSecretGetsAnything) {
  Peer peer;
  fill(*peer.store, 100, "v");
  peer.options.secret = Secret("the cluster's own");
  peer.serve();
  FetchOptions options = asking({peer.address});
  const auto staging = make_memory_store();
  EXPECT_THAT(fetch_checkpoint(options, *staging).error().message, HasSubstr("sign in"));
  options.secret = Secret("another cluster's");
  EXPECT_FALSE(fetch_checkpoint(options, *staging));
  EXPECT_EQ(peer.begun, 0);
  options.secret = peer.options.secret;
  const auto fetched = fetch_checkpoint(options, *staging);
  ASSERT_TRUE(fetched) << fetched.error().message;
  EXPECT_EQ(peer.begun, 1);
  EXPECT_GE(fetched->rows, 100U);

  Peer open;
  open.serve();
  options.peers = {open.address};
  EXPECT_THAT(fetch_checkpoint(options, *staging).error().message, HasSubstr("does not sign in"));
}

TEST(CheckpointTransfer, OverTlsOnlyWhoHasACertificateOfTheClusterGetsAnything) {
  tls::testing::Certificates cluster("shop"), other("stranger");
  for (const bool signs_too : {false, true}) {
    Peer peer;
    fill(*peer.store, 1'000, std::string(1'000, 'v'));
    peer.options.tls = cluster.identity("n1");
    if (signs_too) peer.options.secret = Secret("the cluster's own");
    peer.serve();
    FetchOptions options = asking({peer.address});
    options.idle_max = Millis(2'000);
    options.secret = peer.options.secret;
    const auto staging = make_memory_store();
    EXPECT_FALSE(fetch_checkpoint(options, *staging)) << "without TLS";
    options.tls = other.identity("n2");
    EXPECT_THAT(fetch_checkpoint(options, *staging).error().message,
                HasSubstr("not to be trusted"));
    EXPECT_EQ(peer.begun, 0);
    options.tls = cluster.identity("n2");
    const auto fetched = fetch_checkpoint(options, *staging);
    ASSERT_TRUE(fetched) << fetched.error().message;
    EXPECT_EQ(all(*staging, Family::table), all(*peer.store, Family::table));
    EXPECT_TRUE(comes_true([&] { return peer.ended_whole == 1; }));

    Peer open;
    open.serve();
    options.peers = {open.address};
    EXPECT_FALSE(fetch_checkpoint(options, *staging)) << "from a node that has no TLS";
  }
}

TEST(CheckpointTransfer, WhatSomeoneSignedInWithOnceOpensNothingAgain) {
  Peer peer;
  fill(*peer.store, 100, "v");
  peer.options.secret = Secret("the cluster's own");
  peer.serve();
  Hello hello;
  hello.cluster = "shop";
  hello.node = "n2";
  hello.nonce = make_nonce();
  FrameWriter frames;
  std::string greeting, proof;
  put_hello(frames, greeting, hello);
  const auto talk = [&](const std::string& given) {
    boost::asio::io_context io;
    tcp::socket socket(io);
    socket.connect(resolve(peer.address).value());
    boost::asio::write(socket, boost::asio::buffer(greeting));
    FrameReader reader;
    Result<std::optional<Frame>> frame = std::nullopt;
    while (frame && !*frame) {
      const auto room = reader.room();
      reader.received(socket.read_some(boost::asio::buffer(room.data(), room.size())));
      frame = reader.next();
    }
    EXPECT_TRUE(frame && (*frame)->type == FrameType::challenge);
    if (!frame) return false;
    proof = given;
    if (given.empty()) {
      frames.sign(peer.options.secret.key(End::dialer, encode(hello), (*frame)->body));
      frames.put(proof, FrameType::signed_in, {});
    }
    boost::asio::write(socket, boost::asio::buffer(proof));
    char byte = 0;
    boost::system::error_code closed;
    return boost::asio::read(socket, boost::asio::buffer(&byte, 1), closed) == 1;
  };
  ASSERT_TRUE(talk({}));
  EXPECT_FALSE(talk(std::string(proof)));
  EXPECT_EQ(peer.begun, 1);
}

TEST(CheckpointServer, ListensBeyondLoopbackOnlyWhereTold) {
  boost::asio::io_context io;
  CheckpointServer server(io, {});
  EXPECT_FALSE(server.listen("0.0.0.0:0"));
  EXPECT_FALSE(server.listen("no port"));
  EXPECT_TRUE(server.listen("0.0.0.0:0", Reach::anywhere));
}

}  // namespace
}  // namespace holdfast::mesh
