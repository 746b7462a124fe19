// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <optional>
#include <string>

#include "base/logging.h"
#include "catalog/service_rows.h"
#include "node/node.h"

namespace holdfast::node {
namespace {

constexpr std::string_view administrator_name = "admin";
constexpr Millis turn_interval{10};

}  // namespace

Status Node::make_administrator() {
  if (options_.trust_network || requests_->must_sign_in() ||
      !(front().is_beyond_loopback(options_.resp) ||
        (fronts_->http() != nullptr && front().is_beyond_loopback(options_.http))))
    return {};
  if (!has_strong()) {
    return fail(Code::err,
                "services need an engine (--engine etcd://…), and where nobody has to sign in a "
                "node does not listen beyond loopback, but with --trust-network");
  }
  const std::string token = draw_token();
  const std::string path = options_.data + "/admin-token";
  // First the file: a service whose token nobody has could not be changed any more.
  if (Status s = environment_->write_secret(path, token + "\n"); !s) return s;
  const auto answer = std::make_shared<std::optional<std::string>>();
  append_own(add_service(administrator_name, true, hash_of_token(token)),
             [answer](std::string_view reply) { *answer = reply; });
  while (!*answer) {
    turn();
    environment_->wait(environment_->now() + turn_interval);
  }
  if (!(*answer)->starts_with('-')) {
    logging::info(
        "service '{}' was declared, since clients come from beyond loopback; its token "
        "is in {}",
        administrator_name, path);
    return {};
  }
  // Another node may have been first.
  if (requests_->must_sign_in()) return environment_->files().remove(path);
  return fail(Code::unavailable, "the first service cannot be declared: " + **answer);
}

}  // namespace holdfast::node
