// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/catalog.h"
#include "function/scripts.h"
#include "node/command_watch.h"
#include "node/eventual_side.h"
#include "node/failed_sign_ins.h"
#include "node/keyspace_states.h"
#include "node/waiting_side.h"
#include "server/backend.h"
#include "strong/sequencer.h"

namespace holdfast::node {

class Environment;
class Node;

/// Takes each parsed request to where it belongs: says what cannot be done
/// before anything is, then hands it to the strong sequencer or the eventual
/// replica. One thread.
class Requests final : public server::Backend {
 public:
  struct Parts {
    Node& node;
    Environment& environment;
    Catalog& catalog;
    KeyspaceStates& keyspaces;
    strong::Sequencer& sequencer;
    EventualSide& eventual;
    WaitingSide& waiting;
    const CommandTable& commands;
    CommandWatch& watch;
    Millis request_timeout{5000};
  };
  explicit Requests(Parts parts);

  /// Why writes that grow memory are refused at present; nothing: they are not.
  void set_over_memory(bool over) { over_memory_ = over; }

  Result<server::Path> route(const server::Request& request) override;
  bool submit(const server::Request& request, Ticket ticket, server::Path path,
              Reply& now) override;
  bool expect(std::span<const server::Ahead> ahead) override;
  Instant now() const override {
    if (!time_is_fresh_) refresh_time();
    return wall_;
  }
  void end_of_turn() override;
  void abandon(Ticket ticket) override { parts_.waiting.pops.abandon(ticket); }
  bool unblock(Ticket ticket, bool as_error) override {
    return parts_.waiting.pops.unblock(ticket, as_error);
  }
  Result<ServiceId> sign_in(std::string_view service, std::string_view token,
                            std::string_view address) override;
  ServiceId service_called(std::string_view name) const override {
    const Service* const found = parts_.keyspaces.services().find(name);
    return found == nullptr ? ServiceId{} : found->id;
  }
  bool must_sign_in() const override { return !parts_.keyspaces.services().empty(); }
  const Service* service(ServiceId id) const override {
    return parts_.keyspaces.services().find(id);
  }
  std::uint64_t services_version() const override { return parts_.keyspaces.services().version(); }

  server::Tracking& tracking() override;
  Result<bool> may_keep_cache(Monotonic waiting_since) override;
  void tracking_changed() override;
  server::Subscriptions& subscriptions() override;
  void subscriptions_changed() override;
  Status may_use_channel(ServiceId caller, std::string_view channel,
                         std::string_view from) const override;

  std::string token() const override;
  bool has_versions(std::string_view key) const override;

  // The clocks are read once a turn, when the first of it asks.
  Monotonic monotonic() const override {
    if (!time_is_fresh_) refresh_time();
    return monotonic_;
  }
  void refresh_time() const;
  void forget_time() { time_is_fresh_ = false; }

  /// What a catalog's row that only shows has to say, of this node's catalog as it is.
  CatalogContext catalog_for(ServiceId caller);

  function::ScriptTexts& script_texts() { return script_texts_; }

  struct Counters {
    std::uint64_t strong_reads = 0, strong_writes = 0, eventual_reads = 0, eventual_writes = 0;
    std::uint64_t refused_memory = 0;
  };
  const Counters& counters() const { return counters_; }

 private:
  void read(const Row& row, Table& table, Instant time, Args args, Reply& reply);
  Result<server::Path> decide(const server::Request& request);
  Result<const Keyspace*> keyspace_of_keys(const Row& row, Args args) const;
  Result<const Keyspace*> keyspace_of_request(const server::Request& request) const;
  Result<const Keyspace*> keyspace_of_messages(const server::Request& request) const;
  bool publish_all(const server::Request& request, Ticket ticket, Reply& reply);
  Result<server::Path> path_to(const Keyspace& keyspace) const;
  Status admit(const Keyspace& keyspace, const server::Request& request, bool writes) const;
  Error not_the_owner(const Keyspace& keyspace, ServiceId caller) const;
  Status may_publish(ServiceId caller, Args args) const;
  /// Of FCALL and EVAL: the keyspace of the function, or of the script's keys, which is one.
  Result<const Keyspace*> keyspace_of_function(const Row& row, Args args) const;
  void count_refused(const server::Request& request);
  Status admit_function(const Keyspace& keyspace, const server::Request& request) const;
  /// Whether it goes the way of reads.
  bool only_reads(const server::Request& request, const Keyspace& keyspace) const;
  std::optional<function::Functions::Found> function_of(const Keyspace& keyspace, Args args) const;
  void read_by_function(const Row& row, KeyspaceState& state, ServiceId caller, Instant time,
                        Args args, Reply& reply);
  bool submit_now(const server::Request& request, Ticket ticket, server::Path path, Reply& now);
  bool submit_script(const server::Request& request, Ticket ticket, server::Path path, Reply& now);
  bool submit_with_scripts(const server::Request& request, Ticket ticket, server::Path path,
                           Reply& now);
  const Row& by_text(const Row& by_sha1) const;
  /// Refuses a script by a name that this node does not know; anything else is fine.
  template <typename Words>
  Status knows_script(const Row& row, const Words& args) const {
    const bool named = (row.flags & flag_script_by_sha1) != 0;
    if (!named || script_texts_.find(args[1]) != nullptr) return {};
    return fail(Code::no_script, "No matching script. Please use EVAL.");
  }
  bool submit_own(const server::Request& request, Ticket ticket, server::Path path, Reply& now);

  bool submit_strong(const server::Request& request, const Keyspace* keyspace, Ticket ticket,
                     Reply& now);
  bool strong_write(const server::Request& request, KeyspaceId keyspace, Durability durability,
                    Ticket ticket, Reply& now);
  /// Of a command that waits. `tried`: it has found nothing to take now.
  bool wait(const server::Request& request, KeyspaceId keyspace, Durability durability, Millis time,
            bool tried, Ticket ticket, Reply& now);
  bool strong_read(const server::Request& request, KeyspaceId keyspace, Ticket ticket, Reply& now);
  /// Changes the catalog where there is no engine.
  bool declare(const server::Request& request, Ticket ticket, Reply& now);
  /// In this node's catalog as it is, whatever the log may hold beyond.
  void run_catalog(const Row& row, ServiceId caller, Args args, Reply& now);
  Status fresh_within(Millis allowed) const;
  bool submit_eventual(const server::Request& request, const Keyspace& keyspace, Ticket ticket,
                       Reply& now);
  void watch(const server::Request& request, KeyspaceState& state);

  Parts parts_;
  mutable Instant wall_{};
  mutable Monotonic monotonic_{};
  mutable bool time_is_fresh_ = false;
  bool over_memory_ = false;
  Counters counters_;
  std::uint64_t reads_ = 0;  // so that no two choose the same by chance
  FailedSignIns failed_sign_ins_;
  function::Scripts scripts_;  // compiled, for reads
  function::ScriptTexts script_texts_;
  // Room that requests reuse.
  std::vector<std::string_view> arguments_;
  std::vector<strong::EntryBuilder::Part> strong_calls_;
  std::vector<strong::Watched> watched_;
  std::vector<eventual::Replica::Call> eventual_calls_;
};

}  // namespace holdfast::node
