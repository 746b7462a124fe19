// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "log/etcd/fake_etcd.h"
#include "node/node.h"
#include "sim/agenda.h"
#include "sim/fiber.h"
#include "sim/host.h"
#include "sim/network.h"

namespace holdfast::sim {

/// Hears of what processes do.
class Witness {
 public:
  virtual ~Witness() = default;
  /// A node appends this to its origin log: what it decided, or merged.
  virtual void on_origin_entry(const std::string& host, std::string_view payload) = 0;
  /// The process of a host has ended by itself; without an error where it was told to.
  virtual void on_exit(Host& host, const std::optional<Error>& why) = 0;
  /// A node will be no more, however it ends.
  virtual void on_end(node::Node& node) = 0;
  virtual void note(const std::string& what) = 0;
};

class HttpService;

/// What all of them share.
struct Surroundings {
  Agenda& agenda;
  Random& random;
  Network& network;
  etcd::FakeEtcd& etcd;
  HttpService& http;
  Witness& witness;
};

class RecordingLog;

/// One run of `holdfast serve` on a host: the node itself, on a fiber. Everything
/// that it stands on is simulated.
class Process final : public Party, public std::enable_shared_from_this<Process> {
 public:
  Process(Surroundings around, Host& host, node::Options options);
  ~Process() override;

  void start();
  /// kill -9: it does nothing more. Not from its own fiber.
  void kill(bool silent);
  /// As kill(), when it has changed so many more things on the disk: in the middle
  /// of whatever it does then.
  void kill_after(std::uint64_t changes) { changes_left_ = changes; }
  /// SIGTERM.
  void terminate();
  bool ended() const { return ended_; }
  /// Whose fiber runs; nullptr: none.
  static const Process* running();
  /// The node, while it serves; nullptr before and after.
  node::Node* node() { return serving_ ? node_ : nullptr; }
  etcd::FakeClient* etcd_client() { return etcd_client_.lock().get(); }

  // Party
  const std::string& host() const override { return host_.name; }
  void post(std::function<void()> run) override;

 private:
  friend class ProcessEnvironment;
  friend class ProcessFiles;
  friend class ProcessFile;
  friend class RecordingLog;
  struct Killed {};

  void body();
  void schedule(Monotonic at);
  void run();
  void enter();
  void wait(Monotonic until);
  void sync_disks();
  /// Whether it may still change what outlives it.
  bool is_alive() const { return !dead_; }
  bool spend_change();
  void end();

  Surroundings around_;
  Host& host_;
  node::Options options_;
  std::unique_ptr<Fiber> fiber_;
  std::deque<std::function<void()>> inbox_;
  std::function<void()> stop_;
  bool woken_ = false;
  bool running_ = false;
  bool dead_ = false;
  bool ended_ = false;
  bool serving_ = false;
  std::optional<Error> why_ended_;
  std::uint64_t scheduled_ = 0;  // the last that was; others are out of date
  Monotonic due_{};
  std::optional<std::uint64_t> changes_left_;
  node::Node* node_ = nullptr;
  std::set<RecordingLog*> logs_;
  std::weak_ptr<etcd::FakeClient> etcd_client_;
};

}  // namespace holdfast::sim
