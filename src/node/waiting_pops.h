// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/string_hash.h"
#include "base/ticket.h"
#include "base/units.h"
#include "command/table.h"
#include "dedup/id_table.h"
#include "log/log.h"
#include "table/table.h"

namespace holdfast::node {

/// The requests of this node's clients that wait for something to take: BLPOP and its kin.
///
/// The log knows nothing of waiting. Each attempt is an operation in it, which takes something or
/// comes to nothing; between attempts a request waits here. When a key that it waits for has
/// changed and holds what it takes, the next attempt is made: of as many requests as there are
/// items, in the order in which they came. So nothing is ever taken for a client whose node has
/// gone, and a request id is remembered exactly when something was taken under it or its time was
/// over.
///
/// Pure: decides, and has its host do it. A request that merely waits is not looked at. One thread.
class WaitingPops {
 public:
  struct Request {
    const Row* row = nullptr;  // one that waits
    std::vector<std::string> args;
    std::string request_id;  // empty: none
    ServiceId caller;
    KeyspaceId keyspace;
    Durability durability = Durability::always;
    Ticket ticket;                      // the client's
    std::optional<Monotonic> deadline;  // none: it waits for ever
  };

  class Host {
   public:
    virtual ~Host() = default;
    /// Puts it into the log; what comes of it is told by tried(), after this call. An error: it
    /// was not.
    virtual Status attempt(const Request& request, Attempt attempt, std::uint64_t number) = 0;
    /// What the key holds, and how many items; nothing: it is not there.
    struct Held {
      Type type = Type::string;
      std::size_t items = 0;
    };
    virtual std::optional<Held> held(KeyspaceId keyspace, std::string_view key) = 0;
    /// Whether the request would be admitted now: keyspaces go, and change their owners.
    virtual bool still_admits(const Request& request) = 0;
    virtual void answer(Ticket ticket, std::string_view reply, Replay replay) = 0;
    /// The table of a keyspace that is there; it stays until forget().
    virtual Table& table(KeyspaceId keyspace) = 0;
  };
  explicit WaitingPops(Host& host) : host_(host) {}
  ~WaitingPops();
  WaitingPops(const WaitingPops&) = delete;
  WaitingPops& operator=(const WaitingPops&) = delete;

  /// Takes the request; its client is answered through the host, after this call. `tried`: it has
  /// found nothing already; else the first attempt is made. An error: it is not taken.
  Status add(Request request, bool tried);
  /// What the attempt of that number came to. Null: there was nothing.
  void tried(std::uint64_t number, std::string_view reply, Replay replay);

  /// The client has gone: the request leaves. An attempt that is in the log may take all the same.
  void abandon(Ticket ticket);
  /// Ends the wait as if its time were over, or with an error; false: it does not wait.
  bool unblock(Ticket ticket, bool as_error);
  /// Ends all waits with an error, which must say that nothing was done.
  void give_up(const Error& error);
  /// The same, and of those to come.
  void stop(const Error& error);
  /// The catalog has changed: who is no longer admitted tries again, to be told so.
  void look_at_catalog() { catalog_changed_ = true; }
  /// The keyspace's table will go.
  void forget(KeyspaceId keyspace);
  /// A request id has an outcome: another try of it, which may wait here, hears it.
  void recorded(KeyspaceId keyspace, const IdKey& id);

  /// Ends the waits that are over and makes the attempts that are due; true: it made some.
  bool turn(Monotonic now);
  /// When turn() is wanted though nothing else happens.
  std::optional<Monotonic> wanted_at() const;
  /// Clients that wait.
  std::size_t size() const { return by_ticket_.size(); }

 private:
  enum class End : std::uint8_t { none, time, error };
  struct Waiting {
    Request request;
    std::optional<IdKey> id;
    bool trying = false;        // an attempt is under way
    bool final = false;         // and whatever it comes to is the answer
    bool abandoned = false;     // the client has gone meanwhile
    End end = End::none;        // to be ended once the attempt has come to nothing
    std::optional<Error> over;  // likewise, with this
  };
  using All = std::map<std::uint64_t, Waiting>;  // by number: in the order in which they came
  using Numbers = std::set<std::uint64_t>;

  /// A keyspace in which some wait.
  struct Keyspace final : Table::Listener {
    explicit Keyspace(Table& of) : table(&of) { table->add_listener(*this); }
    ~Keyspace() override {
      if (table != nullptr) table->remove_listener(*this);
    }
    Keyspace(const Keyspace&) = delete;
    Keyspace& operator=(const Keyspace&) = delete;
    void changed(std::string_view key) override {
      if (queues.contains(key)) due.emplace(key);
    }
    void cleared() override {}

    Table* table;  // null: it has gone
    StringMap<Numbers> queues;
    std::set<std::string> due;  // keys that have changed, or whose first has left
  };

  template <typename Each>
  static void for_each_awaited(const Request& request, Each each);
  void attempt(All::iterator one, Attempt kind);
  void serve(KeyspaceId keyspace, Keyspace& in, const std::string& key);
  void end(All::iterator one, End how);
  void end_with(All::iterator one, const Error& error);
  void finish(All::iterator one, std::string_view reply, Replay replay);
  void forget_client(All::iterator one);
  void remove(All::iterator one);
  All::iterator find(Ticket ticket);

  Host& host_;
  All waiting_;
  std::uint64_t last_number_ = 0;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint64_t> by_ticket_;
  std::set<std::pair<Monotonic, std::uint64_t>> deadlines_;
  std::map<std::uint32_t, std::unique_ptr<Keyspace>> keyspaces_;
  std::multimap<std::pair<std::uint32_t, Hash128>, std::uint64_t> ids_;
  Numbers due_;  // whose id has an outcome
  bool catalog_changed_ = false;
  bool attempted_ = false;  // within turn()
  std::optional<Error> stopped_;
};

}  // namespace holdfast::node
