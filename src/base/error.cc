// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <array>

#include "base/assert.h"

namespace holdfast {
namespace {

constexpr std::array rows{
    CodeRow{Code::err, "ERR", 400, Applied::no},
    CodeRow{Code::wrong_type, "WRONGTYPE", 400, Applied::no},
    CodeRow{Code::unavailable, "UNAVAILABLE", 503, Applied::no},
    CodeRow{Code::busy, "BUSY", 503, Applied::no},
    CodeRow{Code::unknown, "UNKNOWN", 504, Applied::perhaps},
    CodeRow{Code::id_reused, "IDREUSED", 422, Applied::no},
    CodeRow{Code::id_expired, "IDEXPIRED", 422, Applied::no},
    CodeRow{Code::voided, "VOIDED", 409, Applied::no},
    CodeRow{Code::no_permission, "NOPERM", 403, Applied::no},
    CodeRow{Code::no_auth, "NOAUTH", 401, Applied::no},
    CodeRow{Code::wrong_password, "WRONGPASS", 401, Applied::no},
    CodeRow{Code::cross_keyspace, "CROSSKEYSPACE", 400, Applied::no},
    CodeRow{Code::unsupported, "UNSUPPORTED", 400, Applied::no},
    CodeRow{Code::stale, "STALE", 503, Applied::no},
    CodeRow{Code::no_id, "NOID", 400, Applied::no},
    CodeRow{Code::exec_abort, "EXECABORT", 400, Applied::no},
    CodeRow{Code::no_protocol, "NOPROTO", 400, Applied::no},
    CodeRow{Code::no_script, "NOSCRIPT", 400, Applied::no},
    CodeRow{Code::corrupt, "UNAVAILABLE", 503, Applied::no},
    CodeRow{Code::io, "UNAVAILABLE", 503, Applied::no},
    CodeRow{Code::no_space, "UNAVAILABLE", 503, Applied::no},
};

constexpr bool in_enum_order() {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (static_cast<std::size_t>(rows[i].code) != i) return false;
  }
  return true;
}
static_assert(in_enum_order());
static_assert(rows.size() == static_cast<std::size_t>(Code::no_space) + 1);

}  // namespace

std::span<const CodeRow> error_table() {
  return rows;
}

const CodeRow& row_of(Code code) {
  const auto i = static_cast<std::size_t>(code);
  HF_ASSERT(i < rows.size());
  return rows[i];
}

}  // namespace holdfast
