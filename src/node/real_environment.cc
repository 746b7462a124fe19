// SPDX-License-Identifier: Apache-2.0
#include "node/real_environment.h"

#include <fmt/format.h>
#include <sched.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/host_name.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include "base/logging.h"
#include "log/directory_lock.h"
#include "log/etcd/grpc_api.h"
#include "mesh/checkpoint_server.h"
#include "mesh/socket_transport.h"
#include "node/peer_checkpoint.h"
#include "node/secret_file.h"
#include "node/wake_preemption.h"
#include "server/resp_server.h"

namespace holdfast::node {
namespace {

using Clock = std::chrono::steady_clock;

// What the sockets give is taken for so long before a turn ends: a peer that sends
// without end, as one does to who was away, must not keep others from their replies.
constexpr Millis turn_max{3};
constexpr unsigned handlers_between_looks = 4;  // at the clock

class FolderLock final : public Environment::Lock {
 public:
  explicit FolderLock(std::unique_ptr<DirectoryLock> lock) : lock_(std::move(lock)) {}

 private:
  std::unique_ptr<DirectoryLock> lock_;
};

class RealEnvironment final : public Environment {
 public:
  Instant wall() override {
    return std::chrono::time_point_cast<Millis>(std::chrono::system_clock::now());
  }
  Monotonic now() override { return Clock::now(); }
  std::uint64_t random() override { return std::uint64_t{device_()} << 32 | device_(); }
  Status write_secret(const std::string& path, const std::string& text) override {
    return write_secret_file(path, text);
  }
  std::string boot_id() override {
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    std::string id;
    std::getline(file, id);
    return id;
  }
  // Legible, for who finds its id taken; the same at this folder's next start, but
  // for one after the machine's. Of processes with one folder the lock lets in one.
  std::string instance(const std::string& data) override {
    std::error_code ignored;
    const auto path = std::filesystem::absolute(data, ignored);
    return fmt::format("{} at {} (since boot {})", path.string(), boost::asio::ip::host_name(),
                       boot_id());
  }

  bool has_process() const override { return true; }

  void wait(Monotonic until) override {
    // One that comes too early costs a turn; to set it anew at each turn would cost more.
    if (!alarm_at_ || until < *alarm_at_) {
      alarm_at_ = until;
      alarm_.expires_at(until);
      alarm_.async_wait([this](const boost::system::error_code& error) {
        if (!error) alarm_at_.reset();
      });
    }
    if (io_.stopped()) io_.restart();
    io_.run_one();
    const Monotonic began = Clock::now();
    const Monotonic end = began + turn_max;
    for (unsigned handled = 1; io_.poll_one() > 0; ++handled) {
      if (handled % handlers_between_looks == 0 && Clock::now() >= end) break;
    }
    if (began >= preemption_.next_sample_at()) settle_preemption(began);
  }
  void wake() override {
    // Many wakes before the loop gets to it are one.
    if (woken_.exchange(true)) return;
    boost::asio::post(io_, [this] { woken_ = false; });
  }
  void pause(Millis time) override { std::this_thread::sleep_for(time); }
  void on_stop(std::function<void()> stop) override {
    signals_.add(SIGTERM);
    signals_.add(SIGINT);
    signals_.async_wait(
        [stop = std::move(stop)](const boost::system::error_code& error, int number) {
          if (error) return;
          logging::info("signal {}: stopping", number);
          stop();
        });
  }

  void on_renew(std::function<void()> renew) override {
    renewals_.async_wait(
        [this, renew = std::move(renew)](const boost::system::error_code& error, int number) {
          if (error) return;
          logging::info("signal {}: reading the certificates again", number);
          renew();
          on_renew(renew);
        });
  }

  FileSystem& files() override { return posix_file_system(); }
  std::function<void(std::string_view)> open_lines(const std::string& path) override {
    return logging::open_lines(path, limits::audit_bytes_max, limits::audit_files_max);
  }
  Result<std::unique_ptr<Lock>> lock(const std::string& data) override {
    auto lock = DirectoryLock::acquire(data);
    if (!lock) return tl::unexpected(lock.error());
    return std::make_unique<FolderLock>(std::move(*lock));
  }
  Result<std::unique_ptr<Store>> open_store(const std::string& directory) override {
    return open_rocks_store(directory);
  }
  Status settle_tables(const std::string& data) override { return TableFolders(data).settle(); }
  Status discard_incoming(const std::string& data) override {
    return TableFolders(data).discard_incoming();
  }
  Status adopt_incoming(const std::string& data) override {
    return TableFolders(data).adopt_incoming();
  }

  std::unique_ptr<server::Front> make_front(const CommandTable& commands,
                                            server::Front::Options options) override {
    return server::make_resp_server(io_, commands, options);
  }
  std::unique_ptr<server::Front> make_http(const CommandTable& commands,
                                           server::Front::Options options,
                                           server::HttpProtocol::Options http) override {
    return server::make_http_server(io_, commands, options, std::move(http));
  }
  std::unique_ptr<HttpCalls> make_http_calls(HttpCalls::Options options) override {
    options.wake = [this] { wake(); };
    return make_curl_calls(std::move(options));
  }
  mesh::Transport& transport() override { return transport_; }
  std::unique_ptr<mesh::Reception> make_reception(mesh::Reception::Options options) override {
    return std::make_unique<mesh::CheckpointServer>(io_, std::move(options));
  }
  Result<mesh::FetchedCheckpoint> fetch_checkpoint(const mesh::FetchOptions& options,
                                                   Store& staging) override {
    return mesh::fetch_checkpoint(options, staging);
  }
  Result<std::shared_ptr<etcd::Api>> connect_etcd(const Options& options,
                                                  const Engine& engine) override {
    std::string password;
    if (!options.etcd_user.empty()) {
      auto read = read_secret_file(options.etcd_password_file, "etcd's password");
      if (!read) return tl::unexpected(read.error());
      password = std::move(*read);
    }
    return etcd::connect({.endpoints = engine.etcd,
                          .ca_file = options.etcd_ca,
                          .cert_file = options.etcd_cert,
                          .key_file = options.etcd_key,
                          .user = options.etcd_user,
                          .password = std::move(password),
                          .wake = [this] { wake(); }});
  }

 private:
  void settle_preemption(Monotonic now) {
    timespec ran{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ran);
    const auto preempts = preemption_.sample(now, to_duration(ran));
    if (!preempts) return;
    // Whoever runs the server may have chosen another policy, which stands.
    const int from = *preempts ? SCHED_BATCH : SCHED_OTHER;
    if (sched_getscheduler(0) != from || *preempts != is_batch_) return;
    const sched_param no_priority{};
    if (sched_setscheduler(0, *preempts ? SCHED_OTHER : SCHED_BATCH, &no_priority) == 0)
      is_batch_ = !*preempts;
  }
  static std::chrono::nanoseconds to_duration(const timespec& time) {
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  }

  // One thread runs it and uses its sockets; others only post.
  boost::asio::io_context io_{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO};
  boost::asio::steady_timer alarm_{io_};
  std::optional<Monotonic> alarm_at_;
  WakePreemption preemption_;
  bool is_batch_ = false;  // made so here
  boost::asio::signal_set signals_{io_};
  // From the start on: it must not end a node that is recovering.
  boost::asio::signal_set renewals_{io_, SIGHUP};
  std::atomic<bool> woken_{false};
  mesh::SocketTransport transport_{io_};
  std::random_device device_;
};

}  // namespace

std::unique_ptr<Environment> make_real_environment() {
  return std::make_unique<RealEnvironment>();
}

}  // namespace holdfast::node
