// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/inlined_vector.h>

#include <cstdint>
#include <memory>

#include "base/hybrid_clock.h"
#include "base/small_string.h"
#include "base/spilling_memory.h"
#include "base/units.h"
#include "dedup/id_table.h"
#include "eventual/clock.h"
#include "eventual/roster.h"

namespace holdfast::eventual {

struct Element;

/// An operation that is kept in full: some member may not have it yet, or an
/// item of it is still in an open key. With a request id it may have been tried
/// at several origins; the first try by stamp is what it is and what it saw.
struct UnstableOperation : Spilling {
  KeyspaceId keyspace;
  Dot dot;  // of the first try
  HybridTime time;
  SharedVector seen;                                          // of other origins than its own
  absl::InlinedVector<Dot, 1, SpillingAllocator<Dot>> tries;  // the first among them

  bool has_id = false;
  bool stable = false;          // found to be; never taken back
  bool unpacked = false;        // some of its effects were light first, or still are
  bool replies_differ = false;  // its tries told their callers different things
  IdKey id;
  std::uint64_t fingerprint = 0;
  SpillingString reply;  // the first try's; kept here past the id table's window

  absl::InlinedVector<Element*, 3, SpillingAllocator<Element*>>
      touched;               // where its items are or were
  std::uint32_t items = 0;   // in open keys
  std::uint32_t queued = 0;  // tries that wait to be stable
  std::uint32_t place = 0;   // among all of them
  Listed listed;

  Stamp stamp() const { return {time, dot.origin}; }
  bool saw(Dot other) const {
    return other.origin == dot.origin ? other.sequence < dot.sequence : seen->includes(other);
  }
  /// Whoever saw any of its tries saw an operation.
  bool saw(const UnstableOperation& other) const {
    for (const Dot& one : other.tries) {
      if (saw(one)) return true;
    }
    return false;
  }
};

}  // namespace holdfast::eventual
