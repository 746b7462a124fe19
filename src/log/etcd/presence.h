// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/units.h"
#include "log/etcd/api.h"
#include "log/etcd/keys.h"

namespace holdfast::etcd {

/// Says in etcd that a node is alive, for as long as it is: a key with its
/// id, bound to a lease. So a second node with the same id (a copied data folder)
/// finds it taken.
///
/// Best effort: the log needs none of it. Where etcd is out of reach for longer
/// than the lease nothing is known, and nothing is refused.
///
/// `instance` tells this node from a copy of it, but not from its own next start,
/// which would have to wait for the lease of one that was killed: a name for the
/// machine and the data folder on it, which one process at a time can lock.
///
/// Pure but for the Api it is given. One thread.
class Presence {
 public:
  enum class State : std::uint8_t {
    unknown,  // etcd has not said yet
    held,     // this node is the one
    taken,    // another is, holder()
  };

  Presence(Api& api, std::string_view cluster, std::string_view id, std::string instance);

  /// Goes on with what is due. After every Api::deliver(), and every 100 ms or so.
  void step();
  State state() const { return state_; }
  /// The other's instance, when taken.
  const std::string& holder() const { return holder_; }

 private:
  void grant();
  void claim();
  void put_if(Compare compare);
  void look();
  void take_over(const KeyValue& own);
  void keep_alive();
  void failed(const Failure& failure);
  void held();

  Api& api_;
  std::string key_;
  std::string instance_;
  State state_ = State::unknown;
  std::string holder_;
  std::int64_t lease_ = 0;
  bool busy_ = false;
  Monotonic next_{};
};

}  // namespace holdfast::etcd
