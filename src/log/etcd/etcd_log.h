// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/units.h"
#include "log/etcd/api.h"
#include "log/log.h"

namespace holdfast::etcd {

/// How an engine `etcd` has fared, for INFO and metrics.
struct LogCounters {
  std::uint64_t appends_sent = 0;
  std::uint64_t appends_overtaken = 0;  // came before their predecessor, and were sent again
  std::uint64_t appends_again = 0;      // sent again after a failure
  std::uint64_t appends_given_up = 0;
  std::uint64_t watch_repeats = 0;
  std::uint64_t watch_gaps = 0;
  std::uint64_t watch_silences = 0;
  std::uint64_t refetches = 0;
  std::uint64_t watches = 0;
  std::uint64_t doubts = 0;  // answers that said less than was delivered
};

struct LogOptions {
  std::string cluster;
  Millis request_timeout{5000};
  /// Names sessions, and a log that is made.
  std::function<std::uint64_t()> random;
};

/// The engine `etcd`: the strong log as keys of an etcd cluster, shared by all
/// nodes of a Holdfast cluster. docs/formats/etcd-log.md has the keys.
///
/// An append is a transaction that puts a key of its own; etcd's revision is its
/// position. follow() does not wait for etcd: entries come from deliver(), and
/// health() tells whether it is reached and whether it holds the log that was
/// followed before. An append refused here was not taken; one whose outcome is
/// not known is sent again, under the same key, until it is, or until
/// `request_timeout` has passed (kUnknown). deliver() must be called at least
/// every 100 ms or so, for what is due by time.
class EtcdLog : public Log {
 public:
  virtual LogCounters counters() const = 0;
  virtual std::uint64_t ordinal() const = 0;  // of the entry delivered last
  /// For people: members of an etcd with known faults, once they have told their version.
  virtual const std::vector<std::string>& warnings() const = 0;
};

std::unique_ptr<EtcdLog> make_etcd_log(std::shared_ptr<Api> api, LogOptions options);

}  // namespace holdfast::etcd
