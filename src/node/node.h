// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "catalog/catalog.h"
#include "log/disk_log.h"
#include "log/etcd/api.h"
#include "log/etcd/etcd_log.h"
#include "log/log.h"
#include "node/audit.h"
#include "node/checkpointer.h"
#include "node/credentials.h"
#include "node/engine.h"
#include "node/environment.h"
#include "node/eventual_side.h"
#include "node/fronts.h"
#include "node/inquiries.h"
#include "node/key_event_teller.h"
#include "node/keyspace_states.h"
#include "node/live_state.h"
#include "node/membership.h"
#include "node/memory.h"
#include "node/mesh_side.h"
#include "node/messages.h"
#include "node/node_workflows.h"
#include "node/options.h"
#include "node/peers.h"
#include "node/replies.h"
#include "node/requests.h"
#include "node/settings.h"
#include "node/token.h"
#include "node/tracked_tables.h"
#include "node/waiting_side.h"
#include "node/waits.h"
#include "strong/sequencer.h"

namespace holdfast::node {

class CacheSide;

/// Why a node's run ended only to be opened again.
enum class Restart {
  none,
  again,      // and to find what it lacks
  load_base,  // and to load a peer's data, since it has none and some peer does
  catch_up,   // and to load a peer's, since it has missed too much
};

/// A whole node: opens its data, recovers, serves, stops. Everything but the
/// logs' and the checkpoint's disk work runs on the thread that calls run().
class Node {
 public:
  /// Opens the data, recovers and listens; nothing is served before run(). With
  /// a shared log that has gone on without this node, it first loads a peer's
  /// checkpoint, which can take as long as its data need over the network.
  using MakeEnvironment = std::function<std::unique_ptr<Environment>()>;
  static Result<std::unique_ptr<Node>> open(const Options& options,
                                            const MakeEnvironment& make_environment,
                                            Restart why = Restart::none);
  ~Node();

  /// Serves until SIGTERM, SIGINT or stop(); then answers what is under way,
  /// writes a checkpoint and closes. An error when closing lost nothing but
  /// could not be finished as it should.
  Status run();
  /// Any thread.
  void stop();
  /// After run().
  Restart wants_restart() const { return wants_restart_; }

  // -- For the node's own commands (node_rows.cc) and pages.

  /// Runs a node row. As Backend::submit.
  bool run(const server::Request& request, Ticket ticket, Reply& reply);
  /// One turn's end: append, apply, answer, and bounded pieces of housekeeping.
  void turn();
  void answer();

  /// Whether there are strong keyspaces: not without an engine among peers.
  bool has_strong() const { return engine_.strong(); }
  /// Makes the catalog what the declarations say, where there is no engine.
  void follow_declarations();
  /// Removes every key of a keyspace that this replica has.
  void clear_eventual(KeyspaceState& state);
  /// Likewise the list of members what the mesh knows.
  void follow_mesh();

  /// Why eventual keyspaces are not served yet.
  Status eventual_ready() const;
  bool has_seen(const Token& token);
  /// How far eventual keyspaces are behind the other members', at most.
  std::vector<NodeFacts::Behind> behind() const;
  Token token() const;
  /// The times that reads are made at: never before what was written.
  Instant strong_time() const { return sequencer_->time(now(), requests_->monotonic()); }
  Instant eventual_time() const;

