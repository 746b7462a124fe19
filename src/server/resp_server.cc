// SPDX-License-Identifier: Apache-2.0
#include "server/resp_server.h"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include "base/assert.h"
#include "base/logging.h"

namespace holdfast::server {
namespace {

using boost::system::error_code;

constexpr int accepts_per_turn_max = 64;
// Enough to see what goes on, too few to fill a disk.
constexpr int lines_per_second_max = 10;
constexpr std::string_view too_many_clients = "-ERR max number of clients reached\r\n";

std::uint32_t index_of(std::uint64_t ticket_connection) {
  return static_cast<std::uint32_t>(ticket_connection);
}

}  // namespace

RespServer::RespServer(boost::asio::io_context& io, const CommandTable& commands, Options options)
    : io_(io),
      options_(std::move(options)),
      context_(commands),
      acceptor_(io.get_executor()),
      timer_(io.get_executor()) {
  context_.clients = this;
  context_.output_bytes_max = options_.output_bytes_max;
  set_idle_timeout(options_.idle_timeout);
}

RespServer::~RespServer() {
  stop_accepting();
}

void RespServer::set_idle_timeout(Millis timeout) {
  options_.idle_timeout = timeout;
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(timeout).count();
  context_.idle_seconds_max = static_cast<int>(std::min<std::int64_t>(seconds, 1'000'000'000));
}

bool RespServer::is_beyond_loopback(std::string_view address) const {
  const auto endpoint = endpoint_of(address, Reach::anywhere);
  return endpoint && !endpoint->address().is_loopback();
}

Status RespServer::listen(std::string_view address, Reach reach) {
  HF_ASSERT(context_.backend != nullptr);
  const auto endpoint = endpoint_of(address, reach);
  if (!endpoint) return tl::unexpected(endpoint.error());
  if (Status s = listen_on(acceptor_, *endpoint); !s) return s;
  endpoint_ = acceptor_.local_endpoint();
  accept_when_ready();
  schedule_tick();
  return {};
}

std::string RespServer::address() const {
  return text_of(endpoint_);
}

void RespServer::accept_when_ready() {
  acceptor_.async_wait(Acceptor::wait_read, [this](const error_code& error) {
    if (error || !acceptor_.is_open()) return;
    accept_some();
    if (!accept_paused_) accept_when_ready();
  });
}

void RespServer::accept_some() {
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
      if (options_.tls == nullptr) socket.write_some(boost::asio::buffer(too_many_clients), error);
      continue;
    }
    add(std::move(socket), peer);
  }
}

void RespServer::add(Socket socket, const Endpoint& peer) {
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t index = free_slots_.back();
  free_slots_.pop_back();
  Slot& slot = slots_[index];
  if (++slot.generation == 0) ++slot.generation;  // 0 is nobody's
  error_code ignored;
  Peer who{.id = ++last_id_,
           .address = text_of(peer),
           .local_address = text_of(socket.local_endpoint(ignored)),
           .descriptor = socket.native_handle()};
  slot.connection = std::make_unique<RespConnection>(
      *this, std::move(socket), tls::Channel::accepting(options_.tls.get()), context_,
      std::move(who), std::uint64_t{slot.generation} << 32 | index);
  ++counters_.connections;
  ++counters_.accepted;
  touch(*slot.connection);
}

void RespServer::flush() {
  resume(for_node_, &Session::waits_for_node);
  settling_.swap(touched_);
  for (RespConnection* connection : settling_) {
    connection->touched = false;
    settle(*connection);
  }
  settling_.clear();
}

void RespServer::settle(RespConnection& connection) {
  const std::uint64_t ticket_connection = connection.session().ticket_connection();
  if (connection.session().cut_off() && !connection.closed()) note_cut(connection.session());
  connection.settle();
  RespConnection* const open = find(ticket_connection);
  if (open == nullptr) return;
  if (open->session().waits_for_node()) for_node_.push_back(ticket_connection);
  if (!open->session().can_resume()) return;
  if (resumable_.empty())
    boost::asio::post(io_, [this] { resume(resumable_, &Session::can_resume); });
  resumable_.push_back(ticket_connection);
}

void RespServer::resume(std::vector<std::uint64_t>& waiting, bool (Session::*ready)() const) {
  for (const std::uint64_t ticket : std::exchange(waiting, {})) {
    RespConnection* const connection = find(ticket);
    if (connection == nullptr || !(connection->session().*ready)()) continue;
    connection->session().resume();
    touch(*connection);
  }
}

void RespServer::complete(Ticket ticket, std::string_view canonical_reply, Replay replay) {
  RespConnection* const connection = find(ticket.connection);
  if (connection == nullptr) return;
  connection->session().complete(ticket.sequence, canonical_reply, replay);
  touch(*connection);
}

RespConnection* RespServer::find(std::uint64_t ticket_connection) {
  const std::uint32_t index = index_of(ticket_connection);
  if (index >= slots_.size()) return nullptr;
  const Slot& slot = slots_[index];
  if (slot.generation != ticket_connection >> 32 || slot.connection == nullptr ||
      slot.connection->closed()) {
    return nullptr;
  }
  return slot.connection.get();
}

void RespServer::touch(RespConnection& connection) {
  if (connection.touched) return;
  connection.touched = true;
  touched_.push_back(&connection);
}

void RespServer::release(RespConnection& connection) {
  if (connection.touched) return;  // it is in a list: flush() comes back to it
  const std::uint32_t index = index_of(connection.session().ticket_connection());
  HF_ASSERT(slots_[index].connection.get() == &connection);
  slots_[index].connection.reset();
  free_slots_.push_back(index);
  --counters_.connections;
}

void RespServer::count_bytes(std::size_t in, std::size_t out) {
  counters_.bytes_in += in;
  counters_.bytes_out += out;
}

void RespServer::for_each(absl::FunctionRef<void(Session&)> each) {
  for (const Slot& slot : slots_) {
    if (slot.connection == nullptr || slot.connection->closed()) continue;
    if (!slot.connection->session().cut_off()) each(slot.connection->session());
  }
}

void RespServer::kill(Session& session) {
  session.cut("CLIENT KILL");
  if (RespConnection* const connection = find(session.ticket_connection())) touch(*connection);
}

void RespServer::note_cut(const Session& session) {
  if (session.why_cut().empty()) return;  // the peer has gone by itself
  ++counters_.cut_off;
  if (session.is_slow_reader()) ++counters_.evicted_readers;
  if (lines_logged_ == lines_per_second_max) return;
  ++lines_logged_;
  logging::warning("closed connection {} of {}: {} ({} bytes unsent)", session.peer().id,
                   session.peer().address, session.why_cut(), session.unsent_bytes());
}

void RespServer::note_tls_failed(const RespConnection& connection, std::string_view why) {
  tls_failures_.note(connection.session().peer().address, why);
}

void RespServer::schedule_tick() {
  timer_.expires_after(std::chrono::seconds(1));
  timer_.async_wait([this](const error_code& error) {
    if (error) return;
    tick();
    schedule_tick();
  });
}

void RespServer::tick() {
  lines_logged_ = 0;
  tls_failures_.tick();
  if (std::exchange(accept_paused_, false) && acceptor_.is_open()) accept_when_ready();
  for (const Slot& slot : slots_) {
    if (slot.connection == nullptr || slot.connection->closed()) continue;
    slot.connection->tick();
    if (slot.connection->session().cut_off()) touch(*slot.connection);
  }
  cut_largest_readers();
}

// Many readers below the limit of each can hold more than a node has.
void RespServer::cut_largest_readers() {
  std::size_t all = unsent_bytes();
  while (all > options_.output_bytes_max * limits::output_shares_max) {
    Session* largest = nullptr;
    for_each([&](Session& session) {
      if (largest == nullptr || session.unsent_bytes() > largest->unsent_bytes()) {
        largest = &session;
      }
    });
    if (largest == nullptr) return;
    all -= std::min(all, largest->unsent_bytes());
    largest->evict("output limit: all connections together are over it, and this one most");
    touch(*find(largest->ticket_connection()));
  }
}

void RespServer::stop_accepting() {
  error_code ignored;
  acceptor_.close(ignored);
}

void RespServer::stop_reading() {
  for_each([](Session& session) { session.stop(); });
}

std::size_t RespServer::unsent_bytes() const {
  std::size_t bytes = 0;
  for (const Slot& slot : slots_) {
    if (slot.connection == nullptr || slot.connection->closed()) continue;
    if (slot.connection->session().cut_off()) continue;
    bytes += slot.connection->session().unsent_bytes();
  }
  return bytes;
}

void RespServer::close_all() {
  flush();
  for (const Slot& slot : slots_) {
    if (slot.connection != nullptr) slot.connection->close();
  }
  timer_.cancel();
}

void RespServer::abort_all() {
  for_each([this](Session& session) {
    session.cut("what it was told may not last");
    touch(*find(session.ticket_connection()));
  });
}

RespServer::Counters RespServer::counters() const {
  Counters counters = counters_;
  counters.commands = context_.commands_run;
  counters.tls_failed = tls_failures_.count();
  return counters;
}

}  // namespace holdfast::server
