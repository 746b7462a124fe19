// SPDX-License-Identifier: Apache-2.0
#include "server/socket_server.h"

#include <algorithm>
#include <array>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include "base/assert.h"
#include "base/logging.h"
#include "server/backend.h"

namespace holdfast::server {
namespace {

using boost::system::error_code;

constexpr int accepts_per_turn_max = 64;
// Enough to see what goes on, too few to fill a disk.
constexpr int lines_per_second_max = 10;

}  // namespace

SocketServer::SocketServer(boost::asio::io_context& io, std::unique_ptr<Protocol> protocol,
                           Options options)
    : io_(io),
      options_(std::move(options)),
      protocol_(std::move(protocol)),
      ticket_mark_(protocol_->ticket_mark()),
      acceptor_(io.get_executor()),
      timer_(io.get_executor()),
      readiness_(Readiness::of(io)) {
  protocol_->set_host(*this);
  if (options_.last_id == nullptr) options_.last_id = std::make_shared<std::uint64_t>(0);
  set_idle_timeout(options_.idle_timeout);
}

SocketServer::~SocketServer() {
  stop_accepting();
}

void SocketServer::set_backend(Backend& backend) {
  backend_ = &backend;
  protocol_->set_backend(backend);
}

void SocketServer::set_idle_timeout(Millis timeout) {
  options_.idle_timeout = timeout;
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(timeout).count();
  protocol_->set_idle_seconds_max(static_cast<int>(std::min<std::int64_t>(seconds, 1'000'000'000)));
}

bool SocketServer::is_beyond_loopback(std::string_view address) const {
  const auto endpoint = endpoint_of(address, Reach::anywhere);
  return endpoint && !endpoint->address().is_loopback();
}

Status SocketServer::listen(std::string_view address, Reach reach) {
  HF_ASSERT(backend_ != nullptr);
  const auto endpoint = endpoint_of(address, reach);
  if (!endpoint) return tl::unexpected(endpoint.error());
  if (Status s = listen_on(acceptor_, *endpoint); !s) return s;
  endpoint_ = acceptor_.local_endpoint();
  accept_when_ready();
  schedule_tick();
  return {};
}

std::string SocketServer::address() const {
  return text_of(endpoint_);
}

void SocketServer::accept_when_ready() {
  acceptor_.async_wait(Acceptor::wait_read, [this](const error_code& error) {
    if (error || !acceptor_.is_open()) return;
    accept_some();
    if (!accept_paused_) accept_when_ready();
  });
}

void SocketServer::accept_some() {
  for (int i = 0; i < accepts_per_turn_max; ++i) {
    error_code error;
    Endpoint peer;
    Socket socket(io_.get_executor());
    acceptor_.accept(socket, peer, error);
    if (error == boost::asio::error::would_block) return;
    if (error == boost::asio::error::connection_aborted) continue;
    if (error) {
      logging::warning("cannot accept connections for a second: {}", error.message());
      accept_paused_ = true;
      return;
    }
    prepare(socket);
    if (counters_.connections >= options_.connections_max) {
      ++counters_.refused_connections;
      if (options_.tls == nullptr)
        socket.write_some(boost::asio::buffer(protocol_->too_many()), error);
      continue;
    }
    add(std::move(socket), peer);
  }
}

void SocketServer::add(Socket socket, const Endpoint& peer) {
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t index = free_slots_.back();
  free_slots_.pop_back();
  Slot& slot = slots_[index];
  if (++slot.generation == 0) ++slot.generation;  // 0 is nobody's
  error_code ignored;
  Peer who{.id = ++*options_.last_id,
           .address = text_of(peer),
           .local_address = text_of(socket.local_endpoint(ignored)),
           .descriptor = socket.native_handle()};
  slot.connection = std::make_unique<Connection>(
      *this, io_, socket.release(ignored), tls::Channel::accepting(options_.tls.get()),
      protocol_->converse(std::move(who),
                          std::uint64_t{slot.generation} << 32 | ticket_mark_ | index));
  ++counters_.connections;
  ++counters_.accepted;
  touch(*slot.connection);
}

void SocketServer::flush() {
  resume(for_node_, &Conversation::waits_for_node);
  settle_first();
  settling_.swap(touched_);
  for (Connection* connection : settling_) {
    connection->touched = false;
    settle(*connection);
  }
  settling_.clear();
}

// Who keeps a cache, and cannot be told that it is old, is cut: he knows then that it may be.
void SocketServer::settle_first() {
  for (const std::uint64_t ticket : std::exchange(first_, {})) {
    if (Connection* const told = find(ticket)) settle(*told);
    Connection* const open = find(ticket);
    if (open == nullptr || open->talk().unsent_bytes() == 0) continue;
    open->talk().cut("it keeps a cache, and could not be told at once of what changed");
    settle(*open);
  }
}

void SocketServer::settle(Connection& connection) {
  const std::uint64_t ticket_connection = connection.talk().ticket_connection();
  if (connection.talk().cut_off() && !connection.closed()) note_cut(connection.talk());
  if (connection.talk().has_answered())
    connection.talk().note_answered(std::chrono::steady_clock::now(), latencies_);
  connection.settle();
  Connection* const open = find(ticket_connection);
  if (open == nullptr) return;
  if (open->talk().waits_for_node()) for_node_.push_back(ticket_connection);
  if (!open->talk().can_resume()) return;
  if (resumable_.empty())
    boost::asio::post(io_, [this] { resume(resumable_, &Conversation::can_resume); });
  resumable_.push_back(ticket_connection);
}

void SocketServer::resume(std::vector<std::uint64_t>& waiting,
                          bool (Conversation::*ready)() const) {
  for (const std::uint64_t ticket : std::exchange(waiting, {})) {
    Connection* const connection = find(ticket);
    if (connection == nullptr || !(connection->talk().*ready)()) continue;
    connection->talk().resume();
    touch(*connection);
  }
}

void SocketServer::complete(Ticket ticket, std::string_view canonical_reply, Replay replay) {
  Connection* const connection = find(ticket.connection);
  if (connection == nullptr) return;
  connection->talk().complete(ticket.sequence, canonical_reply, replay);
  touch(*connection);
}

std::uint32_t SocketServer::index_of(std::uint64_t ticket_connection) const {
  return static_cast<std::uint32_t>(ticket_connection) & ~ticket_mark_;
}

Connection* SocketServer::find(std::uint64_t ticket_connection) {
  const std::uint32_t index = index_of(ticket_connection);
  if (index >= slots_.size()) return nullptr;
  const Slot& slot = slots_[index];
  if (slot.generation != ticket_connection >> 32 || slot.connection == nullptr ||
      slot.connection->closed()) {
    return nullptr;
  }
  return slot.connection.get();
}

void SocketServer::touch(Connection& connection) {
  if (connection.touched) return;
  connection.touched = true;
  touched_.push_back(&connection);
}

void SocketServer::arrived(Connection& connection) {
  if (arrived_.empty()) readiness_.call_last(*this);
  arrived_.push_back(connection.talk().ticket_connection());
}

// Memory answers late: what the requests of many clients will touch is asked for all at once
// before the first of them runs.
void SocketServer::on_events(std::uint32_t) {
  std::array<Ahead, limits::look_ahead_requests> ahead;
  std::size_t met = 0, from = 0;
  for (std::size_t i = 0; i < arrived_.size(); ++i) {
    if (glances_left_out_ > 0) {
      --glances_left_out_;
    } else if (const Connection* const connection = find(arrived_[i])) {
      met += connection->glance(std::span(ahead).subspan(met));
    }
    if (met < ahead.size() && i + 1 < arrived_.size()) continue;
    run_arrived(std::span(arrived_).subspan(from, i + 1 - from), std::span(ahead).first(met));
    from = i + 1;
    met = 0;
  }
  arrived_.clear();
}

void SocketServer::run_arrived(std::span<const std::uint64_t> tickets,
                               std::span<const Ahead> ahead) {
  // Where the backend has no use for that, not again for a while.
  if (ahead.size() > 1 && !backend_->expect(ahead)) glances_left_out_ = limits::look_ahead_pause;
  for (const std::uint64_t ticket : tickets) {
    if (Connection* const connection = find(ticket)) connection->run_arrived();
  }
}

void SocketServer::release(Connection& connection) {
  if (connection.touched) return;  // it is in a list: flush() comes back to it
  const std::uint32_t index = index_of(connection.talk().ticket_connection());
  HF_ASSERT(slots_[index].connection.get() == &connection);
  slots_[index].connection.reset();
  free_slots_.push_back(index);
  --counters_.connections;
}

void SocketServer::count_bytes(std::size_t in, std::size_t out) {
  counters_.bytes_in += in;
  counters_.bytes_out += out;
}

void SocketServer::for_each(absl::FunctionRef<void(Conversation&)> each) {
  for (const Slot& slot : slots_) {
    if (slot.connection == nullptr || slot.connection->closed()) continue;
    if (!slot.connection->talk().cut_off()) each(slot.connection->talk());
  }
}

void SocketServer::touch(Conversation& talk) {
  if (Connection* const connection = find(talk.ticket_connection())) touch(*connection);
}

void SocketServer::touch_first(Conversation& talk) {
  first_.push_back(talk.ticket_connection());
}

void SocketServer::note_cut(const Conversation& talk) {
  if (talk.why_cut().empty()) return;  // the peer has gone by itself
  ++counters_.cut_off;
  if (talk.is_slow_reader()) ++counters_.evicted_readers;
  if (lines_logged_ == lines_per_second_max) return;
  ++lines_logged_;
  logging::warning("closed connection {} of {}: {} ({} bytes unsent)", talk.peer().id,
                   talk.peer().address, talk.why_cut(), talk.unsent_bytes());
}

void SocketServer::note_tls_failed(const Connection& connection, std::string_view why) {
  tls_failures_.note(connection.talk().peer().address, why);
}

void SocketServer::schedule_tick() {
  timer_.expires_after(std::chrono::seconds(1));
  timer_.async_wait([this](const error_code& error) {
    if (error) return;
    tick();
    schedule_tick();
  });
}

void SocketServer::tick() {
  lines_logged_ = 0;
  tls_failures_.tick();
  protocol_->tick();
  if (std::exchange(accept_paused_, false) && acceptor_.is_open()) accept_when_ready();
  for (const Slot& slot : slots_) {
    if (slot.connection == nullptr || slot.connection->closed()) continue;
    slot.connection->tick();
    Conversation& talk = slot.connection->talk();
    if (talk.cut_off() || talk.can_resume() || talk.has_output()) touch(*slot.connection);
  }
  cut_largest_readers();
}

// Many readers below the limit of each can hold more than a node has.
void SocketServer::cut_largest_readers() {
  std::size_t all = unsent_bytes();
  while (all > options_.output_bytes_max * limits::output_shares_max) {
    Conversation* largest = nullptr;
    for_each([&](Conversation& talk) {
      if (largest == nullptr || talk.unsent_bytes() > largest->unsent_bytes()) {
        largest = &talk;
      }
    });
    if (largest == nullptr) return;
    all -= std::min(all, largest->unsent_bytes());
    largest->evict("output limit: all connections together are over it, and this one most");
    touch(*largest);
  }
}

void SocketServer::stop_accepting() {
  error_code ignored;
  acceptor_.close(ignored);
}

void SocketServer::stop_reading() {
  for_each([this](Conversation& talk) {
    talk.stop();
    touch(talk);  // a stream has its last word
  });
}

std::size_t SocketServer::unsent_bytes() const {
  std::size_t bytes = 0;
  for (const Slot& slot : slots_) {
    if (slot.connection == nullptr || slot.connection->closed()) continue;
    if (slot.connection->talk().cut_off()) continue;
    bytes += slot.connection->talk().unsent_bytes();
  }
  return bytes;
}

void SocketServer::close_all() {
  flush();
  for (const Slot& slot : slots_) {
    if (slot.connection != nullptr) slot.connection->close();
  }
  timer_.cancel();
}

void SocketServer::abort_all() {
  for_each([this](Conversation& talk) {
    talk.cut("what it was told may not last");
    touch(talk);
  });
}

SocketServer::Counters SocketServer::counters() const {
  Counters counters = counters_;
  counters.commands = protocol_->commands_run();
  counters.refused = protocol_->commands_refused();
  counters.tls_failed = tls_failures_.count();
  return counters;
}

}  // namespace holdfast::server