  /// Erases every key of every keyspace that the caller may use, as one operation a
  /// keyspace; answers when all are done.
  void flush_all(Ticket ticket, const Row& row, ServiceId caller);
  /// Where clients are to come from beyond loopback, and no service is declared: declares one
  /// that administers, and leaves its token in a file. Before listen(); blocks.
  Status make_administrator();
  Audit& audit() { return *audit_; }
  /// Its name; empty: it is none.
  std::string_view name_of(ServiceId service) const;
  /// A new service's: random, and nobody else's.
  std::string draw_token();
  /// Puts an operation of a row that answers later into the strong log; the ticket
  /// gets what `answer` makes of its reply.
  void append_for(Ticket ticket, const CatalogOperation& operation,
                  std::function<std::string(std::string_view)> answer);
  /// Puts an operation of the node's own into the strong log; `done` gets its reply, later.
  void append_own(const strong::Sequencer::Write& write,
                  std::function<void(std::string_view)> done);
  /// Runs a request of the node's own, as a client's; `done` gets its reply, later.
  void run_own(const server::Request& request, std::function<void(std::string_view)> done);
  /// Of the row that runs: what asked for it.
  const server::Request& running() const { return *running_request_; }
  /// Defers the row that runs: it answers when `attempt` does, or for `time` at most. kBusy: it
  /// was not.
  Status wait(std::optional<Millis> time, Waits::Try attempt);
  /// Defers the row that runs until a checkpoint of everything so far is on disk, then has `then`
  /// answer. kBusy: it was not.
  Status checkpoint_for(std::function<void(Node&, Reply&)> then);
  /// Whether keys that are due are erased without being asked for (DEBUG SET-ACTIVE-EXPIRE).
  void set_active_expire(bool active) { active_expire_ = active; }
  /// Called by a row that answers later, through the ticket: submit() is false.
  Ticket defer();
  /// The other members that hold eventual keyspaces.
  std::vector<std::string> other_nodes() const;
  /// Makes a reply of what the others said.
  using AnswerWith = std::function<void(const std::vector<Inquiries::Said>& said, Reply& reply)>;
  /// Asks them what they say of a key, for the row that runs and its caller, which may read
  /// it: defers it. kBusy: it was not.
  Status ask_others(const KeyspaceState& state, std::string_view key, ServiceId caller,
                    const std::vector<std::string>& others, AnswerWith answer);

  const CommandTable& commands() const { return *commands_; }
  Catalog& catalog() { return catalog_; }
  KeyspaceStates& keyspaces() { return *keyspaces_; }
  Requests& requests() { return *requests_; }
  Checkpointer& checkpointer() { return *checkpointer_; }
  strong::Sequencer& sequencer() { return *sequencer_; }
  strong::Machine& machine() { return *machine_; }
  eventual::Replica& replica() { return *replica_; }
  DiskLog& origin_log() { return *origin_log_; }
  /// What there is where the strong log is shared only.
  const etcd::EtcdLog* etcd_log() const { return etcd_log_; }
  MeshSide* mesh() { return mesh_.get(); }
  Store& store() { return *store_; }
  Fronts& fronts() { return *fronts_; }
  server::Front& front() { return fronts_->resp(); }
  Environment& environment() { return *environment_; }
  MemoryWatch& memory() { return memory_; }
  Settings& settings() { return settings_; }
  CommandWatch& watch() { return *watch_; }
  Messages& messages() { return *messages_; }
  server::Tracking& tracking() { return tracked_.tracking(); }
  /// null: only this node acknowledges writes to what its clients keep.
  CacheSide* caches() { return caches_.get(); }
  /// Somebody keeps a cache, or nobody any more.
  void tracking_changed() { keyspaces_->set_listener(tracking().any() ? &tracked_ : nullptr); }
  WaitingSide& waiting() { return *waiting_; }
  KeyEventTeller& key_events() { return *key_events_; }
  const NodeWorkflows* workflows() const { return workflows_.get(); }
  const Options& options() const { return options_; }
  Instant now() const { return requests_->now(); }
  Instant started_at() const { return started_at_; }
  /// Why the node is not ready to serve everything; nothing: it is.
  std::optional<std::string> not_ready() const;

 private:
  Node(const Options& options, std::unique_ptr<Environment> environment);
  Status open_data();
  Status open_logs();
  Status follow_strong_log();
  void make_peers();
  Member self() const;
  Status another_kind() const;
  Status rolled_back() const;
  Status catch_up();
  bool needs_base();
  void settle_replica();
  void settle_among_peers();
  void begin_with_data(bool has);
  void keep_begun();
  std::string begun_file() const { return options_.data + "/begun"; }
  std::string id_is_taken(std::string_view by) const;
  Status recover();
  Status find_out_who_runs();
  Status replay_origin_log(Position after);
  void make_sequencer();
  void make_watch();
  void make_messages();
  void make_caches();
  void confirm(std::function<void(bool)> done);
  std::uint64_t cached_keys_of(KeyspaceId id) const;
  void append_own(const CatalogOperation& operation, std::function<void(std::string_view)> done);
  NodeFacts facts() const;
  Status watch_cluster();
  Status listen();
  void flush_eventual(KeyspaceState& state, Ticket ticket, const Row& row);
  void answer_questions();
  void asked(const mesh::Question& question, const mesh::Mesh::Respond& respond);
  void drive_workflows();
  void turn_log();
  void housekeeping();
  void tidy();
  std::uint64_t log_bytes() const;
  std::uint64_t strong_log_bytes() const;
  void watch_memory();
  void request_checkpoint_if_due();
  Status close();

