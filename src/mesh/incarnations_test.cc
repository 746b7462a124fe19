// SPDX-License-Identifier: Apache-2.0
// Which of two incarnations of a node is the later one, when words of both come
// out of a queue: a process that was paused finds them all at once.
#include <gtest/gtest.h>

#include <deque>
#include <functional>

#include "mesh/mesh.h"
#include "mesh/test_mesh.h"

namespace holdfast::mesh::testing {
namespace {

using Later = std::deque<std::function<void()>>;

/// The far end is the test: what it says is read, what is written to it is dropped.
class FarEnd {
 public:
  FarEnd(Later& later, const Monotonic& now) : later_(later), now_(now) {}

  std::unique_ptr<ByteStream> stream() { return std::make_unique<Stream>(*this); }
  void say(const Report& report) {
    frames_.put(bytes_, FrameType::report, encode(report));
    deliver();
  }

 private:
  class Stream : public ByteStream {
   public:
    explicit Stream(FarEnd& end) : end_(end) {}
    void read(std::span<char> room, Done done) override {
      end_.room_ = room;
      end_.done_ = std::move(done);
      end_.deliver();
    }
    void write(std::string_view bytes, Done done) override {
      end_.later_.push_back([done = std::move(done), n = bytes.size()] { done(n); });
    }
    void close() override { end_.done_ = nullptr; }
    bool is_on_this_machine() const override { return true; }
    Monotonic now() const override { return end_.now_; }

   private:
    FarEnd& end_;
  };

  void deliver() {
    if (!done_ || bytes_.empty()) return;
    const std::size_t n = std::min(room_.size(), bytes_.size());
    std::copy_n(bytes_.begin(), n, room_.begin());
    bytes_.erase(0, n);
    later_.push_back([done = std::exchange(done_, nullptr), n] { done(n); });
  }

  Later& later_;
  const Monotonic& now_;
  FrameWriter frames_;
  std::string bytes_;
  std::span<char> room_;
  ByteStream::Done done_;
};

class NoTransport : public Transport {
 public:
  std::unique_ptr<Attempt> dial(const std::string&, Done) override { return nullptr; }
};

class World {
 public:
  World() { turn(Millis(0)); }

  Mesh& mesh() { return mesh_; }
  bool has_ended(std::uint64_t origin) {
    return node_.replication().holdings().has_ended({origin});
  }
  std::uint64_t known() { return node_.replication().holdings().all().at("n2").origin.value; }

  void adopt(FarEnd& end, std::uint64_t origin) {
    mesh_.adopt(end.stream(), tls::Channel(), FrameReader(), FrameWriter(), hello(origin));
  }
  static Hello hello(std::uint64_t origin) {
    return {.cluster = "shop", .node = "n2", .origin = origin, .since = origin};
  }
  /// What the incarnation says of itself, `echoed` being a time of this node's.
  Report says(std::uint64_t origin, std::uint64_t clock, Monotonic echoed = {}) {
    Report report;
    report.sent = 1;
    report.echoed = static_cast<std::uint64_t>(echoed.time_since_epoch().count());
    report.holdings.push_back({.node = "n2", .origin = {origin}, .clock = {clock}});
    return report;
  }
  Monotonic now() const { return now_; }
  void turn(Millis passed) {
    now_ += passed;
    mesh_.turn(node_.wall, now_);
    run();
  }
  void run() {
    while (!later_.empty()) {
      const auto next = std::move(later_.front());
      later_.pop_front();
      next();
    }
  }
  /// Someone who connects; it lives as long as this.
  FarEnd& far_end() { return ends_.emplace_back(later_, now_); }

 private:
  Monotonic now_{std::chrono::seconds(10)};
  Later later_;
  std::deque<FarEnd> ends_;
  TestNode node_{"n1", 1, {"n1", "n2"}, 1};
  NoTransport transport_;
  Mesh mesh_{transport_, node_.replication(), {.cluster = "shop", .node = "n1"}};
};

// Found by the simulator (seed 105868): the report had lain in the socket of a node that was
// paused since before its sender lost its disk, and was read behind the new one's request.
TEST(Incarnations, AWordThatLayInAQueueDoesNotEndWhoBeganAnewSince) {
  World world;
  ASSERT_TRUE(world.mesh().admit(World::hello(7)));
  FarEnd& old = world.far_end();
  world.adopt(old, 4);
  old.say(world.says(4, 1'000));
  world.run();
  EXPECT_FALSE(world.has_ended(7));
  EXPECT_EQ(world.known(), 7u);
  // A time that it brings back from before the other was known proves nothing either.
  old.say(world.says(4, 1'001, world.now()));
  world.run();
  EXPECT_FALSE(world.has_ended(7));
}

TEST(Incarnations, OneThatLivesNowEndsTheOneBefore) {
  World world;
  FarEnd& first = world.far_end();
  FarEnd& second = world.far_end();
  world.adopt(first, 4);
  first.say(world.says(4, 1'000));
  world.run();
  ASSERT_EQ(world.known(), 4u);
  world.turn(Millis(3'000));  // it is silent
  world.adopt(second, 7);
  second.say(world.says(7, 2'000));
  world.run();
  EXPECT_FALSE(world.has_ended(4)) << "nothing shows yet which came first";
  world.turn(Millis(100));
  second.say(world.says(7, 2'001, world.now()));
  world.run();
  EXPECT_TRUE(world.has_ended(4));
  EXPECT_EQ(world.known(), 7u);
}

// A request for a checkpoint may have lain in a queue as well.
TEST(Incarnations, NobodyBeginsAnewWhileAnotherIsConnected) {
  World world;
  FarEnd& live = world.far_end();
  world.adopt(live, 9);
  live.say(world.says(9, 1'000));
  world.run();
  EXPECT_FALSE(world.mesh().admit(World::hello(7)));
  EXPECT_EQ(world.known(), 9u);
}

}  // namespace
}  // namespace holdfast::mesh::testing
