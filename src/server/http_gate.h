// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "server/backend.h"
#include "server/http_request.h"
#include "server/http_route.h"

namespace holdfast::server {

/// What a request for the API is asked before anything is done. Pure.

/// Refuses what a web page made a browser send: one of another site, by Origin or Sec-Fetch-Site;
/// and, where nobody has to sign in (`checks_host`), one that means this port by a name that is not
/// this machine's own, as a page does whose name was made to lead here (DNS rebinding).
Refused refuse_foreign(const http::Request& request, bool checks_host);

/// Refuses a body that is to be JSON and does not say so, but of who has signed in: a page can
/// send any other type without asking, but no Authorization.
Refused refuse_other_types(const http::Request& request, bool signed_in);

/// What stands before the commands of the request: AFTER, ONCE, LOCAL or FRESH, by its headers.
Result<std::vector<std::string>> wrapping_of(const http::Request& request);

/// Whose the bearer tokens of one connection are; what was told of the last is remembered for
/// some seconds, so that it is not asked for each request.
class BearerCheck {
 public:
  /// Nobody: no token was shown. kWrongPassword, kBusy: see Backend::sign_in.
  Result<ServiceId> caller(const http::Request& request, Backend& backend,
                           std::string_view address);

 private:
  std::string shown_;  // the Authorization that was good
  ServiceId as_;
  std::uint64_t services_version_ = 0;
  Monotonic at_{};
};

}  // namespace holdfast::server
