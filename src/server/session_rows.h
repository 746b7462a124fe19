// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "command/row.h"

namespace holdfast::server {

/// The commands about the connection, and those that carry another.
std::span<const Row> session_rows();

/// The files behind them.
std::span<const Row> connection_rows();
std::span<const Row> client_rows();
std::span<const Row> command_rows();
std::span<const Row> transaction_rows();
std::span<const Row> wrapper_rows();
std::span<const Row> subscription_rows();
std::span<const Row> tracking_rows();

}  // namespace holdfast::server
