// SPDX-License-Identifier: Apache-2.0
#include "node/inquiries.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"

namespace holdfast::node {
namespace {

constexpr Millis patience{1'000};

}  // namespace

Status Inquiries::ask(KeyspaceId keyspace, const std::string& key,
                      const std::vector<std::string>& nodes, Monotonic now, const Ask& ask,
                      Done done) {
  if (waiting_.size() >= limits::questions_waiting_max)
    return fail(Code::busy, "too many questions wait for other nodes");
  const std::uint64_t number = ++last_number_;
  Waiting waiting{.deadline = now + patience, .said = {}, .left = 0, .done = std::move(done)};
  for (const std::string& node : nodes) {
    Said& one = waiting.said.emplace_back(Said{.node = node, .why = {}, .says = {}});
    const Status asked = ask(node, {.number = number, .keyspace = keyspace, .key = key});
    if (asked) {
      ++waiting.left;
    } else {
      one.why = asked.error().message;
    }
  }
  waiting_.emplace(number, std::move(waiting));
  return {};
}

void Inquiries::answered(const std::string& node, const mesh::Answer& answer) {
  const auto found = waiting_.find(answer.number);
  if (found == waiting_.end()) return;  // too late
  Waiting& waiting = found->second;
  const auto one = std::ranges::find(waiting.said, node, &Said::node);
  if (one == waiting.said.end() || one->answered || !one->why.empty()) return;
  one->answered = answer.refused.empty();
  one->why = answer.refused;
  one->says = answer.says;
  --waiting.left;
}

void Inquiries::turn(Monotonic now) {
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    const auto here = it++;
    if (here->second.left == 0 || here->second.deadline <= now) end(here, "no answer in a second");
  }
}

void Inquiries::give_up(const std::string& why) {
  while (!waiting_.empty()) end(waiting_.begin(), why);
}

void Inquiries::end(Place place, const std::string& why) {
  Waiting waiting = std::move(place->second);
  waiting_.erase(place);
  for (Said& one : waiting.said) {
    if (!one.answered && one.why.empty()) one.why = why;
  }
  waiting.done(waiting.said);
}

}  // namespace holdfast::node
