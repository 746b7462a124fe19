// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/error.h"

namespace holdfast::trial {

/// A child process that ends with this one, whose output goes to a file. One
/// thread: the kernel ends children together with the thread that made them.
class Process {
 public:
  /// `command`: the program and its arguments.
  Process(std::string name, std::vector<std::string> command, std::string log_file);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  const std::string& name() const { return name_; }
  /// 0: it does not run.
  pid_t id() const { return pid_; }
  Status start();
  /// Ends it at once (SIGKILL); nothing of it is left when this returns.
  void kill();
  /// As an operator would (SIGTERM), and waits for it.
  void stop();
  void pause();
  void resume();
  bool is_paused() const { return paused_; }
  /// Whether it was started and has ended, and not by any of the above.
  bool ended_by_itself();
  /// What its log ends with, for a person.
  std::string last_words() const;

 private:
  void end(int signal);

  std::string name_;
  std::vector<std::string> command_;
  std::string log_file_;
  pid_t pid_ = 0;
  bool ended_by_itself_ = false;
  bool paused_ = false;
};

/// Where a program is, going by PATH; empty: nowhere.
std::string find_program(const std::string& name);

/// `count` ports of loopback that nobody listens on now, each once.
Result<std::vector<std::string>> free_ports(std::size_t count);

}  // namespace holdfast::trial
