// SPDX-License-Identifier: Apache-2.0
#include "sim/network.h"

#include <algorithm>

#include "base/assert.h"

namespace holdfast::sim {
namespace {

// What a connection takes before its reader has taken what came before.
constexpr std::size_t on_its_way_max = std::size_t{256} << 10;
// How often TCP tries again what was lost.
constexpr std::uint64_t again_min_ms = 10, again_max_ms = 200;

tl::unexpected<Error> lost(const char* why) {
  return fail(Code::unavailable, why);
}

}  // namespace

class Stream final : public mesh::ByteStream {
 public:
  Stream(Network& network, std::shared_ptr<Network::Connection> connection, int end)
      : network_(network), connection_(std::move(connection)), end_(end) {}
  ~Stream() override { Stream::close(); }

  void read(std::span<char> room, Done done) override {
    auto& end = connection_->ends[end_];
    HF_ASSERT(!end.reading && !room.empty());
    end.room = room;
    end.reading = std::move(done);
    network_.satisfy(connection_, end_);
  }
  void write(std::string_view bytes, Done done) override {
    auto& end = connection_->ends[end_];
    HF_ASSERT(!end.writing);
    end.writing = std::move(done);
    end.writing_bytes = bytes.size();
    if (!end.closed && !end.over) network_.send(connection_, end_, std::string(bytes));
    network_.satisfy(connection_, end_);
  }
  void close() override { network_.close(connection_, end_, false); }
  bool is_on_this_machine() const override { return false; }
  Monotonic now() const override { return network_.agenda_.now(); }

