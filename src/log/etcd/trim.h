// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/units.h"
#include "log/etcd/api.h"
#include "log/etcd/keys.h"

namespace holdfast::etcd {

/// Lets etcd forget entries that no member needs. Marks up to where, deletes
/// them by ranges of keys, a session's at a time, and then the history in which
/// they still are. Safe to repeat, and when two nodes do it at once.
///
/// Without space etcd takes deletions but no mark: then it is done without, and
/// who follows goes by the count of entries that are gone.
///
/// Pure but for the Api it is given. One thread.
class Trim {
 public:
  Trim(Api& api, const Keys& keys) : api_(api), keys_(keys) {}

  /// Entries before the one at `up_to` are needed no more. That one stays: who
  /// starts from there sees by it that the log is still the same.
  void want(std::uint64_t up_to);
  /// Goes on with what is due. After every Api::deliver(), and now and then.
  void step();
  /// etcd's quota is used up: forgets what can be, all history before `delivered`
  /// too, and has it give space back.
  void reclaim(std::uint64_t delivered);

  std::uint64_t trimmed() const { return done_; }

 private:
  void mark();
  void on_mark(Answer<RangeResult> answer);
  void on_marked(const Answer<TransactionResult>& answer);
  void list(std::string from);
  void on_list(Answer<RangeResult> answer);
  void erase();
  void on_erased(Answer<TransactionResult> answer);
  void forget_history();
  void reclaim_space();
  void pause();

  struct Keyspan {
    std::string first;
    std::string last;
  };

  Api& api_;
  const Keys& keys_;
  std::uint64_t wanted_ = 0;
  std::uint64_t doing_ = 0;
  std::uint64_t done_ = 0;
  bool busy_ = false;
  Monotonic not_before_{};
  std::vector<Keyspan> spans_;      // each of one session, and without a newer entry
  bool span_open_ = false;          // the last one may grow
  std::int64_t erased_at_ = 0;      // the revision of the last deletion
  std::int64_t forget_before_ = 0;  // history that everyone's watch has passed
  bool reclaim_ = false;
  Monotonic reclaim_not_before_{};
  Monotonic urgent_until_{};
};

}  // namespace holdfast::etcd
