// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/units.h"
#include "eventual/saying.h"

namespace holdfast::mesh {

/// What a node asks another on the connection on which it sends it its log: what
/// its replica says of a key. Since version 3 of the protocol (docs/formats/mesh.md).
struct Question {
  std::uint64_t number = 0;  // the asker's own, to know the answer by
  KeyspaceId keyspace;
  std::string key;
  bool operator==(const Question&) const = default;
};

struct Answer {
  std::uint64_t number = 0;
  std::string refused;  // why it says nothing; empty: it does
  eventual::Saying says;
  bool operator==(const Answer&) const = default;
};

std::string encode(const Question& question);
/// Texts that are longer than any that may be told are cut.
std::string encode(const Answer& answer);
/// kCorrupt: it is none.
Result<Question> decode_question(std::string_view bytes);
Result<Answer> decode_answer(std::string_view bytes);

}  // namespace holdfast::mesh
