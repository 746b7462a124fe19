// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "mesh/transport.h"
#include "sim/agenda.h"

namespace holdfast::sim {

/// Who has an end of a connection: a node's process, or a client.
class Party {
 public:
  virtual ~Party() = default;
  virtual const std::string& host() const = 0;
  /// Runs it on the party's thread, soon. Nothing, once the party has ended.
  virtual void post(std::function<void()> run) = 0;
};

class ProcessReception;

/// Connections as TCP gives them, over a network that delays, cuts and breaks.
/// While two hosts are cut off from each other what is sent is on its way: it
/// comes when they no longer are, if the connection lives that long.
class Network {
 public:
  Network(Agenda& agenda, Random& random) : agenda_(agenda), random_(random) {}

  Millis delay_min{0}, delay_max{1};

  using Connected = std::function<void(std::unique_ptr<mesh::ByteStream> stream)>;
  /// Connections to `address` are `party`'s, until it ends or stops listening.
  /// `reception`: where other nodes come, if that is it.
  void listen(const std::string& address, std::shared_ptr<Party> party, Connected connected,
              ProcessReception* reception = nullptr);
  void stop_listening(const std::string& address);
  /// Who takes other nodes in at the address; nullptr: nobody.
  ProcessReception* reception_at(const std::string& address) const;
  std::unique_ptr<mesh::Transport::Attempt> dial(const std::shared_ptr<Party>& from,
                                                 const std::string& address,
                                                 mesh::Transport::Done done);

  /// A host to which everything comes at once and whole.
  void set_near(const std::string& host) { near_.insert(host); }

  /// Nothing goes from the one to the other.
  void cut(const std::string& from, const std::string& to) { cuts_.insert({from, to}); }
  void heal(const std::string& from, const std::string& to) {
    if (const auto it = cuts_.find({from, to}); it != cuts_.end()) cuts_.erase(it);
  }
  void heal_all() { cuts_.clear(); }
  bool is_cut(const std::string& from, const std::string& to) const {
    return cuts_.contains({from, to});
  }
  /// The party is no more. `silent`: nobody is told, as when its machine is gone.
  void end(const Party& party, bool silent);
  /// Breaks some connection between two hosts, at both ends.
  void break_some();

  std::uint64_t broken() const { return broken_; }
  std::uint64_t bytes() const { return bytes_; }

 private:
  friend class Stream;
  struct End {
    std::shared_ptr<Party> party;
    std::deque<std::pair<Monotonic, std::string>> coming;
    std::size_t coming_bytes = 0;
    std::string arrived;
    std::span<char> room;
    mesh::ByteStream::Done reading;
    mesh::ByteStream::Done writing;  // its last write, which waits for room
    std::size_t writing_bytes = 0;
    bool closed = false;  // by this end
    bool over = false;    // the other end has closed, or it is broken
    bool ending = false;  // the other end has closed, which is on its way
    bool delivering = false;
  };
  struct Connection {
    End ends[2];
  };
  struct Listener {
    std::shared_ptr<Party> party;
    Connected connected;
    ProcessReception* reception;
  };
  class Trying;

  Millis delay() {
    return random_.millis(static_cast<std::uint64_t>(delay_min.count()),
                          static_cast<std::uint64_t>(delay_max.count()));
  }
  void send(const std::shared_ptr<Connection>& connection, int from, std::string bytes);
  void deliver(const std::shared_ptr<Connection>& connection, int to);
  bool is_near(const End& end) const { return near_.contains(end.party->host()); }
  void deliver_at(const std::shared_ptr<Connection>& connection, int to, Monotonic at);
  void satisfy(const std::shared_ptr<Connection>& connection, int end);
  void close(const std::shared_ptr<Connection>& connection, int end, bool silent);
  void break_off(const std::shared_ptr<Connection>& connection);

  Agenda& agenda_;
  Random& random_;
  std::map<std::string, Listener> listeners_;
  std::multiset<std::pair<std::string, std::string>> cuts_;
  std::set<std::string> near_;
  std::vector<std::weak_ptr<Connection>> connections_;
  std::uint64_t broken_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace holdfast::sim
