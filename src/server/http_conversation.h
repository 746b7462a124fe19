// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <string_view>

#include "server/arrivals.h"
#include "server/conversation.h"
#include "server/http_events.h"
#include "server/http_exchange.h"
#include "server/http_gate.h"
#include "server/http_reader.h"
#include "server/session.h"
#include "server/static_files.h"

namespace holdfast::server {

/// A page that is asked for, and by whom.
struct PageRequest {
  std::string_view path;  // without its query
  std::string_view from;  // HOST:PORT
  ServiceId caller;       // nobody, but where a token was shown
};
using HttpPages = std::function<HttpAnswer(const PageRequest&)>;

/// What all conversations of an HTTP port share.
struct HttpContext {
  HttpContext(const CommandTable& commands, HttpPages shown)
      : sessions(commands), pages(std::move(shown)) {}

  SessionContext sessions;
  HttpPages pages;
  HttpEvents events;
  std::span<const StaticFile> files;                   // the console
  int pages_left = limits::http_pages_per_second_max;  // in this second, of all connections
  bool trusts_network = false;  // whoever reaches the port may be meant by any name
};

/// One HTTP connection's conversation. A request is read and checked to its last byte before
/// anything is done; what it asks goes, as commands, through a session, and so is ordered, bounded
/// and admitted as RESP's are. One that is malformed is answered 400 and ends the connection.
class HttpConversation final : public Conversation, public ReplyReader {
 public:
  HttpConversation(HttpContext& context, Peer peer, std::uint64_t ticket_connection);

  const Peer& peer() const override { return session_.peer(); }
  std::uint64_t ticket_connection() const override { return session_.ticket_connection(); }

  bool wants_input() const override;
  std::span<char> room() override {
    input_.give_back();  // one large request says nothing of the next
    return input_.room();
  }
  void received(std::size_t n) override;
  void end_of_input() override;
  void stop() override;

  bool can_resume() const override;
  bool waits_for_node() const override { return session_.waits_for_node(); }
  void resume() override;

  bool has_output() override { return !output_.empty(); }
  bool has_chunk() const override { return false; }
  std::string take_chunk() override { return {}; }
  std::string& output() override { return output_; }
  void sent(std::size_t taken, std::size_t left) override;
  std::size_t unsent_bytes() const override { return session_.unsent_bytes(); }

  void complete(std::uint64_t sequence, std::string_view canonical_reply, Replay replay) override {
    session_.complete(sequence, canonical_reply, replay);
  }
  bool has_answered() const override { return arrivals_.are_due(given_); }
  void note_answered(Monotonic now, Latencies& into) override { arrivals_.gave(given_, now, into); }
  void tick() override;

  void cut(std::string_view why) override { session_.cut(why); }
  void evict(std::string_view why) override { session_.evict(why); }
  bool finished() const override { return ended_ && exchanges_.empty() && !stream_; }
  bool cut_off() const override { return session_.cut_off(); }
  std::string_view why_cut() const override { return session_.why_cut(); }
  bool is_slow_reader() const override { return session_.is_slow_reader(); }
  void set_certified_name(std::string name) override { certified_name_ = std::move(name); }

  /// What its requests run in.
  Session& session() { return session_; }

  // ReplyReader, for the session.
  void replied(std::string_view canonical, const Shape& shape, Replay replay) override;
  std::size_t held_bytes() const override { return output_.size() + held_; }

 private:
  enum class Wait : std::uint8_t {
    nothing,
    session,   // until it takes the rest of a request's commands
    quiet,     // until nothing is under way: another service asks next
    requests,  // until few enough are
    output,    // until the peer has taken enough
    pages,     // until the next second
  };
  enum class Pace : std::uint8_t { idle, head, body, working, answer };

  /// An answer that goes on: nothing else is answered on the connection any more.
  struct Stream {
    HttpEvents::Seat seat;
    HttpManner manner;
    ServiceId caller;
  };

  void run_input();
  void run_arrived();
  bool feed();
  bool read_request();
  bool look_at_partial();
  bool take(std::string_view bytes);
  bool ask(const Route& route, std::vector<std::string> names, const HttpManner& manner);
  Result<ServiceId> admit();
  bool begin_stream(const HttpManner& manner);
  void go_on_streaming();
  void end_stream();
  bool show_page(const Route& route, const HttpManner& manner);
  Result<ServiceId> who_asks();
  void answer(HttpAnswer ready, const HttpManner& manner);
  void refuse(const HttpAnswer& refusal);
  void emit();
  bool wait_for(Wait what);
  bool over_output_limit() const { return unsent_bytes() > context_.sessions.output_bytes_max; }
  Pace pace() const;

  HttpContext& context_;
  Session session_;
  InputBuffer input_;
  http::Reader reader_;
  http::Request request_;     // the one that is being taken
  EncodedCommands commands_;  // its
  std::size_t fed_ = 0;       // of their bytes
  std::deque<HttpExchange> exchanges_;
  std::optional<Stream> stream_;
  std::uint64_t taken_ = 0;  // exchanges, ever
  std::uint64_t given_ = 0;  // of them, to the output
  Arrivals arrivals_;
  Monotonic arrived_at_;  // when bytes came last
  std::size_t held_ = 0;  // bytes of answers that are not whole, or wait for earlier ones
  std::string output_;
  std::size_t left_ = 0;  // that the peer has not taken, of what was sent
  BearerCheck bearer_;
  std::string certified_name_;
  Wait wait_ = Wait::nothing;
  bool input_ended_ = false;
  bool stopped_ = false;
  bool ended_ = false;              // no request is read any more
  bool answered_ = false;           // a request, once
  bool head_looked_at_ = false;     // of a request whose body is still to come
  bool partial_looked_at_ = false;  // and much of that
  Pace pace_ = Pace::head;
  int seconds_ = 0;  // in it
};

}  // namespace holdfast::server
