// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace holdfast {

/// What went wrong, as users see it: docs/errors.md. The one list of codes is
/// `error_table()`; each row says its RESP word, HTTP status and whether the
/// operation can have been applied.
enum class Code : std::uint8_t {
  err,          // the command itself is wrong: syntax, arity, range
  wrong_type,   // the key holds another type
  unavailable,  // certainly not applied; try again, here or elsewhere
  busy,         // certainly not applied; a limit is reached
  unknown,      // perhaps applied; try again with the same request id
  id_reused,    // the request id named another operation
  id_expired,   // the request id is older than what is remembered
  voided,       // the request id was settled as never to run
  no_permission,
  no_auth,
  wrong_password,
  cross_keyspace,
  unsupported,  // the keyspace's guarantee cannot keep what the command promises
  stale,
  no_id,  // the keyspace requires request ids
  exec_abort,
  no_protocol,
  no_script,
  corrupt,   // a file or message failed its checksum or its grammar (internal; never sent)
  io,        // the disk answered an error (internal; never sent)
  no_space,  // the disk is full (internal; never sent)
};

enum class Applied : std::uint8_t { no, perhaps };

struct CodeRow {
  Code code;
  std::string_view resp;  // first word of the RESP error
  int http_status;
  Applied applied;
};

/// Every code, in enum order.
std::span<const CodeRow> error_table();
const CodeRow& row_of(Code code);

/// An error with a sentence for a person. The sentence has no code in front
/// and no line break.
struct Error {
  Code code = Code::err;
  std::string message;
};

template <typename T>
using Result = tl::expected<T, Error>;
using Status = tl::expected<void, Error>;

inline tl::unexpected<Error> fail(Code code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

}  // namespace holdfast
