// SPDX-License-Identifier: Apache-2.0
#include "sim/environment.h"

#include <fmt/format.h>

#include <utility>

#include "log/small_file.h"
#include "node/peer_checkpoint.h"
#include "sim/front.h"
#include "sim/http_calls.h"
#include "sim/process.h"
#include "sim/process_files.h"
#include "sim/reception.h"
#include "sim/recording_log.h"

namespace holdfast::sim {
namespace {

class NoLock final : public node::Environment::Lock {};

}  // namespace

class ProcessEnvironment final : public node::Environment, public mesh::Transport {
 public:
  explicit ProcessEnvironment(Process& process)
      : process_(process), files_(make_process_files(process)) {}
  ~ProcessEnvironment() override { process_.stop_ = nullptr; }

  Instant wall() override { return process_.host_.wall(now()); }
  Monotonic now() override { return process_.around_.agenda.now(); }
  std::uint64_t random() override { return process_.around_.random.number(); }
  std::string boot_id() override { return fmt::format("boot {}", process_.host_.boots); }
  std::string instance(const std::string& data) override {
    return fmt::format("{} at {} (since {})", data, process_.host_.name, boot_id());
  }

  bool has_process() const override { return false; }
  std::unique_ptr<DiskLog> adopt(std::unique_ptr<DiskLog> log,
                                 const std::string& directory) override {
    return std::make_unique<RecordingLog>(process_, std::move(log), directory.ends_with("/origin"));
  }
  void wait(Monotonic until) override { process_.wait(until); }
  void wake() override {
    if (process_.running_) {
      process_.woken_ = true;
    } else {
      process_.post([] {});
    }
  }
  void pause(Millis time) override {
    for (const Monotonic until = now() + time; now() < until;) process_.wait(until);
  }
  void on_stop(std::function<void()> stop) override { process_.stop_ = std::move(stop); }
  void on_renew(std::function<void()>) override {}  // there are no files of its own

  FileSystem& files() override { return *files_; }
  Status write_secret(const std::string& path, const std::string& text) override {
    return replace_small_file(*files_, path, text);
  }
  std::function<void(std::string_view)> open_lines(const std::string&) override {
    return [](std::string_view) {};
  }
  Result<std::unique_ptr<Lock>> lock(const std::string&) override {
    return std::make_unique<NoLock>();
  }
  Result<std::unique_ptr<Store>> open_store(const std::string& directory) override {
    return make_host_store(process_.host_, directory,
                           [process = process_.shared_from_this()] { return process->is_alive(); });
  }
  Status settle_tables(const std::string& data) override {
    const node::TableFolders folders(data);
    auto& tables = process_.host_.tables;
    if (!tables.contains(folders.table) && tables.contains(folders.incoming))
      tables[folders.table] = tables[folders.incoming];
    return discard_incoming(data);
  }
  Status discard_incoming(const std::string& data) override {
    process_.host_.tables.erase(node::TableFolders(data).incoming);
    return {};
  }
  Status adopt_incoming(const std::string& data) override {
    if (!process_.is_alive()) return fail(Code::io, "the process has ended");
    const node::TableFolders folders(data);
    auto& tables = process_.host_.tables;
    tables[folders.table] = tables[folders.incoming];
    return discard_incoming(data);
  }

  std::unique_ptr<server::Front> make_front(const CommandTable& commands,
                                            server::Front::Options options) override {
    return make_process_front(process_.around_.network, process_.shared_from_this(), commands,
                              options, [this] { wake(); });
  }
  std::unique_ptr<server::Front> make_http(const CommandTable&, server::Front::Options,
                                           server::HttpProtocol::Options) override {
    return nullptr;
  }
  std::unique_ptr<node::HttpCalls> make_http_calls(node::HttpCalls::Options options) override {
    options.wake = [this] { wake(); };
    return make_process_http_calls(process_.around_, process_.shared_from_this(),
                                   std::move(options));
  }
  mesh::Transport& transport() override { return *this; }
  std::unique_ptr<Attempt> dial(const std::string& address, Done done) override {
    return process_.around_.network.dial(process_.shared_from_this(), address, std::move(done));
  }
  std::unique_ptr<mesh::Reception> make_reception(mesh::Reception::Options options) override {
    return make_process_reception(process_.around_.network, process_.shared_from_this(),
                                  std::move(options));
  }

  // The stream itself is tested with real ones. Here the peer's part, what is sent and
  // when, is the real one, and it can end anywhere.
  Result<mesh::FetchedCheckpoint> fetch_checkpoint(const mesh::FetchOptions& options,
                                                   Store& staging) override {
    const std::string& peer = options.peers.front();
    pause(process_.around_.random.millis(1, 20));
    const auto fails = [&](const std::string& why) {
      return fail(Code::unavailable, fmt::format("{}: {}", peer, why));
    };
    Network& network = process_.around_.network;
    const std::string host = peer.substr(0, peer.find(':'));
    ProcessReception* const there = network.reception_at(peer);
    if (there == nullptr || network.is_cut(process_.host(), host) ||
        network.is_cut(host, process_.host()))
      return fails("nobody answers");
    mesh::Hello hello;
    hello.purpose = options.whole ? mesh::Purpose::whole_checkpoint : mesh::Purpose::checkpoint;
    hello.cluster = options.cluster;
    hello.node = options.node;
    hello.origin = options.origin;
    auto source = there->options().begin(hello);
    if (!source) return fails(source.error().message);
    mesh::FetchedCheckpoint fetched{.position = source->position, .peer = peer};
    CheckpointRows rows;
    for (std::size_t i = 0; i < family_count; ++i) {
      const auto family = static_cast<Family>(i);
      const Status scanned =
          source->snapshot->scan(family, {}, [&](std::string_view key, std::string_view value) {
            if (source->wanted(family, key)) {
              rows.put(family, key, value);
              ++fetched.rows;
            }
            return true;
          });
      if (!scanned) return fails(scanned.error().message);
    }
    pause(process_.around_.random.millis(1, 200));
    const bool whole = network.reception_at(peer) == there && !process_.around_.random.percent(10);
    if (network.reception_at(peer) == there) there->options().end(whole);
    if (!whole) return fails("the stream has ended");
    if (Status s = staging.commit(std::move(rows)); !s) return tl::unexpected(s.error());
    return fetched;
  }

  Result<std::shared_ptr<etcd::Api>> connect_etcd(const node::Options&,
                                                  const node::Engine&) override {
    auto client = process_.around_.etcd.connect();
    client->wake = [this] { wake(); };
    process_.etcd_client_ = client;
    return client;
  }

 private:
  Process& process_;
  std::unique_ptr<FileSystem> files_;
};

std::unique_ptr<node::Environment> make_process_environment(Process& process) {
  return std::make_unique<ProcessEnvironment>(process);
}

}  // namespace holdfast::sim
