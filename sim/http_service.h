// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "sim/agenda.h"

namespace holdfast::sim {

/// A service beside the cluster that steps of workflows ask over HTTP, as docs/workflows.md wants
/// it: what it answered under an Idempotency-Key it answers again, what never happened is undone
/// without an error, and what was undone is not done any more. In trouble it is slow, busy or
/// away, has done what it answers with an error, and requests and answers get lost.
class HttpService {
 public:
  static constexpr const char* host = "shop";

  HttpService(Agenda& agenda, Random& random, std::uint64_t trouble_percent)
      : agenda_(agenda),
        random_(random),
        trouble_percent_(trouble_percent),
        opens_at_(agenda.now() + random.millis(0, 60'000)) {}

  struct Answer {
    long status = 200;
    std::string body;
  };
  /// What it makes of a request of the host `from`. The body is JSON: run, step, undo, and the
  /// fate `ok`, `refuse`, or `gate`: refused until the gate opens.
  Answer ask(const std::string& from, const std::string& key, const std::string& body);
  /// One of what may go wrong does, by chance.
  bool in_trouble();
  /// All is well from now on.
  void heal();

  struct Call {
    std::string run, step;
    bool undo = false;
    auto operator<=>(const Call&) const = default;
  };
  struct Seen {
    std::uint64_t effects = 0;
    std::uint64_t asked = 0;
  };
  const std::map<Call, Seen>& seen() const { return seen_; }
  /// The hosts that asked for something of a run.
  const std::map<std::string, std::set<std::string>>& askers() const { return askers_; }

  struct Counters {
    std::uint64_t requests_lost = 0, replies_lost = 0, repeated = 0, busy = 0, refused = 0;
  };
  Counters counters;

 private:
  Answer decide(const Call& call, const std::string& fate);

  Agenda& agenda_;
  Random& random_;
  std::uint64_t trouble_percent_;
  Monotonic opens_at_;
  Monotonic away_until_{};
  std::map<Call, Seen> seen_;
  std::map<std::string, std::set<std::string>> askers_;
  std::map<std::string, Answer> answered_;  // by their keys
};

}  // namespace holdfast::sim
