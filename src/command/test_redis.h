// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "command/test_world.h"

/// For this folder's tests: a redis-server of our own, to compare with.
namespace holdfast::command {

/// A reply, read: what is compared and what a failing test shows.
struct ReplyTree {
  char kind = '_';  // as RESP3; every null is '_'
  std::string text;
  std::vector<ReplyTree> items;  // a map's: field, value, field, …

  bool is_error() const { return kind == '-'; }
  /// Puts what has no order into one: a set's members, a map's fields and,
  /// with `lists`, the elements of arrays.
  void sort(bool lists);
  std::string show() const;
};

/// Takes one reply off `bytes`; asserts that a whole one is there.
ReplyTree parse_reply(std::string_view& bytes);

class RealRedis {
 public:
  /// The one of this process, started at first use on a socket in a folder of
  /// its own, ended with the process; nullptr where redis-server 7.0 is not
  /// installed, the reason printed.
  static RealRedis* instance();
  ~RealRedis();

  ReplyTree run(const Line& line);
  /// What is answered by pushes alone.
  void send(const Line& line);
  /// Another connection to the same server, which must live longer.
  std::unique_ptr<RealRedis> another() const;
  /// What came unasked before the replies, since this was asked last.
  std::vector<ReplyTree> take_pushes() { return std::exchange(pushes_, {}); }

 private:
  RealRedis() = default;
  bool start();
  bool wait_until_ready(int log);
  bool connect_to(const std::string& path);
  void fill();

  std::string folder_;
  int pid_ = -1;
  int socket_ = -1;
  std::string received_;
  std::vector<ReplyTree> pushes_;
};

}  // namespace holdfast::command
