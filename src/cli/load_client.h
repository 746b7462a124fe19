// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/load_report.h"
#include "cli/operations.h"

namespace holdfast::cli {

/// Sends operations over several connections, each with several under way, and
/// follows each to its end. One thread.
class LoadClient {
 public:
  struct Address {
    std::string host;
    std::string port;
  };
  struct SignIn {
    std::string service;
    std::string token;
  };
  struct Options {
    std::vector<Address> addresses;  // connections are spread over them
    std::optional<SignIn> sign_in;
    std::size_t connections = 16;
    std::size_t pipeline = 16;  // operations under way on a connection
    /// Try again after an error that may pass, and after a lost connection.
    /// Without it an error ends its operation, a lost connection the load.
    bool retry = false;
    std::chrono::milliseconds give_up_after{60'000};
  };
  struct Listener {
    /// Ten times a second.
    std::function<void(const LoadReport& so_far, double progress)> progress;
    /// A sentence about a row, an answer or a connection; few of a kind.
    std::function<void(const std::string&)> problem;
  };

  LoadClient(Operations& operations, Options options, Listener listener);
  ~LoadClient();

  /// Until the end of the operations, giving up, or an interrupt (SIGINT, SIGTERM).
  LoadReport run();

 private:
  class Session;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// "HOST:PORT", "[::1]:PORT".
Result<LoadClient::Address> parse_address(std::string_view text);

}  // namespace holdfast::cli