 private:
  Network& network_;
  std::shared_ptr<Network::Connection> connection_;
  int end_;
};

class Network::Trying final : public mesh::Transport::Attempt {
 public:
  ~Trying() override { *given_up = true; }
  std::shared_ptr<bool> given_up = std::make_shared<bool>(false);
};

void Network::listen(const std::string& address, std::shared_ptr<Party> party, Connected connected,
                     ProcessReception* reception) {
  listeners_[address] = {std::move(party), std::move(connected), reception};
}

ProcessReception* Network::reception_at(const std::string& address) const {
  const auto found = listeners_.find(address);
  return found == listeners_.end() ? nullptr : found->second.reception;
}

void Network::stop_listening(const std::string& address) {
  listeners_.erase(address);
}

std::unique_ptr<mesh::Transport::Attempt> Network::dial(const std::shared_ptr<Party>& from,
                                                        const std::string& address,
                                                        mesh::Transport::Done done) {
  auto attempt = std::make_unique<Trying>();
  agenda_.after(delay(), [this, from, address, done = std::move(done),
                          given_up = attempt->given_up]() mutable {
    if (*given_up) return;
    const std::string to = address.substr(0, address.find(':'));
    // Lost SYNs: the caller's patience ends it.
    if (is_cut(from->host(), to) || is_cut(to, from->host())) return;
    const auto found = listeners_.find(address);
    if (found == listeners_.end()) {
      return from->post([done, given_up] {
        if (!*given_up) done(lost("connection refused"));
      });
    }
    const auto connection = std::make_shared<Connection>();
    connection->ends[0].party = from;
    connection->ends[1].party = found->second.party;
    connections_.push_back(connection);
    // Shared by what may never run: a stream that nobody took closes itself.
    const auto dialed = std::make_shared<std::unique_ptr<mesh::ByteStream>>(
        std::make_unique<Stream>(*this, connection, 0));
    const auto accepted = std::make_shared<std::unique_ptr<mesh::ByteStream>>(
        std::make_unique<Stream>(*this, connection, 1));
    found->second.party->post(
        [connected = found->second.connected, accepted] { connected(std::move(*accepted)); });
    from->post([done, given_up, dialed] {
      if (!*given_up) done(std::move(*dialed));
    });
  });
  return attempt;
}

void Network::send(const std::shared_ptr<Connection>& connection, int from, std::string bytes) {
  End& to = connection->ends[1 - from];
  if (bytes.empty()) return;
  Monotonic at = agenda_.now() + (is_near(to) ? Millis(0) : delay());
  if (!to.coming.empty()) at = std::max(at, to.coming.back().first);
  to.coming_bytes += bytes.size();
  bytes_ += bytes.size();
  to.coming.emplace_back(at, std::move(bytes));
  deliver_at(connection, 1 - from, at);
}

void Network::deliver_at(const std::shared_ptr<Connection>& connection, int to, Monotonic at) {
  if (std::exchange(connection->ends[to].delivering, true)) return;
  agenda_.at(at, [this, connection, to] {
    connection->ends[to].delivering = false;
    deliver(connection, to);
  });
}

void Network::deliver(const std::shared_ptr<Connection>& connection, int to) {
  End& end = connection->ends[to];
  if (end.over || end.closed) return;
  if (is_cut(connection->ends[1 - to].party->host(), end.party->host()))
    return deliver_at(connection, to, agenda_.now() + random_.millis(again_min_ms, again_max_ms));
  while (!end.coming.empty() && end.coming.front().first <= agenda_.now()) {
    std::string& bytes = end.coming.front().second;
    // Wherever a packet may end.
    const bool cut = !is_near(end) && random_.percent(10);
    const std::size_t n = cut ? 1 + random_.below(bytes.size()) : bytes.size();
    end.arrived.append(bytes, 0, n);
    bytes.erase(0, n);
    end.coming_bytes -= n;
    if (!bytes.empty()) break;
    end.coming.pop_front();
  }
  if (!end.coming.empty()) {
    deliver_at(connection, to,
               std::max(end.coming.front().first, agenda_.now() + Millis(random_.below(2))));
  } else if (end.ending) {
    end.over = true;
  }
  satisfy(connection, to);
  satisfy(connection, 1 - to);
}

// Answers what an end waits for, where it can be answered.
void Network::satisfy(const std::shared_ptr<Connection>& connection, int at) {
  End& end = connection->ends[at];
  if (end.reading && (!end.arrived.empty() || end.over || end.closed)) {
    auto done = std::exchange(end.reading, nullptr);
    if (end.arrived.empty() || end.closed) {
      end.party->post([done] { done(lost("the connection has ended")); });
    } else {
      const std::size_t n = std::min(end.room.size(), end.arrived.size());
      const std::string bytes = end.arrived.substr(0, n);
      end.arrived.erase(0, n);
      // Into the room only when its owner is told: until then it may be gone.
      end.party->post([done, bytes, room = end.room, connection, at] {
        if (connection->ends[at].closed) return done(lost("it was closed"));
        std::ranges::copy(bytes, room.begin());
        done(bytes.size());
      });
    }
  }
  const bool ended = end.over || end.closed;
  if (end.writing && (ended || connection->ends[1 - at].coming_bytes < on_its_way_max)) {
    const auto done = std::exchange(end.writing, nullptr);
    if (ended) {
      end.party->post([done] { done(lost("the connection has ended")); });
    } else {
      end.party->post([done, n = end.writing_bytes] { done(n); });
    }
  }
}

void Network::close(const std::shared_ptr<Connection>& connection, int at, bool silent) {
  End& end = connection->ends[at];
  if (std::exchange(end.closed, true)) return;
  satisfy(connection, at);
  if (silent) return;
  End& other = connection->ends[1 - at];
  other.ending = true;
  deliver_at(connection, 1 - at, agenda_.now() + (is_near(other) ? Millis(0) : delay()));
}

void Network::end(const Party& party, bool silent) {
  std::erase_if(listeners_, [&](const auto& one) { return one.second.party.get() == &party; });
  for (const auto& weak : connections_) {
    const auto connection = weak.lock();
    if (!connection) continue;
    for (const int end : {0, 1}) {
      if (connection->ends[end].party.get() == &party) close(connection, end, silent);
    }
  }
}

void Network::break_off(const std::shared_ptr<Connection>& connection) {
  ++broken_;
  for (const int end : {0, 1}) {
    connection->ends[end].over = true;
    connection->ends[end].arrived.clear();
    connection->ends[end].coming.clear();
    satisfy(connection, end);
  }
}

void Network::break_some() {
  std::erase_if(connections_, [](const auto& weak) {
    const auto connection = weak.lock();
    return !connection || connection->ends[0].closed || connection->ends[1].closed ||
           connection->ends[0].over;
  });
  if (connections_.empty()) return;
  break_off(connections_[random_.below(connections_.size())].lock());
}

}  // namespace holdfast::sim
