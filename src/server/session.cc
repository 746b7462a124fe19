// SPDX-License-Identifier: Apache-2.0
#include "server/session.h"
#include "server/session_cache.h"

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "command/parse.h"
#include "server/command_facts.h"

namespace holdfast::server {
namespace {

// How long a connection that says nothing keeps the room of large requests.
constexpr int spare_room_seconds = 3;

const Row* session_row(const CommandTable& table, std::string_view name) {
  const Row* const row = table.find(name);
  HF_ASSERT(row != nullptr && row->access == Access::session);
  return row;
}

bool arity_fits(const Row& row, std::size_t arguments) {
  const auto n = static_cast<int>(arguments);
  return row.arity > 0 ? n == row.arity : n >= -row.arity;
}

// A browser made to send a form here, or a service tricked into it, starts so.
// Nothing after it may run as a command.
bool begins_http(std::string_view name) {
  return command::equals_nocase(name, "POST") || command::equals_nocase(name, "HOST:");
}

}  // namespace

SessionContext::SessionContext(const CommandTable& table)
    : commands(table), exec(session_row(table, "EXEC")), watch(session_row(table, "WATCH")) {}

Session::Session(SessionContext& context, Peer peer, std::uint64_t ticket_connection,
                 ReplyReader* reader)
    : context_(context),
      reader_(reader),
      peer_(std::move(peer)),
      ticket_connection_(ticket_connection),
      replies_(reader),
      since_(context.backend->now()),
      last_active_(since_) {
  look_at_services();
}

Session* Clients::find(std::uint64_t client_id) {
  Session* found = nullptr;
  for_each([&](Session& session) {
    if (session.peer().id == client_id) found = &session;
  });
  return found;
}

Session::~Session() {
  end_cache();
  if (!is_subscribed()) return;
  context_.backend->subscriptions().forget(*this);
  context_.backend->subscriptions_changed();
}

// A service may have been dropped, or the first one declared, since this was asked last.
void Session::look_at_services() {
  services_seen_ = context_.backend->services_version();
  if (caller_.value != 0 && context_.backend->service(caller_) == nullptr) caller_ = {};
  must_sign_in_ = caller_.value == 0 && context_.backend->must_sign_in();
  parser_.set_signed_in(!must_sign_in_);
}

void Session::sign_in(ServiceId caller) {
  caller_ = caller;
  look_at_services();
}

void Session::set_certified_name(std::string name) {
  certified_name_ = std::move(name);
  sign_in_as_certified();
}

void Session::sign_in_as_certified() {
  sign_in(certified_name_.empty() ? ServiceId{}
                                  : context_.backend->service_called(certified_name_));
}

bool Session::may_administer() const {
  if (!context_.backend->must_sign_in()) return true;
  const Service* const service = context_.backend->service(caller_);
  return service != nullptr && service->administers;
}

std::span<char> Session::room() {
  if (std::exchange(parsed_, false)) parser_.next();  // it waits, and will be read again: it moves
  if (holds_spare_room()) input_.give_back();
  return input_.room();
}

bool Session::holds_spare_room() const {
  return idle_seconds_ >= spare_room_seconds && input_.has_spare_room();
}

std::size_t Session::glance(std::size_t n, std::span<Ahead> ahead) {
  if (unannounced_in_ > 0 || parsed_ || !input_.unread().empty()) return 0;
  return glance(input_.coming(n), ahead);
}

std::size_t Session::glance(std::string_view input, std::span<Ahead> ahead) {
  const std::size_t met = look_ahead(input, ahead);
  unannounced_in_ = std::max<std::size_t>(met, 1);
  for (Ahead& one : ahead.first(met)) one.caller = caller_;
  return met;
}

void Session::received(std::size_t n) {
  input_.filled(n);
  idle_seconds_ = 0;
  last_active_ = context_.backend->now();
  arrived_at_ = context_.backend->monotonic();
  run_arrived();
}

void Session::run_arrived() {
  if (wait_ != Wait::nothing) return;
  run_input();
  // Of HTTP the conversation counts whole requests.
  if (reader_ == nullptr) arrivals_.took(replies_.next_sequence(), arrived_at_);
}

void Session::end_of_input() {
  input_ended_ = true;
  if (blocked_) return cut({});  // as Redis has it: nothing is to be taken for who has gone
  if (end_ == End::none && wait_ == Wait::nothing) end_ = End::after_replies;
}

bool Session::can_resume() const {
  if (end_ != End::none || stopped_) return false;
  switch (wait_) {
    case Wait::nothing:
    case Wait::node:  // that is not for the session to say
      return false;
    case Wait::quiet:
      return replies_.quiet();
    case Wait::room:
      return replies_.owed() <= limits::pipeline_outstanding_max / 2;
    case Wait::output:
      return unsent_bytes() <= context_.output_bytes_max / 2;
  }
  return false;
}

void Session::resume() {
  HF_ASSERT(can_resume() || waits_for_node());
  wait_ = Wait::nothing;
  run_arrived();
}

void Session::run_input() {
  while (end_ == End::none && !stopped_ && !must_wait()) {
    if (!parsed_ && unannounced_in_ == 0 && !input_.unread().empty()) announce();
    if (!parsed_ && !read_request()) return;
    if (!parsed_) continue;
    skip_ = std::exchange(skip_next_, false);
    if (!run(parser_.args())) {
      skip_next_ = std::exchange(skip_, false);
      return;
    }
    skip_ = false;
    // Of CLIENT CACHING the next command is another.
    if (cache_ != nullptr && !transaction_.open && !last_command_->name.starts_with("CLIENT "))
      cache_->command_ended();
    ++context_.commands_run;
    parsed_ = false;
    --unannounced_in_;
    request_seconds_ = 0;
    input_.consume(parser_.size());
    parser_.next();
  }
}

// Tells the backend of the next few requests. Where it has no use for that, not
// again for a while.
void Session::announce() {
  std::array<Ahead, limits::look_ahead_requests> ahead;
  const std::size_t met = glance(input_.unread(), ahead);
  if (met > 1 && !context_.backend->expect(std::span(ahead).first(met)))
    unannounced_in_ = limits::look_ahead_pause;
}

// False: there is none to read now.
bool Session::read_request() {
  switch (parser_.parse(input_.unread())) {
    case RespParser::Status::request:
      parsed_ = true;
      return true;
    case RespParser::Status::nothing:
      input_.consume(parser_.size());
      parser_.next();
      return true;
    case RespParser::Status::partial:
      if (input_ended_) end_ = End::after_replies;
      return false;
    case RespParser::Status::bad:
      answer({Code::err, "Protocol error: " + parser_.error()});
      end_ = End::after_replies;
      return false;
  }
  return false;
}

bool Session::must_wait() {
  if (unsent_bytes() > context_.output_bytes_max) {
    wait_ = Wait::output;
    return true;
  }
  if (replies_.owed() >= limits::pipeline_outstanding_max) {
    wait_ = Wait::room;
    return true;
  }
  return false;
}

bool Session::wait_for(Wait what) {
  wait_ = what;
  return false;
}

bool Session::run(Args args) {
  const Row* row = context_.commands.find(args[0]);
  const bool plain =
      row != nullptr && (row->access <= Access::write || row->access == Access::wrapper);
  if (!plain || !arity_fits(*row, args.size())) {
    const auto found = look_up(context_.commands, args);
    if (!found) {
      if (reader_ == nullptr && begins_http(args[0])) {
        cut("HTTP was sent to the RESP port");
        return true;
      }
      return refuse(found.error());
    }
    row = *found;
  }
  last_command_ = row;
  context_.backend->tally().called(*row);
  if (services_seen_ != context_.backend->services_version()) look_at_services();
  if (must_sign_in_ && (row->flags & flag_no_auth) == 0) {
    return refuse({Code::no_auth, "Authentication required."});
  }
  if (hears_only() && (row->flags & flag_subscribed) == 0) {
    return refuse({Code::err, "Can't execute '" + command::redis_name(row->name) +
                                  "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET "
                                  "are allowed in this context"});
  }
  return run_found(*row, args);
}

bool Session::run_found(const Row& row, Args args) {
  if (row.access == Access::wrapper) return run_wrapped(row, args);
  if (row.access == Access::session) return run_session(row, args);
  if (transaction_.open) return queue(row, args);
  return forward(row, args, {}, shape_of(row));
}

bool Session::run_wrapped(const Row& wrapper, Args args) {
  auto command = unwrap(context_.commands, wrapper, args);
  if (!command) return refuse(command.error());
  const Row& row = *command->row;
  // Over HTTP the wrappers are headers, which clients send with every request.
  if (reader_ != nullptr && (row.flags & flag_anywhere) != 0)
    return run_session(row, command->args);
  if (Status s = check_wrapping(*command); !s) return refuse(s.error());
  if (&row == context_.exec) return run_exec(command->wrapping);
  if (transaction_.open) {
    return refuse({Code::err, "wrapped commands cannot be queued; wrap EXEC: ONCE <id> EXEC"});
  }
  if (&row == context_.watch) return run_watch(row, command->args, command->wrapping);
  return forward(row, command->args, command->wrapping, shape_of(row));
}

bool Session::run_session(const Row& row, Args args) {
  if (transaction_.open && (row.read != nullptr || (row.flags & flag_no_multi) != 0))
    return queue(row, args);
  if (&row == context_.exec) return run_exec({});
  if (&row == context_.watch) return run_watch(row, args, {});
  if ((row.flags & flag_immediate) == 0 && !replies_.quiet()) return wait_for(Wait::quiet);
  Reply reply(replies_.open());
  row.session(*this, args, reply);
  if (std::exchange(again_, false)) {
    if (waiting_since_ == Monotonic{}) waiting_since_ = context_.backend->monotonic();
    replies_.withdraw();
    return wait_for(Wait::node);
  }
  waiting_since_ = {};
  if (reply.is_error()) {
    context_.backend->tally().failed(row);
    context_.backend->tally().answered_error(reply.written());
  }
  replies_.close(shape_of(row));
  return true;
}

bool Session::run_watch(const Row& row, Args args, const Wrapping& wrapping) {
  if (transaction_.open) return answer({Code::err, "WATCH inside MULTI is not allowed"});
  if (watched_asked_ + args.size() - 1 > limits::watched_keys_max) {
    return answer({Code::err, "too many watched keys"});
  }
  if (watched_ == nullptr) watched_ = std::make_shared<WatchSet>();
  request_.watched = watched_;
  const bool done = forward(row, args, wrapping, shape_of(row));
  request_.watched.reset();
  if (done) watched_asked_ += args.size() - 1;
  return done;
}

bool Session::run_exec(const Wrapping& wrapping) {
  if (!transaction_.open) return answer({Code::err, "EXEC without MULTI"});
  if (transaction_.spoiled) {
    discard_transaction();
    return answer({Code::exec_abort, "Transaction discarded because of previous errors."});
  }
  // The versions that it checks must be there.
  if (watched_ != nullptr && !replies_.quiet()) return wait_for(Wait::quiet);
  request_.transaction = transaction_.commands;
  request_.watched = watched_;
  const std::string_view name = context_.exec->name;
  const bool done = forward(*context_.exec, Args(&name, 1), wrapping, shape_of_exec());
  request_.transaction = {};
  request_.watched.reset();
  if (done) discard_transaction();
  return done;
}

bool Session::queue(const Row& row, Args args) {
  const bool calls = row.access == Access::function;
  const bool is_part =
      row.read != nullptr || row.access == Access::write || row.access == Access::message || calls;
  if (!is_part || (row.flags & flag_no_multi) != 0) {
    return refuse({Code::err, std::string(row.name) + " cannot be part of a transaction"});
  }
  std::size_t bytes = 0;
  for (const std::string_view arg : args) bytes += arg.size() + sizeof(std::string);
  if (transaction_.commands.size() == limits::transaction_commands_max ||
      transaction_.bytes + bytes > limits::request_bytes_max) {
    return refuse({Code::err, "too much in one transaction"});
  }
  // Each of them may be long, and nothing else runs between them.
  transaction_.functions += calls ? 1 : 0;
  if (transaction_.functions > limits::transaction_functions_max)
    return refuse({Code::err, "too many functions and scripts in one transaction"});
  transaction_.bytes += bytes;
  transaction_.commands.push_back({&row, {args.begin(), args.end()}});
  Reply(replies_.open()).simple("QUEUED");
  replies_.close(Shape{.silent = silent()});
  return true;
}

bool Session::refuse(const Error& error) {
  transaction_.spoiled = transaction_.open;
  if (last_command_ != nullptr) context_.backend->tally().refused(*last_command_);
  return answer(error);
}

bool Session::answer(const Error& error) {
  ++context_.commands_refused;
  Reply reply(replies_.open());
  reply.error(error);
  context_.backend->tally().answered_error(reply.written());
  replies_.close(Shape{.silent = silent()});
  return true;
}

bool Session::is_paused(const Row& row) const {
  const Pause& pause = context_.backend->pause();
  if (pause.until == Monotonic{} || context_.backend->monotonic() >= pause.until) return false;
  if (pause.reads) return true;
  if (&row != context_.exec) return changes_state(row);
  return std::ranges::any_of(transaction_.commands,
                             [](const QueuedCommand& c) { return changes_state(*c.row); });
}

void Session::note_write(const Row& row, Path path) {
  if (only_reads(row) || row.access == Access::node) return;
  wrote_strong_ = wrote_strong_ || path == Path::strong;
  wrote_eventual_ = wrote_eventual_ || path == Path::eventual;
}

bool Session::forward(const Row& row, Args args, const Wrapping& wrapping, const Shape& shape) {
  if (is_http() && row.waits.timeout_at != 0) {
    return answer({Code::unsupported, std::string(row.name) +
                                          " waits, which over HTTP nothing does: ask for what is "
                                          "there, or wait over RESP"});
  }
  if (is_paused(row)) return wait_for(Wait::node);
  request_.row = &row;
  request_.args = args;
  request_.caller = caller_;
  request_.from = peer_.address;
  request_.request_id = wrapping.request_id;
  request_.behind = !replies_.quiet();
  request_.read_mode = wrapping.read_mode;
  request_.fresh_within = wrapping.fresh_within;
  request_.after_token = wrapping.after_token;
  request_.waiting_since = waiting_since_;
  request_.wrote_strong = wrote_strong_;
  request_.wrote_eventual = wrote_eventual_;
  const Result<Path> path = context_.backend->route(request_);
  if (path && *path == Path::later) {
    if (waiting_since_ == Monotonic{}) waiting_since_ = context_.backend->monotonic();
    return wait_for(Wait::node);
  }
  waiting_since_ = {};
  if (!path) return answer(path.error());
  if (request_.behind && (*path != path_ || *path == Path::immediate)) {
    return wait_for(Wait::quiet);
  }
  note_write(row, *path);
  Reply now(replies_.open());
  const Ticket ticket{ticket_connection_, replies_.next_sequence()};
  if (cache_ != nullptr) cache_->handing_over(request_);
  if (context_.backend->submit(request_, ticket, *path, now)) {
    if (now.is_error()) {
      context_.backend->tally().failed(row);
      context_.backend->tally().answered_error(now.written());
    }
    replies_.close(shape);
    return true;
  }
  replies_.promise(shape);
  if (cache_ != nullptr) cache_->promised(ticket.sequence);
  if (row.waits.timeout_at != 0) {
    blocked_ = ticket.sequence;
    path_ = Path::immediate;  // what follows waits, too
    return true;
  }
  // What a changed catalog says about the next command, it says only afterwards.
  path_ = (row.flags & flag_write_catalog) != 0 ? Path::immediate : *path;
  return true;
}

Shape Session::shape_of(const Row& row) const {
  return Shape{.silent = silent(), .flat_pairs = (row.flags & flag_flat_pairs) != 0};
}

Shape Session::shape_of_exec() const {
  Shape shape{.silent = silent()};
  const auto is_flat = [](const QueuedCommand& c) { return (c.row->flags & flag_flat_pairs) != 0; };
  if (std::ranges::any_of(transaction_.commands, is_flat)) {
    auto flat = std::make_shared<std::vector<bool>>();
    for (const QueuedCommand& c : transaction_.commands) flat->push_back(is_flat(c));
    shape.flat_elements = std::move(flat);
  }
  return shape;
}

void Session::discard_transaction() {
  transaction_ = {};
  unwatch();
}

Status Session::expect(std::string_view key, std::uint64_t version) {
  if (watched_asked_ == limits::watched_keys_max) return fail(Code::err, "too many watched keys");
  if (watched_ == nullptr) watched_ = std::make_shared<WatchSet>();
  watched_->keys.push_back({std::string(key), version});
  ++watched_asked_;
  return {};
}

void Session::unwatch() {
  watched_.reset();
  watched_asked_ = 0;
}

bool Session::hears(const Audience& audience) {
  if (end_ != End::none) return false;
  if (services_seen_ != context_.backend->services_version()) look_at_services();
  return !must_sign_in_ && (!audience.only || *audience.only == caller_);
}

bool Session::hear(std::string_view push) {
  replies_.push(push);
  context_.clients->touch(*this);
  // Nothing holds back those who publish, so this cannot wait as replies do.
  if (unsent_bytes() <= std::min(context_.output_bytes_max, limits::subscriber_unsent_max))
    return true;
  evict("output limit: the subscriber takes its messages too slowly");
  return false;
}

Status Session::begin_cache(TrackingMode mode, std::uint64_t redirect) {
  const bool is_new = cache_ == nullptr;
  if (is_new) cache_ = std::make_unique<SessionCache>(*this, context_.backend->tracking());
  Status begun = cache_->begin(std::move(mode), redirect);
  if (!begun && is_new) cache_.reset();
  context_.backend->tracking_changed();
  return begun;
}

void Session::end_cache() {
  if (cache_ == nullptr) return;
  cache_.reset();
  context_.backend->tracking_changed();
}

void Session::push_first(std::string_view canonical_push) {
  replies_.push(canonical_push);
  context_.clients->touch_first(*this);
}

void Session::reset() {
  context_.backend->subscriptions().forget(*this);
  context_.backend->subscriptions_changed();
  end_cache();
  discard_transaction();
  reply_mode_ = ReplyMode::on;
  skip_next_ = skip_ = false;
  set_form(Form::resp2);
  set_hears_replays(false);
  labels_.name.clear();
  sign_in_as_certified();
}

void Session::complete(std::uint64_t sequence, std::string_view canonical_reply, Replay replay) {
  if (cache_ != nullptr) cache_->answering(sequence);
  if (blocked_ == sequence) {
    blocked_.reset();
    arrivals_.begin_now(context_.backend->monotonic());
  }
  if (canonical_reply.starts_with('-')) context_.backend->tally().answered_error(canonical_reply);
  replies_.complete(sequence, canonical_reply, replay);
  // Requests stop at the limit, so this much can only come of replies that
  // were under way together.
  if (unsent_bytes() / 2 > context_.output_bytes_max && replies_.owed() > 0) {
    evict("output limit: replies under way were twice as much");
  }
}

void Session::sent(std::size_t taken, std::size_t left) {
  taken_ += taken;
  unsent_ = left;
}

void Session::cut(std::string_view why) {
  end_ = End::at_once;
  why_cut_ = why;
}

void Session::closed() {
  if (blocked_) context_.backend->abandon({ticket_connection_, *std::exchange(blocked_, {})});
}

void Session::evict(std::string_view why) {
  slow_reader_ = true;
  cut(why);
}

void Session::tick() {
  if (end_ == End::at_once) return;
  ++idle_seconds_;
  const bool takes_requests = wants_input() && wait_ == Wait::nothing;
  const std::size_t partial = takes_requests ? input_.unread().size() : 0;
  request_seconds_ = partial == 0 ? 0 : request_seconds_ + 1;
  if (request_seconds_ >= limits::request_seconds_max &&
      partial / limits::request_bytes_per_second_min < static_cast<std::size_t>(request_seconds_)) {
    return cut("a request took too long to arrive");
  }

  const std::size_t unsent = unsent_bytes();
  const std::size_t limit = end_ == End::none ? context_.output_bytes_max : 0;
  if (unsent <= limit) {
    over_limit_seconds_ = 0;
    taken_ = 0;
  } else if (over_limit_seconds_ == 0) {
    over_limit_seconds_ = 1;
    taken_ = 0;  // what filled the kernel's buffers says nothing about the peer
  } else if (++over_limit_seconds_ >= limits::reader_seconds_max) {
    if (taken_ < context_.output_bytes_max / limits::reader_share_min) {
      return evict("output limit: the peer takes its replies too slowly");
    }
    over_limit_seconds_ = 0;
    taken_ = 0;
  }

  if (context_.idle_seconds_max > 0 && idle_seconds_ >= context_.idle_seconds_max &&
      replies_.quiet() && !is_subscribed() && end_ == End::none) {
    cut("idle");
  }
}

Session::Facts Session::facts() const {
  return {.since = since_,
          .last_active = last_active_,
          .last_command = last_command_,
          .input_bytes = input_.unread().size(),
          .input_room = input_.capacity() - input_.unread().size(),
          .input_memory = input_.capacity() + parser_.memory(),
          .queued_bytes = transaction_.bytes,
          .output_bytes = unsent_bytes(),
          .output_memory = replies_.memory(),
          .replies_owed = replies_.owed()};
}

}  // namespace holdfast::server
