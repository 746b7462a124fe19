// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "catalog/services.h"

namespace holdfast::server {

/// What a request that has arrived whole will touch, as far as a glance tells.
struct Ahead {
  std::string_view name;        // of the command
  std::string_view request_id;  // under ONCE, else empty
  std::string_view key;         // the first argument of the command
  std::string_view item;        // the second
  ServiceId caller{};           // whose ids it has; not for look_ahead() to know
};

/// Glances at the requests at the head of `input`, at most as many as `ahead`
/// has room for, and says how many it met. It stops at the first that is not
/// an array of bulk strings, all there: the parser will have its say. A hint,
/// nothing depends on it being right. Pure.
///
/// Worth it because memory answers late: with a batch of requests at hand, what
/// they will touch can be asked for all at once instead of one after the other.
std::size_t look_ahead(std::string_view input, std::span<Ahead> ahead);

}  // namespace holdfast::server
