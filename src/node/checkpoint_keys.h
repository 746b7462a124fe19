// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace holdfast::node {

/// Keys of Family::meta: docs/formats/checkpoint.md.
namespace checkpoint_key {
inline constexpr std::string_view catalog = "catalog";
inline constexpr std::string_view machine = "machine";
inline constexpr std::string_view members = "members";
inline constexpr std::string_view services = "services";
inline constexpr std::string_view libraries = "libraries";
inline constexpr std::string_view log_place = "log-place";
inline constexpr std::string_view replica = "replica";
inline constexpr std::string_view origin_position = "origin-position";
}  // namespace checkpoint_key

}  // namespace holdfast::node
