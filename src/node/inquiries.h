// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "mesh/question.h"

namespace holdfast::node {

/// The EXPLAINs that wait for what other nodes say of their keys: each for a second
/// at most. Decides only. One thread.
class Inquiries {
 public:
  /// What became of asking one node.
  struct Said {
    std::string node;
    bool answered = false;
    std::string why;  // it did not
    eventual::Saying says;
  };
  /// Asks a node; an error: it cannot be asked, and why.
  using Ask = std::function<Status(const std::string& node, const mesh::Question& question)>;
  /// Gets all that was said, in the order of the nodes; from turn().
  using Done = std::function<void(const std::vector<Said>& said)>;

  /// kBusy: too many wait already.
  Status ask(KeyspaceId keyspace, const std::string& key, const std::vector<std::string>& nodes,
             Monotonic now, const Ask& ask, Done done);
  void answered(const std::string& node, const mesh::Answer& answer);
  /// Ends those that have all answers, or have waited for long enough.
  void turn(Monotonic now);
  /// Ends all of them: nobody will answer any more.
  void give_up(const std::string& why);
  bool idle() const { return waiting_.empty(); }

 private:
  struct Waiting {
    Monotonic deadline;
    std::vector<Said> said;
    std::size_t left = 0;  // asked, and silent so far
    Done done;
  };
  using Place = std::map<std::uint64_t, Waiting>::iterator;
  void end(Place place, const std::string& why);

  std::map<std::uint64_t, Waiting> waiting_;  // by the questions' number
  std::uint64_t last_number_ = 0;
};

}  // namespace holdfast::node
