// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/limits.h"
#include "base/units.h"
#include "function/functions.h"

namespace holdfast::node {

/// Who calls which function, since this node's start: what services came to it for, their
/// workflows' steps among it. Pure.
class CallCounts {
 public:
  struct Counts {
    std::uint64_t calls = 0;    // all tries
    std::uint64_t refused = 0;  // of them, that were not let begin
    std::uint64_t failed = 0;   // of them, that answered an error
  };
  /// Caller, "<keyspace>.<function>".
  using Name = std::pair<ServiceId, std::string>;

  void called(ServiceId caller, std::string_view function, bool failed) {
    Counts& counts = of(caller, function);
    ++counts.calls;
    if (failed) ++counts.failed;
  }
  void refused(ServiceId caller, std::string_view function) {
    Counts& counts = of(caller, function);
    ++counts.calls;
    ++counts.refused;
  }
  const std::map<Name, Counts>& all() const { return counts_; }

 private:
  /// Past the bound all further ones are counted as one that nobody is shown.
  Counts& of(ServiceId caller, std::string_view function) {
    const function::Name name = function::parse_name(function);
    scratch_.first = caller;
    scratch_.second.assign(name.keyspace).append(".").append(name.function);
    const auto found = counts_.find(scratch_);
    if (found != counts_.end()) return found->second;
    return counts_.size() < limits::calls_counted_max ? counts_[scratch_] : others_;
  }

  std::map<Name, Counts> counts_;
  Counts others_;
  Name scratch_;
};

}  // namespace holdfast::node
