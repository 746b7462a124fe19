// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/functional/function_ref.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "command/table.h"
#include "server/arrivals.h"
#include "server/backend.h"
#include "server/conversation.h"
#include "server/input_buffer.h"
#include "server/reply_queue.h"
#include "server/resp_parser.h"
#include "server/subscriptions.h"
#include "server/wrappers.h"

namespace holdfast::server {

class Session;
class SessionCache;

/// The sessions of a server, for the commands that show or end them.
class Clients {
 public:
  virtual ~Clients() = default;
  virtual void for_each(absl::FunctionRef<void(Session&)> each) = 0;
  /// The one of that CLIENT ID; null: there is none. O(sessions).
  Session* find(std::uint64_t client_id);
  /// Closes the session's connection at once.
  virtual void kill(Session& session) = 0;
  /// Has it something to send that it was not asked for.
  virtual void touch(Session& session) = 0;
  /// The same: it is sent before anybody else is sent anything, or the connection is cut.
  virtual void touch_first(Session& session) { touch(session); }
};

/// What all sessions of a server share.
struct SessionContext {
  explicit SessionContext(const CommandTable& table);

  const CommandTable& commands;
  Backend* backend = nullptr;
  Clients* clients = nullptr;
  std::size_t output_bytes_max = limits::output_bytes_max_default;
  int idle_seconds_max = 0;  // of a connection that says nothing; 0: none
  const Row* exec;
  const Row* watch;
  std::uint64_t commands_run = 0;
  std::uint64_t commands_refused = 0;  // of them, before anything was done
};

/// One connection's conversation: bytes in, requests to the backend, replies
/// out, in order. Pure: knows no socket and no clock but the backend's.
class Session final : public Conversation, public Subscriber {
 public:
  /// `ticket_connection` names the session in its tickets. With a `reader` replies go to it,
  /// and there is no output.
  Session(SessionContext& context, Peer peer, std::uint64_t ticket_connection,
          ReplyReader* reader = nullptr);
  ~Session() override;

  // -- For whoever holds the socket.

  bool wants_input() const override {
    if (end_ != End::none || input_ended_ || stopped_) return false;
    // While it waits for something to take, its end must be noticed, though little is read ahead.
    return wait_ == Wait::nothing ||
           (blocked_ && input_.unread().size() < limits::read_buffer_bytes);
  }
  std::span<char> room() override;
  bool holds_spare_room() const override;
  /// The next room() of an empty input is no larger than a new session's.
  void give_back_room() { input_.give_back(); }
  std::size_t glance(std::size_t n, std::span<Ahead> ahead) override;
  void received(std::size_t n) override;
  void end_of_input() override;
  void stop() override { stopped_ = true; }

  bool can_resume() const override;
  bool waits_for_node() const override {
    return wait_ == Wait::node && end_ == End::none && !stopped_;
  }
  void resume() override;

  bool has_output() override { return replies_.has_chunk() || !replies_.output().empty(); }
  bool has_chunk() const override { return replies_.has_chunk(); }
  std::string take_chunk() override { return replies_.take_chunk(); }
  std::string& output() override { return replies_.output(); }
  void sent(std::size_t taken, std::size_t left) override;
  std::size_t unsent_bytes() const override {
    return replies_.bytes() + unsent_ + (reader_ == nullptr ? 0 : reader_->held_bytes());
  }

  void complete(std::uint64_t sequence, std::string_view canonical_reply, Replay replay) override;

  bool has_answered() const override { return arrivals_.are_due(replies_.answered()); }
  void note_answered(Monotonic now, Latencies& into) override {
    arrivals_.gave(replies_.answered(), now, into);
  }

  void tick() override;

  bool finished() const override { return end_ == End::after_replies && replies_.quiet(); }
  bool cut_off() const override { return end_ == End::at_once; }
  std::string_view why_cut() const override { return why_cut_; }
  bool is_slow_reader() const override { return slow_reader_; }

  // -- For the commands about the connection.

  SessionContext& context() { return context_; }
  /// Whether it runs what HTTP requests come to.
  bool is_http() const { return reader_ != nullptr; }
  std::uint64_t ticket_connection() const override { return ticket_connection_; }
  const Peer& peer() const override { return peer_; }
  Form form() const { return replies_.form(); }
  void set_form(Form form) { replies_.set_form(form); }
  /// Whether replayed replies carry a RESP3 attribute that says so. Only for
  /// who asks: ioredis 6 speaks RESP3 and cannot read an attribute.
  void set_hears_replays(bool hears) { replies_.set_marks_replays(hears); }

  /// Closes when everything asked so far is answered.
  void finish() { end_ = End::after_replies; }
  void cut(std::string_view why) override;
  void closed() override;
  void evict(std::string_view why) override;
  /// Whether no reply is owed.
  bool quiet() const { return replies_.quiet(); }

  // -- Publish and subscribe. There is none over HTTP.
  bool hears(const Audience& audience) override;
  bool hear(std::string_view push) override;
  // -- A cache that the client keeps
  /// null: it is not told of changes.
  SessionCache* cache() const { return cache_.get(); }
  Status begin_cache(TrackingMode mode, std::uint64_t redirect);
  void end_cache();
  /// Called by a row that cannot run yet: it runs again every turn.
  void run_again() { again_ = true; }
  /// Since when it has. 0: it has not.
  Monotonic waiting_since() const { return waiting_since_; }
  /// Sends what nobody may be answered before.
  void push_first(std::string_view canonical_push);
  void push_behind(std::uint64_t sequence, std::string_view canonical_push) {
    replies_.push_behind(sequence, canonical_push);
  }

