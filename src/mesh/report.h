// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/hybrid_clock.h"
#include "eventual/clock.h"

namespace holdfast::mesh {

/// What one member is known to have of everyone's operations.
struct Holding {
  std::string node;              // --node
  eventual::OriginId origin;     // its log's incarnation; 0: nothing was heard of it yet
  eventual::VersionVector disk;  // merged, and on its disk
  eventual::View view;           // what it knew when that was all it had merged
  HybridTime clock;              // its own, when it said so
  // What it knew that some log no longer has, or is about to lose: Replication::let_go().
  eventual::VersionVector let_go;
  bool operator==(const Holding&) const = default;
};

/// What nodes tell each other a few times a second, on every connection in both
/// directions. It carries what the teller knows of all members, so that news
/// reaches those who cannot be reached, and never without the members that it
/// was told beside: who counts on a member's word knows whom that member knew.
struct Report {
  std::uint64_t sent = 0;          // when, by the teller's clock, in its own units; 0: never mind
  std::uint64_t echoed = 0;        // the last `sent` that came this way before what follows was so
  eventual::VersionVector merged;  // the teller has this, if only in memory
  std::vector<eventual::OriginId> hears;  // whose entries come to it from themselves; sorted
  std::vector<Holding> holdings;          // the teller's own first; of those it has heard of
  std::vector<eventual::OriginId> ended;  // incarnations that write no more
  // Of this the teller's log may lack some: who has not all of it needs a checkpoint.
  eventual::VersionVector trimmed;
  bool operator==(const Report&) const = default;
};

std::string encode(const Report& report);
/// kCorrupt: it is none, or has more members than limits::members_max.
Result<Report> decode_report(std::string_view bytes);

}  // namespace holdfast::mesh
