// SPDX-License-Identifier: Apache-2.0
// RESTORE takes bytes that a client made: whatever they are, they are a value or refused, and what
// is taken gives itself again.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/assert.h"
#include "base/checksum.h"
#include "base/wire.h"
#include "command/dump.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  static_cast<void>(holdfast::command::value_of_dump(bytes));
  // Damage that the checksum does not find.
  std::string payload("HFD\x01");
  payload.append(bytes);
  holdfast::wire::put_u64(payload, holdfast::checksum(payload));
  if (const auto value = holdfast::command::value_of_dump(payload)) {
    const std::string again = holdfast::command::dump_of(*value);
    const auto once_more = holdfast::command::value_of_dump(again);
    HF_ASSERT(once_more.has_value() && holdfast::command::dump_of(*once_more) == again);
  }
  return 0;
}
