// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/units.h"
#include "workflow/progress.h"
#include "workflow/run.h"

namespace holdfast::node {

/// Sends the HTTP requests of workflows' steps. One thread but for what it says.
class HttpCalls {
 public:
  struct Options {
    /// Whom requests may go to: HOST, with any port, or HOST:PORT. Nobody else.
    std::vector<std::string> hosts;
    /// Where the secrets lie that definitions name as tokens; read at each request.
    std::map<std::string, std::string> secret_files;
    std::string ca;  // PEM file of who signs those hosts' certificates; empty: the system's
    /// Called when collect() has something. Any thread.
    std::function<void()> wake;
  };
  using Done = std::function<void(workflow::Outcome)>;

  virtual ~HttpCalls() = default;
  /// Sends it with the id as its Idempotency-Key. `done` is called within collect().
  ///
  /// 2xx is success; the result is {"status": …, "body": …}, the body as JSON where it is JSON,
  /// else as a string, and null over limits::workflow_response_bytes_max. 408, 425, 429, 5xx, no
  /// answer in time and no connection are `unknown`; any other status, a redirect among them, is a
  /// refusal.
  virtual void send(const workflow::OutgoingHttp& request, const std::string& id, Millis timeout,
                    Done done) = 0;
  /// Calls back for those that have ended.
  virtual void collect() = 0;
};

/// By libcurl, on a thread of its own.
std::unique_ptr<HttpCalls> make_curl_calls(HttpCalls::Options options);

/// What an answer comes to. `body` cut off where it was longer than it may be.
workflow::Outcome outcome_of_http(long status, const std::string& body, bool cut_off);
/// kErr: it may not be sent there, and why. The URL must be http:// or https://, without user or
/// password in it.
Status check_url(const std::string& url, const std::vector<std::string>& hosts);

}  // namespace holdfast::node
