// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sim/network.h"
#include "sim/workload.h"

namespace holdfast::sim {

/// A client that keeps what it reads (CLIENT TRACKING), at one node after the other. It is near
/// them all: what a node sends it, it has at once. So nothing that it keeps may ever be older than
/// what any client was told that it holds.
class Cache final : public Party, public std::enable_shared_from_this<Cache> {
 public:
  struct Parts {
    Agenda& agenda;
    Random& random;
    Network& network;
    Workload& workload;
    const char* service;                        // that it signs in as, where everybody has to
    const std::vector<std::string>& addresses;  // of all nodes, as they come
    /// Names the node's process that runs; 0: none does, or it stands still and can tell nobody
    /// anything.
    std::function<std::uint64_t(const std::string& address)> life_of;
    std::function<void(const std::string&)> broken;  // what must never be
  };
  Cache(Parts parts, std::string name) : parts_(std::move(parts)), name_(std::move(name)) {
    parts_.network.set_near(name_);
  }

  void start() { think(); }
  void stop() {
    stopped_ = true;
    hang_up();
  }
  /// How often it looked at something that it kept.
  std::uint64_t looks() const { return looks_; }
  std::uint64_t told() const { return told_; }
  /// Connections that ended while it kept something.
  std::uint64_t cut() const { return cut_; }

  const std::string& host() const override { return name_; }
  void post(std::function<void()> run) override;

 private:
  void think();
  void look();
  void dial();
  void ask(const verify::Command& command);
  void read();
  void came(std::size_t bytes);
  void told(const verify::Answer& push);
  void answered(const verify::Answer& answer);
  void hang_up();

  Parts parts_;
  std::string name_;
  std::string at_;          // whom it is connected to
  std::uint64_t life_ = 0;  // and which of its processes
  std::unique_ptr<mesh::Transport::Attempt> dialing_;
  std::shared_ptr<mesh::ByteStream> stream_;
  std::size_t owed_ = 0;  // replies before it may read
  std::string reading_;   // the key; empty: none
  std::string input_;
  std::array<char, 4096> room_{};
  std::map<std::string, std::int64_t> kept_;
  bool stopped_ = false;
  std::uint64_t looks_ = 0, told_ = 0, cut_ = 0;
};

}  // namespace holdfast::sim
