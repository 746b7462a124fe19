// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/units.h"
#include "log/etcd/api.h"
#include "log/etcd/keys.h"

namespace holdfast::etcd {

/// Lets etcd forget entries that no member needs. Deletes them by ranges of
/// keys, a session's at a time, from the oldest on, and then the history in
/// which they still are. Safe to repeat, and when two nodes do it at once.
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
  /// etcd's quota is used up: forgets what can be, and has it give space back.
  void reclaim();

  std::uint64_t trimmed() const { return done_; }

 private:
  void list(std::string from);
  void on_list(Answer<RangeResult> answer);
  void erase();
  void on_erased(Answer<TransactionResult> answer);
  void forget_history();
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
  std::map<std::string, Keyspan, std::less<>> spans_;  // by session
  std::int64_t erased_at_ = 0;                         // the revision of the last deletion
  std::int64_t forget_before_ = 0;                     // history that everyone's watch has passed
  bool reclaim_ = false;
  Monotonic reclaim_not_before_{};
};

}  // namespace holdfast::etcd
