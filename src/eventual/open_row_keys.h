// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/units.h"
#include "table/store.h"

/// The keys of rows in Family::open: docs/formats/open-rows.md.
namespace holdfast::eventual {

// The byte behind the keyspace: operations lie before the keys that name them.
inline constexpr char operation_row = 1;
inline constexpr char key_row = 2;
inline constexpr char light_row = 3;
inline constexpr std::size_t open_row_prefix_bytes = 5;

inline void put_big_endian(std::string& out, std::uint64_t v) {
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>(v >> shift));
}
inline std::uint64_t read_big_endian(std::string_view bytes) {
  std::uint64_t v = 0;
  for (const char c : bytes) v = v << 8 | static_cast<std::uint8_t>(c);
  return v;
}

inline std::string open_row_key(KeyspaceId keyspace, char kind) {
  std::string key = keyspace_row_prefix(keyspace);
  key.push_back(kind);
  return key;
}
inline KeyspaceId keyspace_of_open_row(std::string_view row_key) {
  return {
      static_cast<std::uint32_t>(read_big_endian(row_key.substr(0, open_row_prefix_bytes - 1)))};
}

}  // namespace holdfast::eventual
