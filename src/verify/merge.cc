// SPDX-License-Identifier: Apache-2.0
#include "verify/merge.h"

#include <absl/container/flat_hash_map.h>
#include <fmt/format.h>

#include <algorithm>

namespace holdfast::verify {
namespace {

/// `other` is a later line of the same operation.
Status merge_into(Operation& whole, Operation& other, std::vector<std::string>& differing) {
  if (whole.commands != other.commands || whole.multi != other.multi) {
    return fail(Code::corrupt, fmt::format("id {} names two operations, in lines {} and {}",
                                           whole.id, whole.line, other.line));
  }
  whole.start = std::min(whole.start, other.start);
  if (other.outcome != Outcome::applied) return {};
  if (whole.outcome != Outcome::applied) {
    whole.outcome = Outcome::applied;
    whole.answer = std::move(other.answer);
    whole.end = other.end;
    whole.client = std::move(other.client);
    whole.node = std::move(other.node);
    whole.line = other.line;
    whole.error.clear();
    return {};
  }
  if (!(whole.answer == other.answer)) {
    differing.push_back(fmt::format("id {} was answered {} (line {}) and {} (line {})", whole.id,
                                    to_text(whole.answer), whole.line, to_text(other.answer),
                                    other.line));
  }
  whole.end = std::min(*whole.end, *other.end);
  return {};
}

}  // namespace

// The first key names the keyspace; a command without one has no keyspace of
// its own, and no model either.
std::string identity_of(const Operation& one) {
  const Command& command = one.commands.front();
  const std::string_view key = command.size() > 1 ? std::string_view(command[1]) : "";
  std::string scope(keyspace_of(key));
  scope += '\0';
  scope += one.id;
  return scope;
}

Result<Merged> merge_retries(std::vector<Operation> tries) {
  Merged merged;
  merged.operations.reserve(tries.size());
  absl::flat_hash_map<std::string, std::size_t> by_id;
  for (Operation& one : tries) {
    // A refused try was not applied, so it says nothing of when one was.
    if (one.outcome == Outcome::refused) continue;
    if (!one.id.empty()) {
      const auto [at, fresh] = by_id.try_emplace(identity_of(one), merged.operations.size());
      if (!fresh) {
        Status done = merge_into(merged.operations[at->second], one, merged.differing);
        if (!done) return tl::unexpected(done.error());
        continue;
      }
    }
    merged.operations.push_back(std::move(one));
  }
  std::stable_sort(merged.operations.begin(), merged.operations.end(),
                   [](const Operation& a, const Operation& b) { return a.start < b.start; });
  return merged;
}

}  // namespace holdfast::verify
