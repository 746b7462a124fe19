// SPDX-License-Identifier: Apache-2.0
#include "strong/appenders.h"

#include <algorithm>
#include <vector>

#include "base/limits.h"

namespace holdfast::strong {

bool Appenders::is_new(AppendName name) const {
  const auto found = last_.find(name.incarnation);
  return found == last_.end() || name.counter > found->second.counter;
}

void Appenders::applied(AppendName name, Instant time) {
  const auto found = last_.find(name.incarnation);
  if (found != last_.end()) {
    found->second = {name.counter, time};
    return;
  }
  // Not at every one, which would cost a walk each; and by the count alone, so
  // that a node that restarted forgets at the same entry as the others.
  if (!last_.empty() && last_.size() % limits::appenders_kept == 0) forget(time);
  last_.emplace(name.incarnation, Last{name.counter, time});
}

void Appenders::forget(Instant now) {
  const Instant oldest = now - Millis(limits::appender_kept_ms);
  absl::erase_if(last_, [&](const auto& entry) { return entry.second.time < oldest; });
  if (last_.size() < limits::appenders_max) return;
  last_.erase(std::min_element(last_.begin(), last_.end(), [](const auto& a, const auto& b) {
    return std::pair(a.second.time, a.first) < std::pair(b.second.time, b.first);
  }));
}

void Appenders::encode(std::string& out) const {
  std::vector<std::pair<std::uint64_t, Last>> sorted(last_.begin(), last_.end());
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  wire::put_varint(out, sorted.size());
  for (const auto& [incarnation, last] : sorted) {
    wire::put_u64(out, incarnation);
    wire::put_varint(out, last.counter);
    wire::put_signed(out, to_ms(last.time));
  }
}

void Appenders::decode(wire::Reader& in) {
  const std::uint64_t count = in.varint();
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    const std::uint64_t incarnation = in.u64();
    const std::uint64_t counter = in.varint();
    last_[incarnation] = {counter, instant_from_ms(in.signed_varint())};
  }
}

}  // namespace holdfast::strong
