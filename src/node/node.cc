// SPDX-License-Identifier: Apache-2.0
#include "node/node.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <csignal>
#include <random>

#include "base/assert.h"
#include "base/logging.h"
#include "catalog/declarations.h"
#include "eventual/origin_entry.h"
#include "node/command_table.h"
#include "node/diverged.h"
#include "node/origin_identity.h"
#include "node/pages.h"
#include "node/peer_checkpoint.h"
#include "node/register_settings.h"
#include "node/shared_log.h"

namespace holdfast::node {
namespace {

using Clock = std::chrono::steady_clock;

// What is not on every member's disk cannot be folded: it is kept in memory, and
// costs most where it no longer fits the caches.
constexpr Millis mesh_sync_interval{50};
// What the sockets give is taken for so long before a turn ends: a peer that sends
// without end, as one does to who was away, must not keep others from their replies.
constexpr Millis turn_max{3};
constexpr Millis tick_interval{100};
constexpr std::size_t expire_keys_per_tick = 20'000;
constexpr int tidy_rounds_per_tick = 64;
constexpr std::uint64_t checkpoint_share_of_memory = 8;
constexpr std::uint64_t samples_in_limit = 64;
// How long a stopping node waits for replies that are under way, beyond the
// time in which each of them is answered anyway.
constexpr Millis drain_grace{1'000};
// etcd takes an entry of one operation for about the price of one of a hundred.
constexpr std::size_t small_shared_appends_max = 1;
constexpr std::chrono::microseconds shared_gather_max{1'500};
// How long a starting node waits for an engine it cannot reach.
constexpr Millis engine_patience{5'000};
// How long for another node with its id to be gone: an earlier one of its own,
// on another machine, is for as long as etcd keeps its lease.
constexpr Millis id_patience{15'000};
// How often all peers are asked for their data, of which one has said that it has some.
constexpr int base_tries = 20;
// What a checkpoint of nodes without an engine has for the strong log's place.
constexpr std::string_view no_place = "none";

Instant wall_clock() {
  return std::chrono::time_point_cast<Millis>(std::chrono::system_clock::now());
}

std::uint64_t random_number() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

}  // namespace

Node::Node(const Options& options) : options_(options) {}

Node::~Node() = default;

Result<std::unique_ptr<Node>> Node::open(const Options& options, Restart why) {
  while (true) {
    std::unique_ptr<Node> node(new Node(options));
    if (Status s = node->open_data(); !s) return tl::unexpected(s.error());
    if (Status s = node->follow_strong_log(); !s) return tl::unexpected(s.error());
    bool load = node->log_->health().state == LogHealth::State::behind || node->needs_base();
    if (load) {
      if (Status s = node->peers_->load_checkpoint(!node->has_replica_); !s)
        return tl::unexpected(s.error());
    } else if (why == Restart::catch_up || (why == Restart::load_base && !node->has_replica_)) {
      // If none gives one after all, it serves what it can.
      load = node->peers_->load_checkpoint(true, base_tries).has_value();
    }
    why = Restart::none;
    if (!load) {
      if (Status s = node->recover(); !s) return tl::unexpected(s.error());
      if (Status s = node->listen(); !s) return tl::unexpected(s.error());
      return node;
    }
    node.reset();  // closes the table whose place is taken
    if (Status s = TableFolders(options.data).adopt_incoming(); !s)
      return tl::unexpected(s.error());
  }
}

Status Node::open_data() {
  auto engine = parse_engine(options_.engine, options_.peers);
  if (!engine) return tl::unexpected(engine.error());
  engine_ = std::move(*engine);
  if (options_.node.empty() || options_.node.starts_with('@'))
    return fail(Code::err, "--node: an id is not empty and does not begin with '@'");
  auto credentials = load_credentials(options_);
  if (!credentials) return tl::unexpected(credentials.error());
  credentials_ = std::move(*credentials);
  FileSystem& files = posix_file_system();
  if (Status s = files.make_directory(options_.data); !s) return s;
  auto lock = DirectoryLock::acquire(options_.data);
  if (!lock) return tl::unexpected(lock.error());
  lock_ = std::move(*lock);
  if (Status s = refuse_diverged(options_.data); !s) return s;
  const TableFolders folders(options_.data);
  if (Status s = folders.settle(); !s) return s;

  commands_ = make_command_table();
  auto store = open_rocks_store(folders.table);
  if (!store) return tl::unexpected(store.error());
  store_ = std::move(*store);
  keyspaces_ = std::make_unique<KeyspaceStates>(catalog_, *store_, options_.ids_memory_bytes,
                                                random_number());
  if (!engine_.strong()) keyspaces_->use_declarations();
  return open_logs();
}

Status Node::open_logs() {
  FileSystem& files = posix_file_system();
  const auto log_options = [this](const char* name) {
    return DiskLogOptions{.directory = options_.data + "/" + name,
                          .sync_interval = options_.sync_interval,
                          .wake = [this] { wake(); }};
  };
  if (engine_.shared()) {
    auto shared = open_shared_log(options_, engine_, [this] { wake(); });
    if (!shared) return tl::unexpected(shared.error());
    etcd_ = std::move(shared->api);
    etcd_log_ = shared->log.get();
    log_ = std::move(shared->log);
  } else {
    auto log = open_embedded_log(files, log_options("log"));
    if (!log) return tl::unexpected(log.error());
    log_ = std::move(*log);
  }
  auto origin_options = log_options("origin");
  if (engine_.clustered())
    origin_options.sync_interval = std::min(origin_options.sync_interval, mesh_sync_interval);
  auto origin_log = DiskLog::open(files, std::move(origin_options));
  if (!origin_log) return tl::unexpected(origin_log.error());
  origin_log_ = std::move(*origin_log);
  return {};
}

// From the last checkpoint on. The strong log is first: it says which keyspaces
// there are.
Status Node::follow_strong_log() {
  const auto incarnation =
      settle_origin(posix_file_system(), options_.data + "/identity", options_.node,
                    {.closed_cleanly = origin_log_->closed_cleanly(),
                     .tail_was_cut = origin_log_->tail_was_cut()},
                    kernel_boot_id(), random_number());
  if (!incarnation) return tl::unexpected(incarnation.error());

  machine_ = std::make_unique<strong::Machine>(*commands_, *keyspaces_);
  replica_ = std::make_unique<eventual::Replica>(
      *commands_, *keyspaces_, *store_, eventual::Replica::Options{.self = incarnation->origin});
  keyspaces_->set_on_dropped([this](KeyspaceId id) { replica_->drop(id); });
  Checkpointer::Parts parts{*store_,   catalog_, *keyspaces_, *machine_,
                            *replica_, *log_,    *origin_log_};
  if (engine_.shared()) {
    parts.on_durable = [this](Position position, std::uint64_t log_bytes) {
      membership_->on_durable(position, log_bytes);
    };
  }
  if (engine_.clustered())
    parts.on_origin_durable = [this](Position position, const eventual::VersionVector& merged) {
      mesh_->on_checkpoint(position, merged);
    };
  if (!engine_.strong()) parts.log_place = no_place;
  parts.has_replica = [this] { return has_replica_; };
  checkpointer_ = std::make_unique<Checkpointer>(std::move(parts), [this] { wake(); });
  const auto loaded = checkpointer_->load();
  if (!loaded) return tl::unexpected(loaded.error());
  if (machine_->applied() != Position{} && loaded->log_place.empty() == engine_.shared()) {
    return fail(Code::err, fmt::format("the strong keyspaces in {} follow another engine's log "
                                       "than {}",
                                       options_.data, options_.engine));
  }
  if (loaded->replica && (loaded->log_place == no_place) == engine_.strong()) return another_kind();
  origin_position_ = loaded->origin_position;
  has_replica_ = !engine_.clustered() || loaded->replica || origin_log_->last() != Position{};
  make_sequencer();
  if (engine_.clustered()) {
    mesh_ = std::make_unique<MeshSide>(io_, posix_file_system(), options_, credentials_,
                                       *incarnation, *replica_, *origin_log_);
    if (Status s = mesh_->load(); !s) return s;
    if (engine_.shared()) mesh_->follow(keyspaces_->members());
    make_peers();
  }
  keyspaces_->set_node([this] { return facts(); },
                       [this] {
                         if (membership_) membership_->on_changed();
                         if (mesh_) mesh_->follow(keyspaces_->members());
                       });
  if (Status s = sequencer_->start(engine_.strong() ? loaded->log_place : std::string()); !s)
    return s;
  if (engine_.shared()) return catch_up();
  return !engine_.strong() && machine_->applied() != Position{} ? another_kind() : Status();
}

Status Node::another_kind() const {
  return fail(Code::err, fmt::format("the data in {} are of a node {} --peers: they cannot be used "
                                     "{} it",
                                     options_.data, engine_.strong() ? "with" : "without",
                                     engine_.strong() ? "without" : "with"));
}

Status Node::recover() {
  const auto began = Clock::now();
  if (Status s = replay_origin_log(origin_position_); !s)
    return !engine_.clustered() && s.error().code == Code::unavailable ? another_kind() : s;
  if (keyspaces_->met_unknown() && !engine_.shared()) return another_kind();
  if (keyspaces_->met_unknown() && log_->health().state != LogHealth::State::ok) {
    return fail(Code::unavailable,
                "this node has written to eventual keyspaces that it must first hear of from the "
                "strong log: " +
                    log_->health().reason);
  }
  eventual_ = std::make_unique<EventualSide>(
      *replica_, *origin_log_, *replies_,
      EventualSide::Options{.request_timeout = options_.request_timeout,
                            .on_broken = [this] { resp_->abort_all(); }});
  if (mesh_) {
    mesh_->start();
    if (!engine_.shared()) begin_with_data(has_replica_ || options_.bootstrap);
    keyspaces_->set_on_merged([this](std::string_view entry) { eventual_->append_merged(entry); });
  }
  requests_ = std::make_unique<Requests>(Requests::Parts{
      *this, catalog_, *keyspaces_, *sequencer_, *eventual_, *commands_, options_.request_timeout});
  requests_->refresh_time();
  // From now on it knows what time is too far ahead: before any peer can tell one.
  replica_->tidy(requests_->now());
  follow_declarations();

  const std::uint64_t limit = options_.memory_limit_bytes != 0 ? options_.memory_limit_bytes
                                                               : machine_memory_bytes() / 4 * 3;
  memory_.set_limit(limit);
  memory_.sample(keyspaces_->memory_bytes());
  for (KeyspaceState* state : keyspaces_->with_undeclared()) {
    const auto enough = [this, checked = 0]() mutable {
      if (++checked % 1024 == 0) memory_.sample(keyspaces_->memory_bytes());
      return memory_.excess() > 0;
    };
    if (Status s = state->table.warm(enough); !s) return s;
    if (Status s = state->ids.warm(enough); !s) return s;
  }
  next_checkpoint_ = Clock::now() + options_.checkpoint_interval;
  started_at_ = wall_clock();
  const auto took = std::chrono::duration_cast<Millis>(Clock::now() - began);
  logging::info("recovered in {} ms: strong log at {}, origin log at {}", took.count(),
                machine_->applied().value, origin_log_->last().value);
  return {};
}

void Node::make_peers() {
  if (engine_.shared()) {
    membership_ = std::make_unique<Membership>(self(), keyspaces_->members(), *machine_, *log_,
                                               [this](const MemberOperation& operation, auto done) {
                                                 append_own(operation, std::move(done));
                                               });
    membership_->on_durable(machine_->applied(), machine_->log_bytes());
  }
  peers_ = std::make_unique<Peers>(Peers::Parts{.io = io_,
                                                .options = options_,
                                                .credentials = credentials_,
                                                .store = *store_,
                                                .mesh = *mesh_,
                                                .checkpointer = *checkpointer_,
                                                .api = etcd_,
                                                .membership = membership_.get()});
}

Member Node::self() const {
  return {.id = options_.node, .resp = options_.resp, .http = options_.http, .mesh = options_.mesh};
}

Status Node::replay_origin_log(Position after) {
  if (origin_log_->last() < after) {
    // The checkpoint outlived entries that had not been synced: nothing is
    // missing, but positions go on behind it.
    if (Status s = origin_log_->start_after(after); !s) return s;
  }
  return origin_log_->replay(after, [this](Position position, std::string_view payload) -> Status {
    const auto entry = eventual::EntryReader::open(payload);
    if (!entry) {
      return fail(Code::corrupt, "origin log, entry " + std::to_string(position.value) + ": " +
                                     entry.error().message);
    }
    return replica_->receive(entry->origin(), payload);
  });
}

void Node::make_sequencer() {
  resp_ = std::make_unique<server::RespServer>(
      io_, *commands_,
      server::RespServer::Options{.connections_max = options_.connections_max,
                                  .output_bytes_max = options_.output_bytes_max,
                                  .idle_timeout = options_.idle_timeout});
  replies_ = std::make_unique<Replies>(*resp_);
  sequencer_ = std::make_unique<strong::Sequencer>(
      *log_, *machine_, *replies_,
      strong::Sequencer::Options{
          .incarnation = random_number(),
          .small_appends_in_flight_max =
              engine_.shared() ? small_shared_appends_max : std::size_t{8},
          .gather_max = engine_.shared() ? shared_gather_max : std::chrono::microseconds(0),
          .request_timeout = options_.request_timeout});
}

// Until what was acknowledged before now is applied here and the id is this
// node's, or the engine turns out to be out of reach: then eventual keyspaces and
// LOCAL reads are served.
Status Node::catch_up() {
  const auto began = Clock::now();
  const auto give_up = began + engine_patience;
  std::optional<Result<Position>> end;
  bool asked = false;
  while (true) {
    io_.run_one_for(Millis(10));
    io_.restart();
    sequencer_->turn(wall_clock(), Clock::now());
    peers_->step();
    const LogHealth health = log_->health();
    if (health.state == LogHealth::State::behind) return {};
    if (health.state == LogHealth::State::refused)
      return fail(Code::err, "the strong log: " + health.reason);
    if (health.state == LogHealth::State::cut_off) {
      if (Clock::now() < give_up) continue;
      logging::warning("serving without the strong log for now: {}", health.reason);
      return {};
    }
    if (!std::exchange(asked, true)) {
      log_->end(options_.request_timeout, [&end](Result<Position> answer) { end = answer; });
    }
    if (end && !end->has_value()) {
      end.reset();
      asked = false;
    }
    if (!end || machine_->applied() < **end) continue;
    if (!peers_->id_is_held()) {
      const auto other = peers_->other_with_id();
      if (Clock::now() < began + (other ? id_patience : engine_patience)) continue;
      if (other) return fail(Code::err, id_is_taken(*other));
    }
    logging::info("caught up with the strong log at position {}", machine_->applied().value);
    return {};
  }
}

// A node without data in a cluster that has eventual ones cannot write to them:
// what the others have settled is not what it has seen.
bool Node::needs_base() {
  if (has_replica_ || log_->health().state != LogHealth::State::ok) return false;
  const auto& members = keyspaces_->members().all();
  const bool others = members.size() > (members.contains(options_.node) ? 1U : 0U);
  const auto all = keyspaces_->all();
  return others && std::ranges::any_of(all, [](const KeyspaceState* state) {
           return state->guarantee == Guarantee::eventual;
         });
}

void Node::begin_with_data(bool has) {
  has_replica_ = has;
  mesh_->set_has_data(has);
}

// Without an engine there is nobody to ask whether there are data but the peers, and
// all of them: what those have settled whom this node cannot reach it has not seen.
void Node::settle_among_peers() {
  switch (mesh_->mesh().found()) {
    case mesh::Mesh::Found::data:
      logging::info("a peer has data: starting again, to load them");
      wants_restart_ = Restart::load_base;
      stopping_ = true;
      return;
    case mesh::Mesh::Found::none:
      logging::info("no peer has data: beginning with none, together");
      return begin_with_data(true);
    case mesh::Mesh::Found::unknown: {
      std::vector<std::string> silent;
      for (const auto& peer : mesh_->mesh().peers()) {
        if (peer.node.empty()) silent.push_back(peer.address);
      }
      std::string why = fmt::format(
          "this node is new, and has to hear first whether there are data: of {} (or --bootstrap)",
          fmt::join(silent, ", "));
      if (!silent.empty() && why != waiting_for_) {
        waiting_for_ = std::move(why);
        logging::info("{}", waiting_for_);
      }
      return;
    }
  }
}

// Once it has joined, everyone who hears of an eventual keyspace that is made
// later has heard of this node before.
void Node::settle_replica() {
  if (!engine_.shared()) return settle_among_peers();
  if (!membership_->joined()) return;
  if (needs_base()) {
    logging::info("joined a cluster with eventual keyspaces: starting again, to load them");
    wants_restart_ = Restart::again;
    stopping_ = true;
    return;
  }
  has_replica_ = true;
}

Status Node::eventual_ready() const {
  if (has_replica_) return {};
  return fail(Code::unavailable, !waiting_for_.empty()
                                     ? waiting_for_
                                     : "this node is new here, and has yet to join the cluster");
}

std::string Node::id_is_taken(std::string_view by) const {
  return fmt::format(
      "the id '{}' is another node's, which runs: {}. Each node needs an id of its own"
      " (--node), and a data folder that is no copy of another's",
      options_.node, by);
}

void Node::append_own(const MemberOperation& operation,
                      std::function<void(std::string_view)> done) {
  const auto args = operation.args();
  const strong::EntryBuilder::Part part{operation.row, args};
  const Ticket ticket = replies_->own(std::move(done));
  const Status taken = sequencer_->write({.keyspace = {},
                                          .caller = {},
                                          .request_id = {},
                                          .calls = std::span(&part, 1),
                                          .durability = Durability::always},
                                         ticket, requests_->monotonic());
  if (taken) return;
  std::string text;
  Reply(text).error(taken.error());
  replies_->complete(ticket, text, Replay::none);
}

NodeFacts Node::facts() const {
  return {.id = options_.node,
          .engine = engine_.strong() ? options_.engine : std::string("none"),
          .applied = machine_->applied(),
          .state = not_ready().value_or("ok"),
          .behind = behind()};
}

// Ends the run where this node cannot go on as it is.
Status Node::watch_cluster() {
  if (log_->health().state == LogHealth::State::behind) {
    logging::warning("{}: starting again, to load a peer's checkpoint", log_->health().reason);
    wants_restart_ = Restart::again;
    stopping_ = true;
  } else if (mesh_->needs_checkpoint(requests_->monotonic())) {
    logging::warning(
        "a peer's log no longer has all that this node has missed: starting again, "
        "to load a checkpoint");
    wants_restart_ = Restart::catch_up;
    stopping_ = true;
  } else if (!membership_ && mesh_->is_removed()) {
    stopping_ = true;
    logging::warning("NODE REMOVE has taken this node out of the cluster: stopping");
  } else if (const auto* stop =
                 membership_ && membership_->stop() ? &*membership_->stop() : nullptr) {
    stopping_ = true;
    if (stop->diverged) {
      mark_diverged(options_.data, stop->why);
      return fail(Code::corrupt, stop->why);
    }
    logging::warning("{}: stopping", stop->why);
  } else if (const auto& lost = eventual_->lost_merged()) {
    stopping_ = true;
    return tl::unexpected(*lost);
  } else if (const auto other = peers_->other_with_id()) {
    stopping_ = true;
    return fail(Code::err, id_is_taken(*other));
  }
  return {};
}

Status Node::listen() {
  register_settings(*this);
  resp_->set_backend(*requests_);
  const auto reach = options_.trust_network ? server::Reach::anywhere : server::Reach::loopback;
  if (Status s = resp_->listen(options_.resp, reach); !s) return s;
  if (peers_) {
    if (Status s = peers_->listen(); !s) return s;
  }
  http_ = std::make_unique<server::HttpServer>(
      io_, [this](std::string_view path) { return answer_page(*this, path); });
  if (Status s = http_->listen(options_.http, reach); !s) return s;
  logging::info("serving RESP on {} and HTTP on {}, data in {}", resp_->address(), http_->address(),
                options_.data);
  return {};
}

void Node::wake() {
  // Many wakes before the loop gets to it are one.
  if (woken_.exchange(true)) return;
  boost::asio::post(io_, [this] { woken_ = false; });
}

void Node::stop() {
  boost::asio::post(io_, [this] { stopping_ = true; });
}

void Node::schedule_tick() {
  tick_.expires_after(tick_interval);
  tick_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    tick_due_ = true;
    schedule_tick();
  });
}

Status Node::run() {
  signals_.add(SIGTERM);
  signals_.add(SIGINT);
  signals_.async_wait([this](const boost::system::error_code& error, int number) {
    if (error) return;
    logging::info("signal {}: stopping", number);
    stopping_ = true;
  });
  schedule_tick();
  while (!stopping_) {
    io_.run_one();
    const auto until = Clock::now() + turn_max;
    while (io_.poll_one() > 0 && Clock::now() < until) {
    }
    requests_->end_of_turn();
    resp_->flush();
  }
  Status closed = close();
  return ended_ ? closed : ended_;
}

void Node::turn() {
  if (membership_) membership_->turn(requests_->monotonic());
  sequencer_->turn(requests_->now(), requests_->monotonic());
  if (const auto at = sequencer_->wanted_at()) {
    gather_.expires_at(*at);
    gather_.async_wait([](const boost::system::error_code&) {});  // a turn follows
  }
  eventual_->turn(requests_->monotonic());
  follow_declarations();
  if (mesh_) {
    if (!has_replica_) settle_replica();
    mesh_->turn(requests_->now(), requests_->monotonic());
  }
  if (checkpointer_->step()) wake();
  // Between ticks a fast writer adds tens of megabytes.
  if (log_bytes() - log_bytes_at_sample_ > memory_.limit() / samples_in_limit) watch_memory();
  if (std::exchange(tick_due_, false)) housekeeping();
  requests_->forget_time();
}

void Node::housekeeping() {
  requests_->refresh_time();
  std::size_t left = expire_keys_per_tick;
  const Instant strong_now = machine_->time();
  for (KeyspaceState* state : keyspaces_->all()) {
    if (state->guarantee == Guarantee::strong) {
      // What is past by the log's own time is gone for every entry to come, so
      // erasing it needs no entry of its own.
      left -= state->table.expire(strong_now, left, [](std::string_view) {});
    }
  }
  for (int round = 0; round < tidy_rounds_per_tick; ++round) {
    if (!replica_->tidy(requests_->now())) break;
  }

  watch_memory();
  if (peers_ && !stopping_) {
    peers_->tick();
    ended_ = watch_cluster();
  }
  request_checkpoint_if_due();
  if (checkpointer_->step()) wake();
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
    // Only what a checkpoint holds can be let go of.
    if (to_evict > 0 && !checkpointer_->running() && !checkpointer_->last_failed()) {
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
  resp_->stop_accepting();
  http_->stop_accepting();
  if (peers_) peers_->stop();
  if (mesh_) mesh_->stop();
  resp_->stop_reading();
  const auto give_up = Clock::now() + options_.request_timeout + drain_grace;
  while ((!sequencer_->idle() || !eventual_->idle() || resp_->unsent_bytes() > 0) &&
         Clock::now() < give_up) {
    io_.run_one_for(Millis(10));
    requests_->refresh_time();
    requests_->end_of_turn();
    resp_->flush();
  }
  resp_->close_all();
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
  deferred_ = false;
  request.row->node(*this, request.caller, request.args, reply);
  running_.reset();
  return !deferred_;
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
  declarations::follow(keyspaces_->declarations().table, eventual_time(), catalog_, *keyspaces_);
  keyspaces_->take_declarations_changed();  // reading them is no change
}

void Node::follow_mesh() {
  Members& members = keyspaces_->members();
  if (members.find(options_.node) == nullptr) {
    if (Status s = members.join(self(), requests_->now()); !s)
      logging::warning("{}", s.error().message);
  }
  mesh_->tell(members, requests_->now(), requests_->monotonic());
  mesh_->follow(members);
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

void Node::flush_all(Ticket ticket, const Row& row) {
  std::vector<KeyspaceState*> strong;
  std::vector<KeyspaceState*> eventual;
  for (KeyspaceState* state : keyspaces_->all()) {
    if (state->guarantee == Guarantee::eventual) eventual.push_back(state);
    if (state->guarantee == Guarantee::strong && has_strong()) strong.push_back(state);
  }
  Replies::Split split = replies_->split(ticket, strong.size() + eventual.size(), "+OK\r\n");
  std::string text;
  const std::string_view name = row.name;
  for (KeyspaceState* state : strong) {
    const strong::EntryBuilder::Part part{&row, Args(&name, 1)};
    const Status taken = sequencer_->write({.keyspace = state->id,
                                            .caller = {},
                                            .request_id = {},
                                            .calls = std::span(&part, 1),
                                            .durability = state->durable.durability},
                                           split.next(), requests_->monotonic());
    if (taken) continue;
    text.clear();
    Reply(text).error(taken.error());
    replies_->complete(split.next(), text, Replay::none);
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
