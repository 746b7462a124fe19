// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sim/agenda.h"
#include "sim/call.h"
#include "sim/owners.h"
#include "sim/plan.h"
#include "sim/queue.h"
#include "sim/workflows.h"
#include "verify/history.h"

namespace holdfast::sim {

/// A key that each of its increments changes in three bits of its own: what it
/// holds in the end says how often each took effect.
struct Tally {
  struct Entry {
    bool sent = false;
    std::set<std::string> acknowledged_by;  // nodes
    bool durably = false;                   // by a keyspace of durability `always`
  };
  std::vector<Entry> entries;
};
inline constexpr std::size_t tally_entries_max = 20;
inline constexpr unsigned tally_bits = 3;

/// What goes over the wire: the commands, a MULTI around them, or a function's call.
std::vector<verify::Command> requests_of(const Call& call);

/// Keyspaces: s strong and w strong everysec, e eventual and f eventual everysec; x and
/// y are made, dropped and made again, with the other guarantee perhaps, so that only
/// agreement is asked of them; p and q have owners (owners.h). Draws what clients do, and remembers
/// what the checks need.
class Workload {
 public:
  Workload(Random& random, const Plan& plan)
      : random_(random), plan_(plan), workflows_(random), owners_(random), queue_(random) {}

  std::vector<verify::Command> declarations() const;
  Call next();
  /// Keys that only ever grow, in a keyspace of which nothing that was acknowledged is lost.
  static std::string counter_key(std::uint64_t number) { return "s:c" + std::to_string(number); }
  /// What such a key held when somebody was told so who had changed it; at least.
  std::int64_t acknowledged(const std::string& key) const;
  void heard(const Call& call, const verify::Answer& answer);
  std::map<std::string, Tally>& tallies() { return tallies_; }
  verify::History& history() { return history_; }
  Workflows& workflows() { return workflows_; }
  Owners& owners() { return owners_; }
  Queue& queue() { return queue_; }

 private:
  Call strong_call();
  Call keyspace_call();
  Call passing_call();
  /// A command on a key of some type, most of them changing it.
  verify::Command data_command(const std::string& keyspace);
  /// The same on lists, of a strong keyspace; some wait for a moment.
  verify::Command list_command(const std::string& keyspace);
  Call eventual_call();
  Call tally_call(const char* keyspace);
  std::string new_id() { return "i" + std::to_string(++ids_); }
  std::string key(const char* prefix, std::uint64_t count) {
    return prefix + std::to_string(random_.below(count));
  }
  std::string text(std::uint64_t n) { return std::to_string(n); }

  Random& random_;
  const Plan& plan_;
  Workflows workflows_;
  Owners owners_;
  Queue queue_;
  std::uint64_t ids_ = 0;
  std::uint64_t values_ = 0;
  std::map<std::string, Tally> tallies_;
  std::map<std::string, std::uint64_t> tally_numbers_;  // the one in use, of each keyspace
  std::vector<Call> past_;                              // with ids, to be sent again much later
  std::vector<std::string> ids_of_others_;              // operations; none of a tally
  verify::History history_;
  std::map<std::string, std::int64_t> acknowledged_;
};

}  // namespace holdfast::sim
