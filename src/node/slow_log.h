// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/units.h"
#include "command/row.h"

namespace holdfast::node {

/// The commands that took longest, as SLOWLOG shows them: the last so many, cut as Redis cuts them.
/// In memory, of this node's own clients. Pure.
class SlowLog {
 public:
  struct Entry {
    std::uint64_t id = 0;
    Instant at{};  // when it had run
    std::chrono::microseconds took{0};
    std::vector<std::string> command;
    std::string keyspace;  // of its first key or function; empty: of none
    std::string client;    // HOST:PORT
    std::string client_name;
    ServiceId caller;
  };

  /// Commands at least so slow are kept; below zero: none is.
  std::chrono::microseconds slower_than() const { return slower_than_; }
  void set_slower_than(std::chrono::microseconds least) { slower_than_ = least; }
  bool is_on() const { return slower_than_.count() >= 0 && max_len_ > 0; }
  std::size_t max_len() const { return max_len_; }
  void set_max_len(std::size_t entries);

  /// Where it is on.
  Entry& add(Instant at, std::chrono::microseconds took, Args args, ServiceId caller);
  void clear() { entries_.clear(); }

  /// The newest first.
  const std::deque<Entry>& entries() const { return entries_; }
  /// Says whose the newest so many are.
  void name_newest(std::size_t entries, const std::string& client, const std::string& name);
  /// Of the newest ever; 0: there was none.
  std::uint64_t last_id() const { return last_id_; }

 private:
  std::chrono::microseconds slower_than_{10'000};
  std::size_t max_len_ = 128;
  std::uint64_t last_id_ = 0;
  std::deque<Entry> entries_;
};

/// The words as a slow log keeps them: the first 32, the first 128 bytes of each, and how many more
/// there were.
std::vector<std::string> cut_command(Args args);

}  // namespace holdfast::node
