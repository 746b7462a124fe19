// SPDX-License-Identifier: Apache-2.0
// How a node opens its data, finds its place and recovers.
#include <algorithm>

#include "base/logging.h"
#include "base/spilling_memory.h"
#include "eventual/origin_entry.h"
#include "log/embedded_log.h"
#include "log/small_file.h"
#include "node/background_disposal.h"
#include "node/cache_side.h"
#include "node/command_table.h"
#include "node/diverged.h"
#include "node/node.h"
#include "node/origin_identity.h"
#include "node/pages.h"
#include "node/peer_checkpoint.h"

namespace holdfast::node {
namespace {

// What is not on every member's disk cannot be folded: it is kept in memory, and
// costs most where it no longer fits the caches.
constexpr Millis mesh_sync_interval{50};
// etcd takes an entry of one operation for about the price of one of a hundred.
constexpr std::size_t small_shared_appends_max = 1;
constexpr std::chrono::microseconds shared_gather_max{3'000};
// How long a starting node waits for an engine it cannot reach.
constexpr Millis engine_patience{5'000};
// How long for another node with its id to be gone: an earlier one of its own,
// on another machine, is for as long as etcd keeps its lease.
constexpr Millis id_patience{15'000};
// How often all peers are asked for their data, of which one has said that it has some.
constexpr int base_tries = 20;
// What a checkpoint of nodes without an engine has for the strong log's place.
constexpr std::string_view no_place = "none";

}  // namespace

Result<std::unique_ptr<Node>> Node::open(const Options& options,
                                         const MakeEnvironment& make_environment, Restart why) {
  while (true) {
    std::unique_ptr<Node> node(new Node(options, make_environment()));
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
      if (Status s = node->find_out_who_runs(); !s) return tl::unexpected(s.error());
      if (Status s = node->make_administrator(); !s) return tl::unexpected(s.error());
      if (Status s = node->listen(); !s) return tl::unexpected(s.error());
      return node;
    }
    node.reset();  // closes the table whose place is taken
    if (Status s = make_environment()->adopt_incoming(options.data); !s)
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
  if (Status s = environment_->files().make_directory(options_.data); !s) return s;
  auto lock = environment_->lock(options_.data);
  if (!lock) return tl::unexpected(lock.error());
  lock_ = std::move(*lock);
  if (Status s = refuse_diverged(environment_->files(), options_.data); !s) return s;
  if (Status s = environment_->settle_tables(options_.data); !s) return s;

  // Alone it keeps nothing for others. Where nothing can spill there is memory: no reason not to
  // serve.
  if (engine_.clustered() && environment_->has_process()) {
    count_own_files();
    if (Status s = spill_into(options_.data, options_.unstable_memory_bytes); !s)
      logging::warning("{}: what other nodes lack is kept in memory", s.error().message);
  }
  commands_ = make_command_table();
  auto store = environment_->open_store(TableFolders(options_.data).table);
  if (!store) return tl::unexpected(store.error());
  store_ = std::move(*store);
  if (environment_->has_process()) disposal_ = std::make_unique<BackgroundDisposal>();
  keyspaces_ = std::make_unique<KeyspaceStates>(catalog_, *store_, disposal_.get(),
                                                options_.ids_memory_bytes, environment_->random());
  if (!engine_.strong()) keyspaces_->use_declarations();
  audit_ = std::make_unique<Audit>(environment_->open_lines(options_.data + "/audit.log"));
  keyspaces_->set_on_catalog([this](const Row& row, Args args, ServiceId caller,
                                    std::string_view reply) {
    audit_->applied(environment_->wall(), machine_->applied(), name_of(caller), row, args, reply);
  });
  auto begun_under = begin_origin(environment_->files(), options_.data + "/identity");
  if (!begun_under) return tl::unexpected(begun_under.error());
  begun_under_ = std::move(*begun_under);
  return open_logs();
}

Status Node::open_logs() {
  const auto open = [this](const char* name,
                           Millis sync_interval) -> Result<std::unique_ptr<DiskLog>> {
    const std::string directory = options_.data + "/" + name;
    auto log =
        DiskLog::open(environment_->files(), {.directory = directory,
                                              .segment_bytes = options_.segment_bytes,
                                              .segment_bytes_first = options_.segment_bytes_first,
                                              .sync_interval = sync_interval,
                                              .wake = [this] { environment_->wake(); },
                                              .own_threads = environment_->has_process(),
                                              .log_id = environment_->random()});
    if (!log) return log;
    return environment_->adopt(std::move(*log), directory);
  };
  if (engine_.shared()) {
    auto api = environment_->connect_etcd(options_, engine_);
    if (!api) return tl::unexpected(api.error());
    etcd_ = std::move(*api);
    auto log = etcd::make_etcd_log(etcd_, {.cluster = options_.cluster,
                                           .request_timeout = options_.request_timeout,
                                           .random = [this] { return environment_->random(); }});
    etcd_log_ = log.get();
    log_ = std::move(log);
  } else {
    auto log = open("log", options_.sync_interval);
    if (!log) return tl::unexpected(log.error());
    log_ = make_embedded_log(std::move(*log));
  }
  auto origin_log =
      open("origin", engine_.clustered() ? std::min(options_.sync_interval, mesh_sync_interval)
                                         : options_.sync_interval);
  if (!origin_log) return tl::unexpected(origin_log.error());
  origin_log_ = std::move(*origin_log);
  return {};
}

// From the last checkpoint on. The strong log is first: it says which keyspaces
// there are.
Status Node::follow_strong_log() {
  const auto incarnation =
      settle_origin(environment_->files(), options_.data + "/identity", options_.node,
                    {.closed_cleanly = origin_log_->closed_cleanly(),
                     .tail_was_cut = origin_log_->tail_was_cut()},
                    environment_->boot_id(), environment_->random(), begun_under_);
  if (!incarnation) return tl::unexpected(incarnation.error());

  machine_ = std::make_unique<strong::Machine>(*commands_, *keyspaces_);
  replica_ = std::make_unique<eventual::Replica>(
      *commands_, *keyspaces_, *store_, eventual::Replica::Options{.self = incarnation->origin});
  keyspaces_->set_on_dropped([this](KeyspaceId id) { replica_->drop(id); });
  Checkpointer::Parts parts{*environment_, *store_,   catalog_, *keyspaces_,
                            *machine_,     *replica_, *log_,    *origin_log_};
  if (engine_.shared()) {
    parts.on_durable = [this](Position position, std::uint64_t log_bytes) {
      membership_->on_durable(position, log_bytes);
    };
  }
  if (engine_.clustered())
    parts.on_origin_durable = [this](Position position, const eventual::VersionVector& merged) {
      mesh_->on_checkpoint(position, merged);
    };
  if (engine_.clustered())
    parts.log_is_whole = [this] { return !origin_log_->lost() && !eventual_->has_unlogged(); };
  if (!engine_.strong()) parts.log_place = no_place;
  parts.has_replica = [this] { return has_replica_; };
  checkpointer_ = std::make_unique<Checkpointer>(std::move(parts));
  keyspaces_->members().set_log_retained_bytes(options_.log_retained_bytes);
  const auto loaded = checkpointer_->load();
  if (!loaded) return tl::unexpected(loaded.error());
  if (machine_->applied() != Position{} && loaded->log_place.empty() == engine_.shared()) {
    return fail(Code::err, fmt::format("the strong keyspaces in {} follow another engine's log "
                                       "than {}",
                                       options_.data, options_.engine));
  }
  if (loaded->replica && (loaded->log_place == no_place) == engine_.strong()) return another_kind();
  origin_position_ = loaded->origin_position;
  const auto begun = read_small_file(environment_->files(), begun_file());
  if (!begun) return tl::unexpected(begun.error());
  has_replica_ = !engine_.clustered() || loaded->replica || !begun->empty() ||
                 origin_log_->last() != Position{};
  make_sequencer();
  if (engine_.clustered()) {
    mesh_ = std::make_unique<MeshSide>(*environment_, options_, credentials_, *incarnation,
                                       *replica_, *origin_log_);
    if (Status s = mesh_->load(has_replica_); !s) return s;
    if (engine_.shared()) mesh_->follow(keyspaces_->members(), false);
    make_peers();
  }
  keyspaces_->set_node([this] { return facts(); },
                       [this] {
                         if (membership_) membership_->on_changed();
                         if (mesh_)
                           mesh_->follow(keyspaces_->members(),
                                         membership_ && membership_->joined());
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
  const auto began = environment_->now();
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
                            .on_broken = [this] { fronts_->abort_all(); }});
  if (mesh_) {
    mesh_->start();
    const bool bootstrap = !engine_.shared() && options_.bootstrap;
    if (!has_replica_ && bootstrap)
      logging::warning("beginning without having heard whether others have data (--bootstrap)");
    begin_with_data(has_replica_ || bootstrap);
    keyspaces_->set_on_merged([this](std::string_view entry) { eventual_->append_merged(entry); });
    answer_questions();
    mesh_->mesh().set_told([this](const std::string& node, Position position) {
      if (caches_) caches_->told(node, position);
    });
    mesh_->mesh().set_heard([this](const Message& message) { messages_->heard(message); });
  }
  requests_ = std::make_unique<Requests>(
      Requests::Parts{*this, *environment_, catalog_, *keyspaces_, *sequencer_, *eventual_,
                      *waiting_, *commands_, *watch_, options_.request_timeout});
  requests_->refresh_time();
  // From now on it knows what time is too far ahead: before any peer can tell one.
  replica_->tidy(requests_->now());
  follow_declarations();

  const std::uint64_t limit = options_.memory_limit_bytes != 0 ? options_.memory_limit_bytes
                                                               : machine_memory_bytes() / 4 * 3;
  memory_.set_limit(limit);
  memory_.set_counts_process(environment_->has_process());
  memory_.sample(keyspaces_->memory_bytes());
  for (KeyspaceState* state : keyspaces_->with_undeclared()) {
    const auto enough = [this, checked = 0]() mutable {
      if (++checked % 1024 == 0) memory_.sample(keyspaces_->memory_bytes());
      return memory_.excess() > 0;
    };
    if (Status s = state->table.warm(enough); !s) return s;
    if (Status s = state->ids.warm(enough); !s) return s;
  }
  if (engine_.strong()) workflows_ = std::make_unique<NodeWorkflows>(*this);
  next_checkpoint_ = environment_->now() + options_.checkpoint_interval;
  started_at_ = environment_->wall();
  const auto took = std::chrono::duration_cast<Millis>(environment_->now() - began);
  logging::info("recovered in {} ms: strong log at {}, origin log at {}", took.count(),
                machine_->applied().value, origin_log_->last().value);
  return {};
}

Status Node::find_out_who_runs() {
  if (engine_.strong()) return {};
  const auto taken = mesh_->find_out_who_runs([this] {
    environment_->wait(environment_->now() + Millis(10));
    requests_->refresh_time();
    mesh_->turn(requests_->now(), requests_->monotonic());
  });
  if (taken) return fail(Code::err, id_is_taken(fmt::format("so says '{}'", *taken)));
  return mesh_->is_rolled_back() ? rolled_back() : Status();
}

void Node::make_peers() {
  if (engine_.shared()) {
    membership_ =
        std::make_unique<Membership>(self(), keyspaces_->members(), *machine_, *log_,
                                     [this](const CatalogOperation& operation, auto done) {
                                       append_own(operation, std::move(done));
                                     });
    membership_->on_durable(machine_->applied(), machine_->log_bytes());
  }
  peers_ = std::make_unique<Peers>(Peers::Parts{.environment = *environment_,
                                                .options = options_,
                                                .credentials = credentials_,
                                                .store = *store_,
                                                .mesh = *mesh_,
                                                .checkpointer = *checkpointer_,
                                                .api = etcd_,
                                                .membership = membership_.get()});
}

Member Node::self() const {
  return {.id = options_.node,
          .resp = options_.resp,
          .http = options_.http,
          .mesh = options_.mesh_advertise.empty() ? options_.mesh : options_.mesh_advertise,
          .folder = origin_log_->id()};
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
  const server::Front::Options front{.connections_max = options_.connections_max,
                                     .output_bytes_max = options_.output_bytes_max,
                                     .idle_timeout = options_.idle_timeout,
                                     .last_id = std::make_shared<std::uint64_t>(0),
                                     .tls = credentials_.clients};
  const auto pages = [this](const server::PageRequest& page) { return answer_page(*this, page); };
  fronts_ = std::make_unique<Fronts>(
      environment_->make_front(*commands_, front),
      environment_->make_http(
          *commands_, front,
          {.pages = pages,
           .state = [this](ServiceId caller) { return live_state_->json(caller); },
           .files = console_files,
           .trusts_network = options_.trust_network}));
  make_watch();
  replies_ = std::make_unique<Replies>(*fronts_);
  replies_->set_watch(*watch_);
  if (engine_.shared()) make_caches();
  sequencer_ = std::make_unique<strong::Sequencer>(
      *log_, *machine_, *replies_,
      strong::Sequencer::Options{
          .incarnation = environment_->random(),
          .small_appends_in_flight_max =
              engine_.shared() ? small_shared_appends_max : std::size_t{8},
          .gather_max = engine_.shared() ? shared_gather_max : std::chrono::microseconds(0),
          .request_timeout = options_.request_timeout,
          .applied = caches_ ? &caches_->acknowledging() : nullptr,
          .on_writer = [this](std::uint64_t id) { tracked_.tracking().set_writer(id); }});
  waiting_ = std::make_unique<WaitingSide>(*sequencer_, *keyspaces_, *replies_,
                                           [this] { return requests_->monotonic(); });
  replies_->set_waiting(waiting_->pops);
}

void Node::make_caches() {
  caches_ = std::make_unique<CacheSide>(
      CacheSide::Parts{.node = options_.node,
                       .keepers = keyspaces_->members().caches(),
                       .tracking = tracked_.tracking(),
                       .replies = *replies_,
                       .append = [this](const CatalogOperation& operation,
                                        auto done) { append_own(operation, std::move(done)); },
                       .confirm = [this](auto done) { confirm(std::move(done)); },
                       .is_connected = [this] { return !mesh_->wants_addresses(); },
                       .tell = [this](Position position) { mesh_->mesh().tell(position); }});
}

void Node::make_watch() {
  live_state_ = std::make_unique<LiveState>(*this);
  const auto wall = [this] { return requests_->now(); };
  const auto clock = [this] { return environment_->now(); };
  watch_ = std::make_unique<CommandWatch>(
      clock, wall, [this](Ticket ticket) { return fronts_->client_of(ticket); });
  make_messages();
  watch_->set_keyspace_of([this](const Row& row, Args args) -> std::string {
    if (row.access == Access::function && (row.flags & flag_script) == 0)
      return std::string(function::parse_name(args[1]).keyspace);
    std::string name;
    for_each_key(row, args, [&](std::string_view key) {
      if (name.empty()) name = catalog_.of_key(key).name;
    });
    return name;
  });
  watch_->slow().set_slower_than(options_.slow_log_slower_than);
  watch_->slow().set_max_len(options_.slow_log_max_len);
  keyspaces_->set_watch(watch_.get());
}

void Node::make_messages() {
  messages_ = std::make_unique<Messages>(Messages::Parts{
      .audience =
          [this](std::string_view channel) {
            return keyspaces_->audience_of(keyspaces_->keyspace_of_channel(channel));
          },
      .send =
          [this](const Message& message) {
            if (mesh_) mesh_->mesh().publish(message);
          }});
  key_events_ = std::make_unique<KeyEventTeller>(*messages_, catalog_, *keyspaces_);
  keyspaces_->set_key_events([this] { return key_events_->sink(); });
  keyspaces_->set_cached_keys([this](KeyspaceId id) { return cached_keys_of(id); });
  keyspaces_->set_on_message([this](const Message& message) { messages_->tell(message); });
}

std::uint64_t Node::cached_keys_of(KeyspaceId id) const {
  const server::Tracking& tracking = tracked_.tracking();
  if (id != Catalog::default_id) return tracking.keys_of(catalog_.find(id)->name);
  std::uint64_t others = 0;
  for (const Keyspace* const keyspace : catalog_.all())
    if (keyspace->id != id) others += tracking.keys_of(keyspace->name);
  return tracking.keys() - others;
}

// Until what was acknowledged before now is applied here and the id is this
// node's, or the engine turns out to be out of reach: then eventual keyspaces and
// LOCAL reads are served.
Status Node::catch_up() {
  const auto began = environment_->now();
  const auto give_up = began + engine_patience;
  // Shared with the question: it may be answered when nobody waits here any more.
  const auto end = std::make_shared<std::optional<Result<Position>>>();
  bool asked = false;
  while (true) {
    environment_->wait(environment_->now() + Millis(10));
    sequencer_->turn(environment_->wall(), environment_->now());
    peers_->step();
    const LogHealth health = log_->health();
    if (health.state == LogHealth::State::behind) return {};
    if (health.state == LogHealth::State::refused)
      return fail(Code::err, "the strong log: " + health.reason);
    if (health.state == LogHealth::State::cut_off) {
      if (environment_->now() < give_up) continue;
      logging::warning("serving without the strong log for now: {}", health.reason);
      return {};
    }
    if (!std::exchange(asked, true)) {
      log_->end(options_.request_timeout, [end](Result<Position> answer) { *end = answer; });
    }
    if (*end && !(*end)->has_value()) {
      end->reset();
      asked = false;
    }
    if (!*end || machine_->applied() < ***end) continue;
    if (!peers_->id_is_held()) {
      const auto other = peers_->other_with_id();
      if (environment_->now() < began + (other ? id_patience : engine_patience)) continue;
      if (other) return fail(Code::err, id_is_taken(*other));
    }
    logging::info("caught up with the strong log at position {}", machine_->applied().value);
    return {};
  }
}

}  // namespace holdfast::node
