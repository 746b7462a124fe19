// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>

#include "base/units.h"
#include "eventual/clock.h"

namespace holdfast::mesh {

/// How far this node is behind each other, by its own clock alone: a peer sends
/// back the time that it was told together with what it had merged then, so all
/// that it had merged by that time is known to be here once that is. Decides
/// only. One thread.
class Freshness {
 public:
  /// At some moment after `asked` the member had merged this much.
  void heard(const std::string& node, Monotonic asked, const eventual::VersionVector& merged);

  /// Up to when everything that the member had merged is in `own`; nothing: that
  /// is not known.
  std::optional<Monotonic> seen_until(const std::string& node, const eventual::VersionVector& own);

 private:
  struct Word {
    Monotonic asked;
    eventual::VersionVector merged;
  };
  struct Member {
    std::optional<Monotonic> seen_until;
    std::deque<Word> words;  // that were not met yet, oldest first
  };
  std::map<std::string, Member> members_;
};

}  // namespace holdfast::mesh
