// SPDX-License-Identifier: Apache-2.0
#include "server/session_rows.h"

#include <vector>

namespace holdfast::server {

std::span<const Row> session_rows() {
  static const std::vector<Row> rows = [] {
    std::vector<Row> joined;
    for (const auto family : {connection_rows(), client_rows(), command_rows(), transaction_rows(),
                              wrapper_rows(), subscription_rows(), tracking_rows()}) {
      joined.insert(joined.end(), family.begin(), family.end());
    }
    return joined;
  }();
  return rows;
}

}  // namespace holdfast::server
