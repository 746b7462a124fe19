// SPDX-License-Identifier: Apache-2.0
#include "sim/front.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "server/session.h"

namespace holdfast::sim {
namespace {

class ProcessFront final : public server::Front, public server::Clients {
 public:
  ProcessFront(Network& network, std::shared_ptr<Party> party, const CommandTable& commands,
               Options options, std::function<void()> wake)
      : network_(network),
        party_(std::move(party)),
        options_(std::move(options)),
        context_(commands),
        wake_(std::move(wake)) {
    context_.clients = this;
    context_.output_bytes_max = options_.output_bytes_max;
  }
  ~ProcessFront() override { ProcessFront::stop_accepting(); }

  void set_backend(server::Backend& backend) override { context_.backend = &backend; }
  Status listen(std::string_view address, server::Reach) override {
    address_ = address;
    network_.listen(
        address_, party_,
        [this, alive = std::weak_ptr(alive_)](std::unique_ptr<mesh::ByteStream> stream) {
          if (!alive.expired()) add(std::move(stream));
        });
    return {};
  }
  std::string address() const override { return address_; }
  std::uint16_t port() const override { return 0; }

  void flush() override {
    bool more = false;
    settle_first();
    for (const auto& [number, talk] : std::map(talks_)) {
      settle(talk);
      more =
          more || (!talk->over && (talk->session.can_resume() || talk->session.waits_for_node()));
    }
    if (more) wake_();
  }

  void complete(Ticket ticket, std::string_view reply, Replay replay) override {
    const auto found = talks_.find(ticket.connection);
    if (found != talks_.end()) found->second->session.complete(ticket.sequence, reply, replay);
  }

  void stop_accepting() override {
    if (!address_.empty()) network_.stop_listening(std::exchange(address_, {}));
  }
  void stop_reading() override {
    for (auto& [number, talk] : talks_) talk->session.stop();
  }
  std::size_t unsent_bytes() const override {
    std::size_t bytes = 0;
    for (const auto& [number, talk] : talks_)
      bytes += talk->session.unsent_bytes() + talk->sending.size();
    return bytes;
  }
  void close_all() override {
    flush();
    for (const auto& [number, talk] : std::map(talks_)) close(talk);
  }
  void abort_all() override {
    for (auto& [number, talk] : talks_) talk->session.cut("what it was told may not last");
  }
  std::size_t connections_max() const override { return options_.connections_max; }
  void set_connections_max(std::size_t connections) override {
    options_.connections_max = connections;
  }
  Millis idle_timeout() const override { return options_.idle_timeout; }
  void set_idle_timeout(Millis timeout) override { options_.idle_timeout = timeout; }
  Counters counters() const override { return {}; }

  void for_each(absl::FunctionRef<void(server::Session&)> each) override {
    for (auto& [number, talk] : talks_) each(talk->session);
  }
  void kill(server::Session& session) override { session.cut("CLIENT KILL"); }
  void touch(server::Session&) override {}  // flush() looks at all
  void touch_first(server::Session& session) override {
    first_.push_back(session.ticket_connection());
  }

 private:
  struct Talk {
    Talk(server::SessionContext& context, std::uint64_t number,
         std::unique_ptr<mesh::ByteStream> connected)
        : session(context, {.id = number, .address = "client", .local_address = "node"}, number),
          stream(std::move(connected)) {}
    server::Session session;
    std::unique_ptr<mesh::ByteStream> stream;
    std::string sending;
    bool reading = false;
    bool over = false;
  };
  // Held by talks_ alone, but for a moment: a session must not outlive the backend, which it tells
  // of its end, whatever the network still has for it.
  using Held = std::shared_ptr<Talk>;

  void add(std::unique_ptr<mesh::ByteStream> stream) {
    const std::uint64_t number = ++last_;
    talks_.emplace(number, std::make_shared<Talk>(context_, number, std::move(stream)));
    wake_();
  }

  // Before anybody else is sent anything, or they are cut: as server/socket_server.cc.
  void settle_first() {
    for (const std::uint64_t number : std::exchange(first_, {})) {
      const auto found = talks_.find(number);
      if (found == talks_.end()) continue;
      const Held talk = found->second;
      settle(talk);
      if (!talk->over && talk->session.has_output()) close(talk);
    }
  }

  void settle(const Held& talk) {
    server::Session& session = talk->session;
    if (session.can_resume() || session.waits_for_node()) session.resume();
    if (session.cut_off()) return close(talk);
    if (talk->sending.empty() && session.has_output()) {
      talk->sending =
          session.has_chunk() ? session.take_chunk() : std::exchange(session.output(), {});
      session.sent(talk->sending.size(), 0);
      talk->stream->write(talk->sending,
                          [this, weak = std::weak_ptr(talk)](const Result<std::size_t>& n) {
                            const Held held = weak.lock();
                            if (held == nullptr) return;
                            held->sending.clear();
                            if (!n) held->session.cut({});
                            wake_();
                          });
    }
    if (session.finished() && talk->sending.empty() && !session.has_output()) return close(talk);
    if (talk->reading || !session.wants_input()) return;
    talk->reading = true;
    talk->stream->read(session.room(),
                       [this, weak = std::weak_ptr(talk)](const Result<std::size_t>& n) {
                         const Held held = weak.lock();
                         if (held == nullptr) return;
                         held->reading = false;
                         if (n) {
                           held->session.received(*n);
                         } else {
                           held->session.end_of_input();
                         }
                         wake_();
                       });
  }

  void close(const Held& talk) {
    talk->over = true;
    talk->session.closed();
    talk->stream->close();
    talks_.erase(talk->session.ticket_connection());
  }

  Network& network_;
  std::shared_ptr<Party> party_;
  Options options_;
  server::SessionContext context_;
  std::function<void()> wake_;
  std::string address_;
  std::map<std::uint64_t, Held> talks_;
  std::vector<std::uint64_t> first_;
  std::uint64_t last_ = 0;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace

std::unique_ptr<server::Front> make_process_front(Network& network, std::shared_ptr<Party> party,
                                                  const CommandTable& commands,
                                                  server::Front::Options options,
                                                  std::function<void()> wake) {
  return std::make_unique<ProcessFront>(network, std::move(party), commands, std::move(options),
                                        std::move(wake));
}

}  // namespace holdfast::sim
