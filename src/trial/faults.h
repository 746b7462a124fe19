// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "base/error.h"
#include "trial/client.h"
#include "trial/own_cluster.h"

namespace holdfast::trial {

/// One way to break something and to mend it again.
struct Fault {
  std::string what;
  std::function<boost::asio::awaitable<Status>()> strike;
  std::function<boost::asio::awaitable<Status>()> mend;
};

/// Commands of the user that break and mend his own cluster.
struct Hooks {
  std::string strike;  // for /bin/sh; empty: there is none
  std::string mend;
  std::string log_file;  // of what they print
};

/// Breaks one thing at a time while clients work, mends it, and waits until
/// every node answers again; all of that counts as the fault's time.
class Faults {
 public:
  /// `own`: null where the cluster is somebody's else. What is not there is not
  /// broken. They must outlive this. `patience`: for all to answer again.
  Faults(Load& load, OwnCluster* own, Hooks hooks, std::uint64_t seed, milliseconds patience);

  bool any() const { return own_ != nullptr || !hooks_.strike.empty(); }
  /// Until the load is to stop. An error: something did not come back.
  boost::asio::awaitable<Status> run();
  /// What is broken now; empty: nothing.
  const std::string& now() const { return now_; }

 private:
  Fault draw();
  Fault kill(Process& process);
  Fault pause(Process& process);
  Fault cut_from_etcd(std::size_t node);
  Fault cut_mesh();
  Fault hook();
  boost::asio::awaitable<Status> shell(std::string command);
  std::size_t below(std::size_t end);
  milliseconds between(milliseconds least, milliseconds most);

  Load& load_;
  OwnCluster* own_;
  Hooks hooks_;
  std::mt19937_64 random_;
  milliseconds patience_;
  std::string now_;
};

/// Waits until every node answers a read of every ground. An error names the
/// node that does not within `patience`, and what it says.
boost::asio::awaitable<Status> until_all_answer(Load& load, milliseconds patience);

}  // namespace holdfast::trial
