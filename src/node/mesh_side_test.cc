// SPDX-License-Identifier: Apache-2.0
#include "node/mesh_side.h"

#include <gtest/gtest.h>

#include "eventual/test_replica.h"
#include "log/fault_file_system.h"
#include "node/environment.h"

namespace holdfast::node {
namespace {

// What a node's part in the mesh asks of its environment before anybody answers: a disk, clocks
// that stand still, and peers that are never reached.
class SilentEnvironment final : public Environment, mesh::Transport {
 public:
  FaultFileSystem disk;

  Instant wall() override { return instant_from_ms(1'700'000'000'000); }
  Monotonic now() override { return {}; }
  std::uint64_t random() override { return 1; }
  std::string boot_id() override { return {}; }
  std::string instance(const std::string&) override { return {}; }
  bool has_process() const override { return false; }
  void wait(Monotonic) override {}
  void wake() override {}
  void pause(Millis) override {}
  void on_stop(std::function<void()>) override {}
  void on_renew(std::function<void()>) override {}
  FileSystem& files() override { return disk; }
  Status write_secret(const std::string&, const std::string&) override { return {}; }
  std::function<void(std::string_view)> open_lines(const std::string&) override { return {}; }
  Result<std::unique_ptr<Lock>> lock(const std::string&) override { return nullptr; }
  Result<std::unique_ptr<Store>> open_store(const std::string&) override { return nullptr; }
  Status settle_tables(const std::string&) override { return {}; }
  Status discard_incoming(const std::string&) override { return {}; }
  Status adopt_incoming(const std::string&) override { return {}; }
  std::unique_ptr<server::Front> make_front(const CommandTable&, server::Front::Options) override {
    return nullptr;
  }
  std::unique_ptr<server::Front> make_http(const CommandTable&, server::Front::Options,
                                           server::HttpProtocol::Options) override {
    return nullptr;
  }
  std::unique_ptr<HttpCalls> make_http_calls(HttpCalls::Options) override { return nullptr; }
  mesh::Transport& transport() override { return *this; }
  std::unique_ptr<mesh::Reception> make_reception(mesh::Reception::Options) override {
    return nullptr;
  }
  Result<mesh::FetchedCheckpoint> fetch_checkpoint(const mesh::FetchOptions&, Store&) override {
    return fail(Code::unavailable, "nobody is there");
  }
  Result<std::shared_ptr<etcd::Api>> connect_etcd(const Options&, const Engine&) override {
    return nullptr;
  }

 private:
  std::unique_ptr<Attempt> dial(const std::string&, Done) override {
    return std::make_unique<Attempt>();
  }
};

constexpr eventual::OriginId own{1};
constexpr eventual::OriginId newcomer{42};

struct World {
  World() {
    options.node = "a";
    options.data = "/a";
    options.peers = {"host-b:1"};
    HF_ASSERT(environment.disk.make_directory("/a"));
    auto opened =
        DiskLog::open(environment.disk, {.directory = "/a/log", .own_threads = false, .log_id = 7});
    HF_ASSERT(opened);
    log = std::move(*opened);
    start();
  }
  void start() {
    side.emplace(environment, options, Credentials{}, Incarnation{own, {}}, replica.replica(),
                 *log);
    HF_ASSERT(side->load(false));
    side->start();
    side->set_has_data(false);
  }
  const std::map<std::string, mesh::Holding, std::less<>>& members() const {
    return side->replication().holdings().all();
  }

  SilentEnvironment environment;
  Options options;
  eventual::testing::TestReplica replica{own.value};
  std::unique_ptr<DiskLog> log;
  std::optional<MeshSide> side;
};

mesh::Hello question_of_b() {
  mesh::Hello hello;
  hello.purpose = mesh::Purpose::probe;
  hello.node = "b";
  hello.origin = newcomer.value;
  hello.has_data = false;
  hello.address = "host-b:1";
  hello.since = 1;
  return hello;
}

// Both without data, they may find that nobody has any and begin with none: each then counts the
// other. By its log's incarnation, not by its name: when it is taken out before it has told
// anything, its end is told as that of an incarnation, and by a name alone it would stay here.
TEST(MeshSide, WhoAsksBeforeThereAreDataCountsWithItsIncarnation) {
  World world;
  ASSERT_FALSE(world.members().contains("b"));
  const auto answer = world.side->asked(question_of_b());
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_FALSE(answer->has_data);
  ASSERT_TRUE(world.members().contains("b"));
  EXPECT_EQ(world.members().at("b").origin, newcomer);

  world.start();
  ASSERT_TRUE(world.members().contains("b")) << "it was written down before it was answered";
  EXPECT_EQ(world.members().at("b").origin, newcomer);
}

TEST(MeshSide, WhoAsksIsNoMemberOnceThereAreData) {
  World world;
  world.side->set_has_data(true);
  const auto answer = world.side->asked(question_of_b());
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_TRUE(answer->has_data);
  EXPECT_FALSE(world.members().contains("b"));
}

TEST(MeshSide, NothingIsAnsweredThatCouldNotBeWrittenDown) {
  World world;
  world.environment.disk.set_capacity(0);
  EXPECT_FALSE(world.side->asked(question_of_b()));
}

}  // namespace
}  // namespace holdfast::node