  Options options_;
  std::unique_ptr<Environment> environment_;  // what all below stands on
  Engine engine_;
  Credentials credentials_;
  Settings settings_;
  Instant started_at_{};
  std::atomic<bool> stopping_{false};
  Monotonic tick_at_{};
  Monotonic drive_at_ = Monotonic::max();     // the workflows' driver wants a turn
  Monotonic send_at_ = Monotonic::max();      // the mesh
  Monotonic waits_until_ = Monotonic::max();  // the first whose wait is over then
  bool tick_due_ = false;
  bool tidying_ = false;  // more of what has become stable is to be folded
  Restart wants_restart_ = Restart::none;
  Status ended_;                // why run() ends by itself
  std::string begun_under_;     // the kernel whose word the origin log was
  Position origin_position_;    // of the checkpoint
  bool has_replica_ = false;    // this node has had a part in the eventual keyspaces
  bool is_begun_kept_ = false;  // on disk, where there is nothing else to tell it by
  bool cannot_begin_ = false;   // was said

  std::unique_ptr<CommandTable> commands_;
  std::unique_ptr<Environment::Lock> lock_;
  std::unique_ptr<Store> store_;
  Catalog catalog_;
  TrackedTables tracked_;
  std::unique_ptr<Disposal> disposal_;  // null where threads are simulated
  std::unique_ptr<KeyspaceStates> keyspaces_;
  std::string waiting_for_;          // why there is no replica yet
  std::shared_ptr<etcd::Api> etcd_;  // with a shared log only
  std::unique_ptr<Log> log_;
  const etcd::EtcdLog* etcd_log_ = nullptr;  // log_, where it is shared
  std::unique_ptr<DiskLog> origin_log_;
  std::unique_ptr<strong::Machine> machine_;
  std::unique_ptr<eventual::Replica> replica_;
  std::unique_ptr<Messages> messages_;
  std::unique_ptr<KeyEventTeller> key_events_;
  std::unique_ptr<CommandWatch> watch_;
  std::unique_ptr<Replies> replies_;
  std::unique_ptr<CacheSide> caches_;  // with a shared log only
  std::unique_ptr<strong::Sequencer> sequencer_;
  std::unique_ptr<WaitingSide> waiting_;
  std::unique_ptr<EventualSide> eventual_;
  std::unique_ptr<Checkpointer> checkpointer_;
  std::unique_ptr<MeshSide> mesh_;            // where there can be other nodes
  std::unique_ptr<Peers> peers_;              // likewise
  std::unique_ptr<NodeWorkflows> workflows_;  // with an engine only
  std::unique_ptr<Membership> membership_;    // with a shared log only
  std::unique_ptr<Requests> requests_;
  std::unique_ptr<Fronts> fronts_;
  std::unique_ptr<LiveState> live_state_;
  Inquiries inquiries_;
  MemoryWatch memory_;
  std::optional<Ticket> running_;  // the node row that runs now
  const server::Request* running_request_ = nullptr;
  Waits waits_;
  bool active_expire_ = true;
  bool deferred_ = false;
  std::unique_ptr<Audit> audit_;
  // Replies to deferred rows that were known before the row had returned.
  std::vector<std::pair<Ticket, std::string>> late_;
  Monotonic next_checkpoint_{};
  std::uint64_t log_bytes_at_checkpoint_ = 0;
  std::uint64_t strong_log_bytes_at_checkpoint_ = 0;
  std::uint64_t log_bytes_at_sample_ = 0;
  std::optional<std::uint64_t> log_bytes_at_eviction_;  // a checkpoint was asked for to evict
};

}  // namespace holdfast::node
