// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/units.h"
#include "catalog/cache_keepers.h"
#include "catalog/member_rows.h"

namespace holdfast::node {

/// Times of the lease under which a node lets its clients keep caches. Gray and Cheriton, "Leases:
/// an efficient fault-tolerant mechanism for distributed file cache consistency" (SOSP 1989), with
/// the log's end in the place of who grants.
struct CacheTimes {
  /// A node cuts its clients' caches when it has not been sure for so long that it has all that was
  /// acknowledged.
  Millis lease{1'500};
  /// The others wait for a node that long: longer by what clocks may run apart in it, and a turn.
  Millis patience{2'000};
  /// Who has not been heard of for so long is put out, so that it is waited for once only.
  Millis late{500};
  Millis between_questions{300};
  /// A node stays ready for that long when nobody keeps a cache any more.
  Millis linger{10'000};
  /// Who wants to keep the first ones waits so long for the other nodes to be connected, so that
  /// they will hear of it.
  Millis meeting{2'000};
  /// One that was put out, as others could not hear of it, does not come again before.
  Millis pause{10'000};
};

/// Whether clients of this node may keep caches of strong keyspaces that other nodes write to as
/// well. They may while two things hold: the log names this node a keeper (CacheKeepers), so that
/// whoever acknowledges a write waits for its word (OthersCaches); and this node has been sure
/// within the last `lease` that nothing is acknowledged which it has not applied. So when nobody
/// can hear of it, it has cut its clients' caches after `lease`, by its own clock, counted from
/// before whatever it had not heard. Decides only. One thread.
class OwnCaches {
 public:
  struct Parts {
    std::string node;
    const CacheKeepers& keepers;
    /// Puts it into the log; `done` gets its reply, an error too.
    std::function<void(const CatalogOperation&, std::function<void(std::string_view)> done)> append;
    /// `done(true)`: everything that was acknowledged to anybody before this call is applied here.
    std::function<void(std::function<void(bool)> done)> confirm;
  };
  OwnCaches(Parts parts, const CacheTimes& times) : parts_(std::move(parts)), times_(times) {}

  /// A client wants to keep one, or some do. False: it may not yet; to be asked again.
  /// kUnavailable: not for a while.
  Result<bool> want(Monotonic now);
  bool may_keep(Monotonic now) const;
  /// Nobody wants to, from now on: the next turn says so.
  void give_up() {
    wanted_at_ = Monotonic::min();
    say_at_ = {};
  }
  /// Says and asks what there is to. `kept`: some client keeps one. Every turn.
  void turn(bool kept, Monotonic now);

 private:
  bool is_keeper() const;
  void say_what_is_wanted(bool wanted, Monotonic now);
  void say(CacheChange change, std::uint64_t number, Monotonic now);

  Parts parts_;
  const CacheTimes times_;
  bool saying_ = false;
  bool asking_ = false;
  bool was_keeper_ = false;
  std::uint64_t ended_ = 0;  // the number that this node gave up, or tried to
  Monotonic wanted_at_ = Monotonic::min();
  Monotonic sure_at_ = Monotonic::min();  // of what was acknowledged before
  Monotonic ask_at_{};
  Monotonic say_at_{};
  Monotonic not_before_ = Monotonic::min();
};

}  // namespace holdfast::node
