// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace holdfast::server {

/// Commands as a session reads them: RESP's arrays of bulk strings.
class EncodedCommands {
 public:
  /// Keeps some room, not all that a large request took.
  void clear();

  /// A command whose arguments are not known at once: begin(), arguments, end().
  void begin() {
    arguments_.clear();
    arguments_count_ = 0;
  }
  void add(std::string_view argument);
  std::size_t arguments() const { return arguments_count_; }
  void end();

  void command(std::initializer_list<std::string_view> arguments) {
    begin();
    for (const std::string_view argument : arguments) add(argument);
    end();
  }

  std::size_t count() const { return count_; }
  std::string& bytes() { return bytes_; }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
  std::size_t count_ = 0;
  std::string arguments_;  // of the command that has begun
  std::size_t arguments_count_ = 0;
};

}  // namespace holdfast::server
