// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/reply.h"
#include "base/ticket.h"
#include "base/units.h"
#include "catalog/services.h"
#include "command/row.h"
#include "server/look_ahead.h"
#include "server/subscriptions.h"
#include "server/tally.h"
#include "server/tracking.h"

namespace holdfast::server {

/// Versions of watched keys, filled when the WATCH runs, checked in the EXEC.
struct WatchSet {
  struct Key {
    std::string key;
    std::uint64_t version;
  };
  std::vector<Key> keys;
};

struct QueuedCommand {
  const Row* row;
  std::vector<std::string> args;
};

enum class ReadMode : std::uint8_t { normal, local, fresh };

/// One request, parsed and checked for form. Views live for the call only.
struct Request {
  const Row* row = nullptr;
  Args args;
  std::string_view request_id;  // empty: none
  ServiceId caller;
  std::string_view from;  // HOST:PORT of the peer
  /// Earlier requests of this connection are under way: a read must take its
  /// place behind them.
  bool behind = false;
  ReadMode read_mode = ReadMode::normal;
  Millis fresh_within{0};
  std::string_view after_token;  // AFTER's, empty: none
  bool wrote_strong = false;     // the connection, ever: what WAIT asks for
  bool wrote_eventual = false;
  Monotonic waiting_since;  // since it was routed to Path::later first; 0: not yet
  std::span<const QueuedCommand> transaction;  // EXEC's commands
  std::shared_ptr<WatchSet> watched;           // WATCH fills it, EXEC checks it
};

/// The order a connection's commands must keep: a command may be handed over
/// while earlier ones are under way only on the same path.
/// `later`: it cannot be handed over yet; it is to be routed again every turn.
enum class Path : std::uint8_t { immediate, strong, eventual, later };

/// The node, as its sessions see it. One thread.
class Backend {
 public:
  virtual ~Backend() = default;

  /// Which path the request takes; errors are those of 3-contract section 2
  /// that are decided before anything is done (CROSSKEYSPACE, UNSUPPORTED, …).
  virtual Result<Path> route(const Request& request) = 0;

  /// Runs the request: a read, a write, a catalog or a node row. (Session and
  /// wrapper rows are the session's own.) A node row is submitted only when
  /// nothing of the connection is under way. True: the canonical reply was appended to `now`.
  /// False: it will be handed to ReplySink::complete with this ticket, after this call has
  /// returned. Every request is answered once, within its deadline; one that waits for something
  /// to take, when it has it or its own time is over.
  virtual bool submit(const Request& request, Ticket ticket, Path path, Reply& now) = 0;

  /// These requests are about to come, in this order: what they will touch can
  /// be brought towards the processor meanwhile. Changes nothing. False: it was
  /// of no use, such requests need no announcing.
  virtual bool expect(std::span<const Ahead> ahead) {
    static_cast<void>(ahead);
    return false;
  }

  /// Of a request that waits for something to take (Row::waits): its client has gone. It is not
  /// answered any more.
  virtual void abandon(Ticket ticket) { static_cast<void>(ticket); }
  /// The same: its wait is to end, as if its time were over or with an error; it is answered as
  /// ever. False: it does not wait.
  virtual bool unblock(Ticket ticket, bool as_error) {
    static_cast<void>(ticket);
    static_cast<void>(as_error);
    return false;
  }

  // -- Who is calling

  /// Whose the token is; a service's name, where there is one, must be its own.
  /// `address`: from where, with the port. kWrongPassword; kBusy: too many from there failed.
  virtual Result<ServiceId> sign_in(std::string_view service, std::string_view token,
                                    std::string_view address) {
    static_cast<void>(service);
    static_cast<void>(token);
    static_cast<void>(address);
    return fail(Code::wrong_password, "no service is declared");
  }
  /// Who has that name; nobody: no service has.
  virtual ServiceId service_called(std::string_view name) const {
    static_cast<void>(name);
    return {};
  }
  /// Whether requests must come from somebody who has signed in.
  virtual bool must_sign_in() const { return false; }
  /// null: it is none, or no longer.
  virtual const Service* service(ServiceId id) const {
    static_cast<void>(id);
    return nullptr;
  }
  /// Grows with every change of what the last two answer.
  virtual std::uint64_t services_version() const { return 0; }

  // -- Publish and subscribe

  virtual Subscriptions& subscriptions() = 0;
  /// They have changed.
  virtual void subscriptions_changed() {}
  /// kNoPermission: it may neither publish nor subscribe there. `from`: HOST:PORT of who asks,
  /// for who is told of refusals; empty: nobody is.
  virtual Status may_use_channel(ServiceId caller, std::string_view channel,
                                 std::string_view from) const {
    static_cast<void>(caller);
    static_cast<void>(channel);
    static_cast<void>(from);
    return {};
  }

  // -- Caches that clients keep

  virtual Tracking& tracking() = 0;
  /// Whether a client may keep one from now on, which has waited for that since then (0: it has
  /// not). False: not yet, it is to ask again every turn. kUnavailable: not now.
  virtual Result<bool> may_keep_cache(Monotonic waiting_since) {
    static_cast<void>(waiting_since);
    return true;
  }
  /// Somebody follows keys who did not, or no more.
  virtual void tracking_changed() {}

  /// What has been seen here so far, for AFTER; empty: nothing is told of that.
  virtual std::string token() const { return {}; }

  /// Whether the key's keyspace counts its changes: VERSION, EXPECT.
  virtual bool has_versions(std::string_view key) const {
    static_cast<void>(key);
    return true;
  }

  /// The wall clock, as of this turn of the loop.
  virtual Instant now() const = 0;
  /// Likewise the one that never jumps.
  virtual Monotonic monotonic() const = 0;

  /// The end of a turn: everything the sockets gave has been submitted. Appends
  /// what was gathered and completes what is done. Called once a turn of the
  /// loop in which anything was submitted.
  virtual void end_of_turn() = 0;

  // -- What all sessions share, whatever their port.
  Tally& tally() { return tally_; }
  Pause& pause() { return pause_; }

 private:
  Tally tally_;
  Pause pause_;
};

}  // namespace holdfast::server
