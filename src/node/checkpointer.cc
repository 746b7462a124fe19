// SPDX-License-Identifier: Apache-2.0
#include "node/checkpointer.h"

#include <utility>

#include "base/assert.h"
#include "base/logging.h"
#include "base/wire.h"
#include "node/checkpoint_keys.h"
#include "node/environment.h"
#include "table/background_thread.h"

namespace holdfast::node {
namespace {

// One slice is about a millisecond of work: what a command may have to wait.
constexpr std::size_t slice_rows = 2'000;

}  // namespace

Checkpointer::Checkpointer(Parts parts) : parts_(std::move(parts)) {
  if (parts_.environment.has_process()) thread_ = std::thread([this] { commit_loop(); });
}

Checkpointer::~Checkpointer() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

Result<Checkpointer::Loaded> Checkpointer::load() {
  std::optional<std::string> found[8];
  const std::string_view keys[] = {checkpoint_key::catalog,  checkpoint_key::machine,
                                   checkpoint_key::members,  checkpoint_key::log_place,
                                   checkpoint_key::replica,  checkpoint_key::origin_position,
                                   checkpoint_key::services, checkpoint_key::libraries};
  for (std::size_t i = 0; i < std::size(keys); ++i) {
    auto stored = parts_.store.get(Family::meta, keys[i]);
    if (!stored) return tl::unexpected(stored.error());
    found[i] = std::move(*stored);
  }
  const auto& [catalog, machine, members, log_place, replica, origin, services, libraries] = found;
  if (!catalog) return Loaded{};  // no checkpoint yet
  // What a peer gave has nothing of this node's own replica.
  if (!machine || !members || !log_place || replica.has_value() != origin.has_value()) {
    return fail(Code::corrupt, "the checkpoint lacks a part of its own description");
  }
  if (Status s = parts_.catalog.decode(*catalog); !s) return tl::unexpected(s.error());
  // Whose the keyspaces are is looked up there when they are made.
  if (services) {
    if (Status s = parts_.keyspaces.services().decode(*services); !s)
      return tl::unexpected(s.error());
  }
  // Absent in those of builds that had no functions.
  if (libraries) {
    if (Status s = parts_.keyspaces.libraries().decode(*libraries); !s)
      return tl::unexpected(s.error());
  }
  if (Status s = parts_.keyspaces.load(); !s) return tl::unexpected(s.error());
  if (Status s = parts_.keyspaces.members().decode(*members); !s) return tl::unexpected(s.error());
  if (Status s = parts_.machine.decode(*machine); !s) return tl::unexpected(s.error());
  Loaded loaded{.log_place = *log_place};
  if (!replica) return loaded;
  if (Status s = parts_.replica.load(*replica); !s) return tl::unexpected(s.error());
  wire::Reader in(*origin);
  loaded.origin_position = Position{in.u64()};
  loaded.replica = true;
  if (!in.ok()) return fail(Code::corrupt, "the checkpoint's log position is damaged");
  return loaded;
}

void Checkpointer::begin() {
  wanted_ = false;
  began_ = parts_.environment.now();
  rows_ = CheckpointRows();
  strong_position_ = parts_.machine.applied();
  strong_log_bytes_ = parts_.machine.log_bytes();
  origin_position_ = parts_.origin_log.last();
  origin_merged_ = parts_.replica.merged();
  for (const KeyspaceId id : parts_.keyspaces.take_dropped()) erased_.push_back(id);
  for (const KeyspaceId id : erased_) erase_keyspace(rows_, id);

  std::string origin;
  wire::put_u64(origin, origin_position_.value);
  rows_.put(Family::meta, checkpoint_key::catalog, parts_.catalog.encode());
  rows_.put(Family::meta, checkpoint_key::machine, parts_.machine.encode());
  rows_.put(Family::meta, checkpoint_key::members, parts_.keyspaces.members().encode());
  rows_.put(Family::meta, checkpoint_key::services, parts_.keyspaces.services().encode());
  rows_.put(Family::meta, checkpoint_key::libraries, parts_.keyspaces.libraries().encode());
  rows_.put(Family::meta, checkpoint_key::log_place,
            parts_.log_place.empty() ? parts_.log.place() : parts_.log_place);
  holds_replica_ = !parts_.has_replica || parts_.has_replica();
  if (holds_replica_) {
    rows_.put(Family::meta, checkpoint_key::replica, parts_.replica.encode());
    rows_.put(Family::meta, checkpoint_key::origin_position, origin);
  }

  frozen_ = parts_.keyspaces.with_undeclared();
  to_encode_ = frozen_;
  for (KeyspaceState* state : frozen_) {
    state->table.begin_checkpoint();
    state->ids.begin_checkpoint(rows_);
  }
  parts_.keyspaces.catalog_ids().begin_checkpoint(rows_);
  parts_.replica.begin_checkpoint();
  replica_left_ = true;
  phase_ = Phase::encoding;
}

bool Checkpointer::encode_slice() {
  if (!to_encode_.empty()) {
    KeyspaceState& state = *to_encode_.back();
    if (state.table.checkpoint_slice(rows_, slice_rows)) to_encode_.pop_back();
    return false;
  }
  if (replica_left_) replica_left_ = !parts_.replica.checkpoint_slice(rows_, slice_rows);
  return !replica_left_;
}

void Checkpointer::commit() {
  phase_ = Phase::committing;
  if (!thread_.joinable()) {
    committed_ = parts_.store.commit(std::exchange(rows_, CheckpointRows()));
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    to_commit_ = std::move(rows_);
  }
  rows_ = CheckpointRows();
  changed_.notify_all();
}

bool Checkpointer::step() {
  switch (phase_) {
    case Phase::idle:
      if (!wanted_) return false;
      if (!log_is_whole()) {
        wanted_ = false;
        last_failed_ = true;
        return false;
      }
      begin();
      return true;
    case Phase::encoding: {
      if (!encode_slice()) return true;
      counters_.last_bytes = rows_.bytes();
      phase_ = Phase::syncing;
      [[fallthrough]];
    }
    case Phase::syncing:
      // What a checkpoint holds and a power cut takes from the log, no peer would
      // ever get.
      if (!log_is_whole()) {
        end(fail(Code::io, "the origin log lacks what it would hold"));
        return false;
      }
      if (parts_.origin_log.synced() < origin_position_ && !parts_.origin_log.lost()) return false;
      commit();
      return !thread_.joinable();
    case Phase::committing: {
      std::optional<Status> committed;
      {
        const std::lock_guard lock(mutex_);
        committed = std::exchange(committed_, std::nullopt);
      }
      if (!committed) return false;
      end(*committed);
      return wanted_;
    }
  }
  return false;
}

void Checkpointer::end(const Status& committed) {
  const bool ok = committed.has_value();
  for (KeyspaceState* state : frozen_) {
    state->table.end_checkpoint(ok);
    state->ids.end_checkpoint(ok);
  }
  parts_.keyspaces.catalog_ids().end_checkpoint(ok);
  parts_.replica.end_checkpoint(ok);
  frozen_.clear();
  parts_.keyspaces.bury_dropped();
  phase_ = Phase::idle;
  last_failed_ = !ok;
  counters_.last_duration =
      std::chrono::duration_cast<std::chrono::milliseconds>(parts_.environment.now() - began_);
  if (!ok) {
    ++counters_.failed;
    logging::error("checkpoint failed, the last one stands: {}", committed.error().message);
    return;
  }
  ++counters_.completed;
  last_completed_at_ = parts_.environment.wall();
  erased_.clear();
  if (parts_.on_durable) {
    parts_.on_durable(strong_position_, strong_log_bytes_);
  } else {
    parts_.log.trim(strong_position_);
  }
  if (!holds_replica_) {
    // It has nothing of what the origin log may hold.
  } else if (parts_.on_origin_durable) {
    parts_.on_origin_durable(origin_position_, origin_merged_);
  } else {
    parts_.origin_log.trim(origin_position_);
  }
  logging::info("checkpoint of {} bytes written in {} ms (strong log to {}, origin log to {})",
                counters_.last_bytes, counters_.last_duration.count(), strong_position_.value,
                origin_position_.value);
}

Status Checkpointer::finish() {
  if (phase_ == Phase::idle && !wanted_) wanted_ = true;
  while (phase_ != Phase::idle || wanted_) {
    if (phase_ == Phase::syncing) parts_.origin_log.sync_now();
    if (phase_ == Phase::committing) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return committed_.has_value(); });
    }
    step();
    if (phase_ == Phase::idle && last_failed_) {
      return fail(Code::io, "the last checkpoint failed; the logs still hold everything");
    }
  }
  return {};
}

void Checkpointer::commit_loop() {
  run_in_background();
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stop_ || to_commit_.has_value(); });
    if (stop_) return;
    CheckpointRows rows = std::move(*to_commit_);
    to_commit_.reset();
    lock.unlock();
    Status status = parts_.store.commit(std::move(rows));
    lock.lock();
    committed_ = std::move(status);
    changed_.notify_all();
    parts_.environment.wake();
  }
}

}  // namespace holdfast::node
