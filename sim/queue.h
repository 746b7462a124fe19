// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "sim/agenda.h"
#include "sim/call.h"

namespace holdfast::sim {

/// One queue of a strong keyspace that nothing can take from by losing its disk: clients push jobs
/// into it and wait for them. No job may be given to two of those who asked.
class Queue {
 public:
  explicit Queue(Random& random) : random_(random) {}

  Call next();
  /// What an answer to one of these calls shows to be wrong; empty: nothing.
  std::string heard(const Call& call, const verify::Answer& answer);
  std::uint64_t taken() const { return takers_.size(); }

 private:
  Random& random_;
  std::uint64_t pushed_ = 0;
  std::uint64_t asked_ = 0;
  std::map<std::string, std::string> takers_;  // of each job that was given: the request id
  std::map<std::string, std::string> given_;   // by request id
};

}  // namespace holdfast::sim
