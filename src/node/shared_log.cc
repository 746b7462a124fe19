// SPDX-License-Identifier: Apache-2.0
#include "node/shared_log.h"

#include <random>
#include <string>
#include <utility>

#include "log/etcd/grpc_api.h"
#include "node/secret_file.h"

namespace holdfast::node {

Result<SharedLog> open_shared_log(const Options& options, const Engine& engine,
                                  std::function<void()> wake) {
  std::string password;
  if (!options.etcd_user.empty()) {
    auto read = read_secret_file(options.etcd_password_file, "etcd's password");
    if (!read) return tl::unexpected(read.error());
    password = std::move(*read);
  }
  auto api = etcd::connect({.endpoints = engine.etcd,
                            .ca_file = options.etcd_ca,
                            .cert_file = options.etcd_cert,
                            .key_file = options.etcd_key,
                            .user = options.etcd_user,
                            .password = std::move(password),
                            .wake = std::move(wake)});
  if (!api) return tl::unexpected(api.error());
  SharedLog shared;
  shared.api = std::move(*api);
  shared.log =
      etcd::make_etcd_log(shared.api, {.cluster = options.cluster,
                                       .request_timeout = options.request_timeout,
                                       .random = [device = std::make_shared<std::random_device>()] {
                                         return std::uint64_t{(*device)()} << 32 | (*device)();
                                       }});
  return shared;
}

}  // namespace holdfast::node
