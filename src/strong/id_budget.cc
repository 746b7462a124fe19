// SPDX-License-Identifier: Apache-2.0
#include "strong/id_budget.h"

namespace holdfast::strong {

void IdBudget::encode(std::string& out) const {
  wire::put_varint(out, spans_.size());
  for (const Span& span : spans_) {
    wire::put_signed(out, to_ms(span.first));
    wire::put_varint(out, static_cast<std::uint64_t>((span.last - span.first).count()));
    wire::put_varint(out, span.bytes);
  }
}

void IdBudget::decode(wire::Reader& in) {
  const std::uint64_t count = in.varint();
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    const Instant first = instant_from_ms(in.signed_varint());
    const Instant last = first + Millis(static_cast<std::int64_t>(in.varint()));
    const std::uint64_t bytes = in.varint();
    spans_.push_back({first, last, bytes});
    bytes_ += bytes;
  }
}

}  // namespace holdfast::strong
