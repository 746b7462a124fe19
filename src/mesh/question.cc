// SPDX-License-Identifier: Apache-2.0
#include "mesh/question.h"

#include <algorithm>

#include "base/limits.h"
#include "base/wire.h"
#include "eventual/open_key.h"

namespace holdfast::mesh {
namespace {

enum class Kind : std::uint8_t { refused = 0, absent = 1, present = 2 };

// A time of its own stands for "none".
constexpr std::int64_t no_expiry = INT64_MIN;

}  // namespace

std::string encode(const Question& question) {
  std::string out;
  wire::put_u64(out, question.number);
  wire::put_varint(out, question.keyspace.value);
  wire::put_bytes(out, question.key);
  return out;
}

Result<Question> decode_question(std::string_view bytes) {
  wire::Reader in(bytes);
  Question question;
  question.number = in.u64();
  const std::uint64_t keyspace = in.varint();
  question.keyspace = KeyspaceId{static_cast<std::uint32_t>(keyspace)};
  question.key = in.bytes();
  if (!in.ok() || !in.at_end() || keyspace > UINT32_MAX ||
      question.key.size() > limits::key_bytes_max)
    return fail(Code::corrupt, "a malformed question");
  return question;
}

std::string encode(const Answer& answer) {
  const eventual::Saying& says = answer.says;
  std::string out;
  wire::put_u64(out, answer.number);
  if (!answer.refused.empty()) {
    wire::put_u8(out, static_cast<std::uint8_t>(Kind::refused));
    wire::put_bytes(out, std::string_view(answer.refused).substr(0, limits::mesh_error_bytes_max));
    return out;
  }
  if (!says.type) {
    wire::put_u8(out, static_cast<std::uint8_t>(Kind::absent));
    return out;
  }
  wire::put_u8(out, static_cast<std::uint8_t>(Kind::present));
  wire::put_u8(out, static_cast<std::uint8_t>(*says.type));
  wire::put_varint(out, says.size);
  wire::put_bytes(out, std::string_view(says.value).substr(0, limits::mesh_answer_bytes_max));
  wire::put_signed(out, says.expiry ? to_ms(*says.expiry) : no_expiry);
  wire::put_u64(out, says.digest);
  return out;
}

Result<Answer> decode_answer(std::string_view bytes) {
  wire::Reader in(bytes);
  Answer answer;
  answer.number = in.u64();
  const std::uint8_t kind = in.u8();
  bool sound = kind <= static_cast<std::uint8_t>(Kind::present);
  if (kind == static_cast<std::uint8_t>(Kind::refused)) {
    answer.refused = in.bytes();
    sound = !answer.refused.empty() && answer.refused.size() <= limits::mesh_error_bytes_max;
  } else if (kind == static_cast<std::uint8_t>(Kind::present)) {
    const auto type = static_cast<Type>(in.u8());
    sound = std::ranges::find(eventual::types_by_rank, type) != eventual::types_by_rank.end();
    answer.says.type = type;
    answer.says.size = in.varint();
    answer.says.value = in.bytes();
    sound = sound && answer.says.value.size() <= limits::mesh_answer_bytes_max;
    const std::int64_t expiry = in.signed_varint();
    if (expiry != no_expiry) answer.says.expiry = instant_from_ms(expiry);
    answer.says.digest = in.u64();
  }
  if (!sound || !in.ok() || !in.at_end()) return fail(Code::corrupt, "a malformed answer");
  return answer;
}

}  // namespace holdfast::mesh
