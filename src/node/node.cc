// SPDX-License-Identifier: Apache-2.0
#include "node/node.h"

#include <algorithm>

#include "base/assert.h"
#include "base/logging.h"
#include "catalog/declarations.h"
#include "node/cache_side.h"
#include "node/pages.h"
#include "node/register_settings.h"

namespace holdfast::node {
namespace {

constexpr Millis tick_interval{100};
constexpr std::size_t expire_keys_per_tick = 20'000;
// Each takes a fraction of a millisecond: nobody waits for more, and who was away and
// catches up has most of the time.
constexpr int tidy_rounds_per_turn = 2;
constexpr std::uint64_t checkpoint_share_of_memory = 8;
constexpr std::uint64_t samples_in_limit = 64;
// About what a checkpoint has in memory for a row of something unstable.
constexpr std::uint64_t unstable_row_bytes = 128;
// How long a stopping node waits for replies that are under way, beyond the
// time in which each of them is answered anyway.
constexpr Millis drain_grace{1'000};

}  // namespace

Node::Node(const Options& options, std::unique_ptr<Environment> environment)
    : options_(options), environment_(std::move(environment)) {}

Node::~Node() = default;

Status Node::listen() {
  register_settings(*this);
  fronts_->set_backend(*requests_);
  const bool anywhere = options_.trust_network || requests_->must_sign_in();
  const auto reach = anywhere ? server::Reach::anywhere : server::Reach::loopback;
  if (Status s = front().listen(options_.resp, reach); !s) return s;
  if (peers_) {
    if (Status s = peers_->listen(); !s) return s;
  }
  server::Front* const http = fronts_->http();
  if (http == nullptr) return {};
  if (Status s = http->listen(options_.http, reach); !s) return s;
  logging::info("serving RESP on {} and HTTP on {}{}, data in {}", front().address(),
                http->address(), credentials_.clients == nullptr ? "" : ", both over TLS",
                options_.data);
  return {};
}

void Node::stop() {
  stopping_ = true;
  environment_->wake();
}

Status Node::run() {
  environment_->on_stop([this] { stopping_ = true; });
  environment_->on_renew([this] { renew(credentials_); });
  tick_at_ = environment_->now() + tick_interval;
  while (!stopping_) {
    requests_->forget_time();  // a flush may have asked
    const Monotonic gather_until = sequencer_->wanted_at().value_or(Monotonic::max());
    eventual_->gather_merged();
    environment_->wait(
        std::min({tick_at_, gather_until, send_at_, drive_at_, waits_until_, waits_.next_at()}));
    if (const Monotonic now = environment_->now(); now >= tick_at_) {
      tick_at_ = now + tick_interval;
      tick_due_ = true;
    }
    answer();
  }
  Status closed = close();
  return ended_ ? closed : ended_;
}

// What a turn comes to: caches hear of changes before anybody is told that they were made.
void Node::answer() {
  requests_->end_of_turn();
  tracking().tell();
  fronts_->flush();
  if (caches_) caches_->flushed(machine_->applied());
}

void Node::turn() {
  const Monotonic began = requests_->monotonic();
  for (const auto& [ticket, reply] : std::exchange(late_, {}))
    replies_->complete(ticket, reply, Replay::none);
  if (membership_) membership_->turn(requests_->monotonic());
  // Before what could find such a key and clear it away.
  if (key_events_->kinds() != key_events::none)
    key_events_->tell_expired(strong_time(), eventual_time());
  turn_log();
  if (caches_) caches_->turn(machine_->applied(), requests_->monotonic());
  drive_workflows();
  inquiries_.turn(requests_->monotonic());
  waits_.turn(requests_->monotonic(), *replies_);
  eventual_->turn(requests_->monotonic());
  messages_->release(origin_log_->synced(), origin_log_->lost());
  follow_declarations();
  send_at_ = Monotonic::max();
  if (mesh_ && !eventual_->has_unlogged()) {
    // Who stops hears nobody any more: that nobody is heard to have data says nothing then.
    if (!has_replica_ && !stopping_) settle_replica();
    mesh_->turn(requests_->now(), requests_->monotonic());
    send_at_ = mesh_->wanted_at();
  }
  watch_->turn_ended(began);
  if (checkpointer_->step()) environment_->wake();
  // Between ticks a fast writer adds tens of megabytes.
  if (log_bytes() - log_bytes_at_sample_ > memory_.limit() / samples_in_limit) watch_memory();
  if (std::exchange(tick_due_, false)) housekeeping();
  tidy();
  requests_->forget_time();
}

void Node::tidy() {
  for (int round = 0; tidying_ && round < tidy_rounds_per_turn; ++round)
    tidying_ = replica_->tidy(requests_->now());
  if (tidying_) environment_->wake();  // the rest in the next
}

// What was pushed in this turn goes to those who wait for it in the same one.
void Node::turn_log() {
  constexpr int rounds_max = 16;
  sequencer_->turn(requests_->now(), requests_->monotonic());
  int rounds = 0;
  while (waiting_->pops.turn(requests_->monotonic())) {
    if (++rounds > rounds_max) {
      environment_->wake();  // the rest in the next
      break;
    }
    sequencer_->turn(requests_->now(), requests_->monotonic());
  }
  waits_until_ = waiting_->pops.wanted_at().value_or(Monotonic::max());
}

void Node::drive_workflows() {
  if (!workflows_ || stopping_) return;
  if (workflows_->turn()) environment_->wake();
  drive_at_ = workflows_->wanted_at().value_or(Monotonic::max());
}

void Node::housekeeping() {
  requests_->refresh_time();
  tracked_.expire(*keyspaces_, strong_time(), eventual_time());
  std::size_t left = expire_keys_per_tick;
  const Instant strong_now = machine_->time();
  for (KeyspaceState* state : keyspaces_->with_undeclared()) {
    if (state->guarantee == Guarantee::strong && active_expire_) {
      // What is past by the log's own time is gone for every entry to come, so
      // erasing it needs no entry of its own.
      left -= state->table.expire(strong_now, left, [](std::string_view) {});
    }
  }
  tidying_ = true;
  waiting_->look_at_engine();
  if (!waits_.empty()) {
    const auto open = fronts_->connections();
    waits_.forget([&open](Ticket ticket) { return !open.contains(ticket.connection); });
  }
  watch_memory();
  if (peers_ && !stopping_) {
    peers_->tick();
    keep_begun();
    ended_ = watch_cluster();
  }
  request_checkpoint_if_due();
  if (checkpointer_->step()) environment_->wake();
}

// What a start would have to replay, but for the difference to the last checkpoint.
std::uint64_t Node::log_bytes() const {
  return strong_log_bytes() + origin_log_->bytes_appended();
}

std::uint64_t Node::strong_log_bytes() const {
  return engine_.shared() ? machine_->log_bytes() : log_->bytes_appended();
}

void Node::watch_memory() {
  memory_.sample(keyspaces_->memory_bytes());
  log_bytes_at_sample_ = log_bytes();
  if (std::uint64_t to_evict = memory_.excess(); to_evict > 0) {
    for (KeyspaceState* state : keyspaces_->with_undeclared()) {
      if (to_evict == 0) break;
      to_evict -= std::min<std::uint64_t>(to_evict, state->table.evict(to_evict));
    }
    // Only what a checkpoint holds can be let go of; another adds only what was written
    // since.
    const bool adds = !log_bytes_at_eviction_ ||
                      log_bytes() - *log_bytes_at_eviction_ > memory_.limit() / samples_in_limit;
    if (to_evict > 0 && adds && !checkpointer_->running() && !checkpointer_->last_failed()) {
      log_bytes_at_eviction_ = log_bytes();
      checkpointer_->request();
    }
    memory_.sample(keyspaces_->memory_bytes());
    if (memory_.worth_releasing()) {
      release_unused_memory();
      memory_.sample(keyspaces_->memory_bytes());
    }
  }
  requests_->set_over_memory(memory_.over());
}

void Node::request_checkpoint_if_due() {
  if (checkpointer_->running()) return;
  const Monotonic now = requests_->monotonic();
  const std::uint64_t log_bytes = this->log_bytes();
  // A checkpoint takes memory for what changed: under a low limit it comes
  // sooner, so that the limit has room for it.
  const std::uint64_t due_after =
      std::min(options_.checkpoint_log_bytes, memory_.limit() / checkpoint_share_of_memory);
  bool wanted = log_bytes - log_bytes_at_checkpoint_ >= due_after;
  // (After one that failed all is to be written again: no reason to try that the sooner.)
  if (!checkpointer_->last_failed() && replica_->rows_to_write() * unstable_row_bytes >= due_after)
    wanted = true;
  // What the engine keeps of a shared log grows until all have made it durable.
  const std::uint64_t strong_log_bytes = this->strong_log_bytes();
  if (engine_.shared() &&
      strong_log_bytes - strong_log_bytes_at_checkpoint_ >= limits::checkpoint_shared_log_bytes)
    wanted = true;
  for (KeyspaceState* state : keyspaces_->with_undeclared())
    wanted = wanted || state->ids.wants_checkpoint();
  if (next_checkpoint_ <= now && log_bytes != log_bytes_at_checkpoint_) wanted = true;
  if (!wanted) return;
  // After a failed one (a full disk) not at once again.
  if (checkpointer_->last_failed() && next_checkpoint_ > now &&
      next_checkpoint_ - now > options_.checkpoint_interval - Millis(5'000)) {
    return;
  }
  log_bytes_at_checkpoint_ = log_bytes;
  strong_log_bytes_at_checkpoint_ = strong_log_bytes;
  next_checkpoint_ = now + options_.checkpoint_interval;
  checkpointer_->request();
}

Status Node::close() {
  fronts_->stop_accepting();
  if (caches_) {
    caches_->stop();
    fronts_->flush();
    caches_->turn(machine_->applied(), requests_->monotonic());
  }
  if (peers_) peers_->stop();
  if (mesh_ && !eventual_->has_unlogged()) mesh_->mesh().send_rest();
  if (mesh_) mesh_->stop();
  inquiries_.give_up("this node is stopping");
  waiting_->pops.stop({Code::unavailable, "this node is stopping"});
  waits_.turn(Monotonic::max(), *replies_);
  fronts_->stop_reading();
  const auto give_up = environment_->now() + options_.request_timeout + drain_grace;
  while ((!sequencer_->idle() || (caches_ && !caches_->idle()) || !eventual_->idle() ||
          fronts_->unsent_bytes() > 0) &&
         environment_->now() < give_up) {
    environment_->wait(environment_->now() + Millis(10));
    requests_->refresh_time();
    answer();
  }
  fronts_->close_all();
  Status checkpoint = checkpointer_->finish();
  log_->close();
  Status closed = origin_log_->close();
  if (!checkpoint) return checkpoint;
  if (!closed) return closed;
  logging::info("stopped: everything acknowledged is on disk");
  return {};
}

bool Node::run(const server::Request& request, Ticket ticket, Reply& reply) {
  running_ = ticket;
  running_request_ = &request;
  deferred_ = false;
  request.row->node(*this, request.caller, request.args, reply);
  running_.reset();
  running_request_ = nullptr;
  return !deferred_;
}

Status Node::checkpoint_for(std::function<void(Node&, Reply&)> then) {
  checkpointer_->request();
  // One that is under way began before what is asked for was.
  const std::uint64_t due =
      checkpointer_->counters().completed + (checkpointer_->running() ? 2 : 1);
  const std::uint64_t failed = checkpointer_->counters().failed;
  const auto attempt = [this, due, failed, then = std::move(then)](bool over, Reply& reply) {
    const Checkpointer::Counters& now = checkpointer_->counters();
    if (now.completed >= due) {
      then(*this, reply);
    } else if (over || now.failed != failed) {
      reply.error({Code::err, "the checkpoint could not be completed"});
    } else {
      return false;
    }
    return true;
  };
  return wait(std::nullopt, attempt);
}

Status Node::wait(std::optional<Millis> time, Waits::Try attempt) {
  const Monotonic until = time ? requests_->monotonic() + *time : Monotonic::max();
  if (Status added = waits_.add(*running_, until, std::move(attempt)); !added) return added;
  defer();
  return {};
}

Ticket Node::defer() {
  HF_ASSERT(running_.has_value());
  deferred_ = true;
  return *running_;
}

bool Node::has_seen(const Token& token) {
  follow_declarations();  // they are a part of it
  return token.strong <= machine_->applied() && replica_->merged().includes(token.eventual);
}

void Node::follow_declarations() {
  if (engine_.strong() || !keyspaces_->take_declarations_changed()) return;
  Table& table = keyspaces_->declarations().table;
  declarations::follow(table, eventual_time(), catalog_, *keyspaces_);
  declarations::follow_libraries(table, eventual_time(), catalog_, keyspaces_->libraries());
  keyspaces_->take_declarations_changed();  // reading them is no change
}

void Node::follow_mesh() {
  Members& members = keyspaces_->members();
  if (members.find(options_.node) == nullptr) {
    if (Status s = members.join(self(), requests_->now()); !s)
      logging::warning("{}", s.error().message);
  }
  mesh_->tell(members, requests_->now(), requests_->monotonic());
  mesh_->follow(members, false);
}

std::vector<NodeFacts::Behind> Node::behind() const {
  return mesh_ ? mesh_->behind(requests_->monotonic()) : std::vector<NodeFacts::Behind>();
}

Token Node::token() const {
  return {machine_->applied(), replica_->merged()};
}

Instant Node::eventual_time() const {
  return std::max(requests_->now(), replica_->clock().wall());
}

void Node::clear_eventual(KeyspaceState& state) {
  flush_eventual(state, Ticket{}, *commands_->find("FLUSHALL"));
}

std::optional<std::string> Node::not_ready() const {
  if (stopping_) return "stopping";
  if (Status s = sequencer_->writable(); !s) return "strong keyspaces: " + s.error().message;
  if (Status s = eventual_ready(); !s) return "eventual keyspaces: " + s.error().message;
  if (Status s = eventual_->writable(); !s) return "eventual keyspaces: " + s.error().message;
  return std::nullopt;
}

void Node::flush_all(Ticket ticket, const Row& row, ServiceId caller) {
  std::vector<KeyspaceState*> strong;
  std::vector<KeyspaceState*> eventual;
  for (KeyspaceState* state : keyspaces_->all()) {
    if (!keyspaces_->may_use(*catalog_.find(state->id), caller)) continue;
    if (state->guarantee == Guarantee::eventual) eventual.push_back(state);
    if (state->guarantee == Guarantee::strong && has_strong()) strong.push_back(state);
  }
  Replies::Split split = replies_->split(ticket, strong.size() + eventual.size(), "+OK\r\n");
  std::string text;
  const std::string_view name = row.name;
  for (KeyspaceState* state : strong) {
    const strong::EntryBuilder::Part part{&row, Args(&name, 1)};
    const Status taken = sequencer_->write({.keyspace = state->id,
                                            .caller = caller,
                                            .request_id = {},
                                            .calls = std::span(&part, 1),
                                            .durability = state->durable.durability},
                                           split.next(), requests_->monotonic());
    if (taken) continue;
    text.clear();
    Reply(text).error(taken.error());
    late_.emplace_back(split.next(), text);
  }
  for (KeyspaceState* state : eventual) flush_eventual(*state, split.next(), row);
}

void Node::flush_eventual(KeyspaceState& state, Ticket ticket, const Row& row) {
  // Removes what this replica has seen, in operations of a bounded size.
  constexpr std::size_t keys_per_operation = 1'024;
  std::vector<std::string> keys;
  state.table.for_each(eventual_time(),
                       [&](std::string_view key, const Value&) { keys.emplace_back(key); });
  std::vector<std::string_view> args;
  std::string text;
  for (std::size_t at = 0; at == 0 || at < keys.size(); at += keys_per_operation) {
    const std::size_t end = std::min(keys.size(), at + keys_per_operation);
    const bool last = end == keys.size();
    args.assign({row.name});
    args.insert(args.end(), keys.begin() + static_cast<std::ptrdiff_t>(at),
                keys.begin() + static_cast<std::ptrdiff_t>(end));
    const eventual::Replica::Call call{&row, args};
    text.clear();
    Reply reply(text);
    // Only the last operation's reply counts; the disk has the others by then.
    const Ticket nobody{};
    const bool now = eventual_->write(
        {.keyspace = state.id, .caller = {}, .request_id = {}, .calls = std::span(&call, 1)},
        state.durable, last ? ticket : nobody, requests_->now(), requests_->monotonic(), reply);
    if (now && (last || reply.is_error())) {
      replies_->complete(ticket, text, Replay::none);
      return;
    }
    eventual_->append_open();
  }
}

}  // namespace holdfast::node
