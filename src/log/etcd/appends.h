// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/units.h"
#include "log/etcd/api.h"
#include "log/etcd/keys.h"

namespace holdfast::etcd {

/// This log's own appends on their way into etcd. Each has a key of its own, so
/// that sending it again is harmless, and lands only after the one before it:
/// its transaction asks that the key is absent, and that the predecessor's is
/// there as long as it is not known to be. An append that cannot be settled in
/// time is given up, and with it those behind; later ones are of a new session.
///
/// Pure but for the Api it is given. One thread.
class Appends {
 public:
  using Token = std::uint64_t;
  struct Hooks {
    std::function<void(const Header&)> heard;
    std::function<void(const Failure&)> not_heard;
    std::function<void(Token, const Error&)> failed;
    std::function<std::uint64_t()> random;  // a session's name
  };
  Appends(Api& api, const Keys& keys, Millis timeout, Hooks hooks);

  /// Takes the append and sends it.
  void add(std::string_view payload, Token token);
  /// Sends again what is due, gives up what is late.
  void step();
  /// An entry was delivered: its token, if it is one of these; else 0.
  Token delivered(std::string_view key);
  /// Whether etcd last said that its quota is used up.
  bool no_space() const { return no_space_; }
  std::size_t under_way() const { return own_.size(); }

  struct Counters {
    std::uint64_t sent = 0;
    std::uint64_t overtaken = 0;  // transactions that came before their predecessor's
    std::uint64_t again = 0;      // sent again after a failure
    std::uint64_t given_up = 0;
  };
  const Counters& counters() const { return counters_; }

 private:
  struct Own {
    std::uint64_t number = 0;  // of all appends, for the answers to find it
    Token token = 0;
    std::string key;
    std::string value;
    Monotonic deadline{};
    Monotonic not_before{};
    int tries = 0;
    std::uint64_t sent = 0;  // which of all sends its last one was
    bool in_flight = false;
    bool blocked = false;  // waits for its predecessor to be sent again, or to land
    bool perhaps = false;  // a try of it may have landed
    bool landed = false;   // it has; the watch will bring it
  };
  /// Where it is; nothing when it was delivered or given up.
  std::optional<std::size_t> find(std::uint64_t number) const;
  void send(std::size_t i);
  void send_behind(std::size_t i);
  void overtook(std::size_t i);
  void answered(std::uint64_t number, Answer<TransactionResult> answer);
  void look(std::size_t i);
  void looked(std::uint64_t number, const Answer<RangeResult>& answer);
  void landed(std::size_t i);
  void not_answered(std::size_t i, const Failure& failure);
  void give_up(std::size_t from, const Error& why);
  Millis try_timeout(const Own& own) const;

  Api& api_;
  const Keys& keys_;
  const Millis timeout_;
  Hooks hooks_;
  std::uint64_t session_;
  std::uint64_t next_counter_ = 1;
  std::uint64_t last_number_ = 0;
  std::deque<Own> own_;  // in the order in which they land
  bool no_space_ = false;
  Counters counters_;
};

}  // namespace holdfast::etcd
