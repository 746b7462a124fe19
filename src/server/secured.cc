// SPDX-License-Identifier: Apache-2.0
#include "server/secured.h"

#include "base/logging.h"

namespace holdfast::server {
namespace {

constexpr int lines_per_second_max = 10;  // as RespServer's

}  // namespace

void TlsFailures::note(std::string_view address, std::string_view why) {
  ++count_;
  if (lines_logged_ == lines_per_second_max) return;
  ++lines_logged_;
  logging::warning("refusing a client at {}: {}", address, why);
}

}  // namespace holdfast::server
