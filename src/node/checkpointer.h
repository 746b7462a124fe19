// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "catalog/catalog.h"
#include "catalog/keyspace_rows.h"
#include "eventual/replica.h"
#include "log/disk_log.h"
#include "log/log.h"
#include "node/keyspace_states.h"
#include "strong/machine.h"
#include "table/store.h"

namespace holdfast::node {

class Environment;

/// Writes checkpoints: freezes everything at one moment, encodes it in slices
/// between the turns' work, hands the rows to a thread of its own that commits
/// them (where the environment has a process), and then lets the logs forget what they hold of it.
class Checkpointer {
 public:
  struct Parts {
    Environment& environment;
    Store& store;
    Catalog& catalog;
    KeyspaceStates& keyspaces;
    strong::Machine& machine;
    eventual::Replica& replica;
    Log& log;
    DiskLog& origin_log;
    /// Told what a checkpoint holds of the strong log, once it is durable. Nothing:
    /// the log is this node's alone, and is trimmed.
    std::function<void(Position, std::uint64_t log_bytes)> on_durable;
    /// Likewise of the origin log, and all that it had merged by then. Nothing: no other
    /// node needs it, and it is trimmed.
    std::function<void(Position, const eventual::VersionVector& merged)> on_origin_durable;
    std::string log_place;  // of a log that has no place to tell
    /// Whether the origin log holds, or will, all that the replica has: else peers would
    /// never get what a checkpoint holds of it. Nothing: there are none, it may.
    std::function<bool()> log_is_whole;
    /// Whether the node has a part in the eventual keyspaces: until then nothing may
    /// look at the next start as if it had. Nothing: always.
    std::function<bool()> has_replica;
  };
  explicit Checkpointer(Parts parts);
  ~Checkpointer();

  struct Loaded {
    Position origin_position;  // of the origin log, that it includes
    std::string log_place;     // for Log::follow()
    bool replica = false;      // there are eventual keyspaces' rows, if only none
  };
  /// Restores what the last checkpoint holds.
  Result<Loaded> load();

  /// Asks for one; another after that if one is under way.
  void request() { wanted_ = true; }
  bool running() const { return phase_ != Phase::idle; }
  /// Does a bounded piece of work. True: call again soon, there is more. At the
  /// end of a turn, when no entry is open.
  bool step();
  /// Runs the rest, and one more if `request`ed, to the end. For stopping.
  Status finish();

  struct Counters {
    std::uint64_t completed = 0, failed = 0;
    std::chrono::milliseconds last_duration{0};
    std::size_t last_bytes = 0;
  };
  const Counters& counters() const { return counters_; }
  bool last_failed() const { return last_failed_; }
  /// By the wall clock; 1970 when there was none since the start.
  Instant last_completed_at() const { return last_completed_at_; }

 private:
  enum class Phase { idle, encoding, syncing, committing };
  void begin();
  bool encode_slice();
  bool log_is_whole() const { return !parts_.log_is_whole || parts_.log_is_whole(); }
  void commit();
  void commit_loop();
  void end(const Status& committed);

  Parts parts_;
  Phase phase_ = Phase::idle;
  bool wanted_ = false;
  bool last_failed_ = false;
  Instant last_completed_at_{};
  Monotonic began_;
  Position strong_position_;
  std::uint64_t strong_log_bytes_ = 0;
  Position origin_position_;
  eventual::VersionVector origin_merged_;
  CheckpointRows rows_;
  std::vector<KeyspaceState*> to_encode_;  // of those frozen, what is left
  std::vector<KeyspaceState*> frozen_;
  std::vector<KeyspaceId> erased_;  // dropped, their rows not yet erased for good
  bool holds_replica_ = false;      // the one under way
  bool replica_left_ = false;
  Counters counters_;

  // Shared with the commit thread.
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<CheckpointRows> to_commit_;
  std::optional<Status> committed_;
  bool stop_ = false;
  std::thread thread_;  // where the environment has a process
};

}  // namespace holdfast::node