  /// Sends what answers no request.
  void push(std::string_view canonical_push) { replies_.push(canonical_push); }
  /// Whether its protocol leaves it little to ask while it is subscribed: RESP2's answers and
  /// messages look alike.
  bool hears_only() const { return is_subscribed() && replies_.form() == Form::resp2; }

  enum class ReplyMode : std::uint8_t { on, off };
  void set_reply_mode(ReplyMode mode) { reply_mode_ = mode; }
  void skip_next_reply() { skip_next_ = true; }

  /// Of a command that waits for something to take: its ticket.
  std::optional<Ticket> blocked() const {
    if (!blocked_) return std::nullopt;
    return Ticket{ticket_connection_, *blocked_};
  }

  bool in_transaction() const { return transaction_.open; }
  void begin_transaction() { transaction_.open = true; }
  void discard_transaction();
  void unwatch();
  /// The next EXEC runs only if the key's version is this.
  Status expect(std::string_view key, std::uint64_t version);
  std::size_t queued_commands() const { return transaction_.commands.size(); }
  std::size_t watched_keys() const { return watched_asked_; }

  /// Who has signed in; nobody where nobody must.
  ServiceId caller() const { return caller_; }
  void sign_in(ServiceId caller);
  bool may_administer() const;

  /// Signs in who is called so, now and at each RESET, not as later services may be called.
  void set_certified_name(std::string name) override;
  void sign_in_as_certified();

  /// RESET: as a new connection.
  void reset();

  struct Labels {
    std::string name;  // CLIENT SETNAME
    std::string library_name;
    std::string library_version;
  };
  Labels& labels() { return labels_; }
  const Labels& labels() const { return labels_; }

  struct Facts {
    Instant since;
    Instant last_active;
    const Row* last_command;  // may be nullptr
    std::size_t input_bytes, input_room, input_memory;
    std::size_t queued_bytes;
    std::size_t output_bytes, output_memory, replies_owed;
  };
  Facts facts() const;

 private:
  enum class End : std::uint8_t { none, after_replies, at_once };
  enum class Wait : std::uint8_t {
    nothing,
    quiet,   // until no reply is owed
    room,    // until few enough are
    output,  // until the peer has taken enough
    node,    // until it is ready for the request (Path::later)
  };

  struct Transaction {
    bool open = false;
    bool spoiled = false;  // a command could not be queued
    std::vector<QueuedCommand> commands;
    std::size_t bytes = 0;
    std::size_t functions = 0;  // among the commands, scripts too
  };

  void run_input();
  void run_arrived();
  void announce();
  std::size_t glance(std::string_view input, std::span<Ahead> ahead);
  bool read_request();
  bool must_wait();
  // These answer true when the request is dealt with, false when it must wait.
  bool wait_for(Wait what);
  bool run(Args args);
  bool run_found(const Row& row, Args args);
  bool run_wrapped(const Row& wrapper, Args args);
  bool run_session(const Row& row, Args args);
  bool run_exec(const Wrapping& wrapping);
  bool run_watch(const Row& row, Args args, const Wrapping& wrapping);
  bool queue(const Row& row, Args args);
  bool refuse(const Error& error);
  bool answer(const Error& error);
  bool forward(const Row& row, Args args, const Wrapping& wrapping, const Shape& shape);

  void look_at_services();
  bool is_paused(const Row& row) const;
  void note_write(const Row& row, Path path);
  bool silent() const { return reply_mode_ == ReplyMode::off || skip_; }
  Shape shape_of(const Row& row) const;
  Shape shape_of_exec() const;

  SessionContext& context_;
  ReplyReader* const reader_;
  Peer peer_;
  const std::uint64_t ticket_connection_;

  InputBuffer input_;
  RespParser parser_;
  ReplyQueue replies_;
  Request request_;                 // one for all requests: filling it anew would cost each of them
  std::size_t unannounced_in_ = 0;  // requests until the next are to be announced
  bool parsed_ = false;             // the parser holds a request that has not run
  bool input_ended_ = false;
  bool stopped_ = false;
  bool skip_next_ = false;
  bool skip_ = false;   // the running command's reply
  bool again_ = false;  // the running command is to be run again
  ReplyMode reply_mode_ = ReplyMode::on;
  End end_ = End::none;
  Wait wait_ = Wait::nothing;
  Monotonic waiting_since_;               // Wait::node; 0: it is not
  std::optional<std::uint64_t> blocked_;  // the request that waits for something to take
  Path path_ = Path::immediate;           // of what is under way; immediate: nothing may join it
  bool wrote_strong_ = false;
  bool wrote_eventual_ = false;
  std::string_view why_cut_;

  Transaction transaction_;
  std::shared_ptr<WatchSet> watched_;
  std::unique_ptr<SessionCache> cache_;
  std::size_t watched_asked_ = 0;

  std::size_t unsent_ = 0;
  std::size_t taken_ = 0;  // bytes the peer took since over the limit, in this span
  int over_limit_seconds_ = 0;
  int request_seconds_ = 0;  // since the first byte of a request that is not whole
  int idle_seconds_ = 0;
  bool slow_reader_ = false;

  std::string certified_name_;
  ServiceId caller_;
  bool must_sign_in_ = false;
  std::uint64_t services_seen_ = 0;  // the version that the two go by

  Arrivals arrivals_;
  Monotonic arrived_at_;  // when bytes came last

  Labels labels_;
  Instant since_;
  Instant last_active_;
  const Row* last_command_ = nullptr;
};

}  // namespace holdfast::server
