// SPDX-License-Identifier: Apache-2.0
#include "log/memory_log.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/limits.h"

namespace holdfast {

MemoryLog::MemoryLog(std::shared_ptr<MemoryLogStore> store, std::function<void()> wake)
    : store_(std::move(store)), wake_(std::move(wake)) {}

Status MemoryLog::follow(Position after, std::string_view, LogFollower& follower) {
  HF_ASSERT(follower_ == nullptr);
  if (after < store_->trimmed || after > store_->last()) {
    return fail(Code::corrupt, "the log does not hold what follows the checkpoint");
  }
  follower_ = &follower;
  delivered_ = after;
  while (delivered_ < store_->last()) {
    delivered_ = delivered_.next();
    const std::string& payload = store_->entries[delivered_.value - store_->trimmed.value - 1];
    follower.on_entry({.position = delivered_, .payload = payload, .token = 0});
  }
  return {};
}

Status MemoryLog::append(std::string payload, Token token, Durability) {
  HF_ASSERT(follower_ != nullptr && token != 0);
  if (Status s = writable(); !s) return s;
  if (payload.size() > limits::entry_bytes_max) {
    return fail(Code::err, "the entry is larger than a log can hold");
  }
  bytes_appended_ += payload.size();
  waiting_.push_back({std::move(payload), token});
  if (!held_) release();
  return {};
}

void MemoryLog::release(std::size_t count) {
  for (; count > 0 && !waiting_.empty(); --count) {
    Waiting first = std::move(waiting_.front());
    waiting_.pop_front();
    land(std::move(first));
  }
  if (waiting_.empty()) held_ = false;
  if (wake_) wake_();
}

void MemoryLog::land(Waiting waiting) {
  Outcome outcome{.token = waiting.token, .error = std::nullopt, .position = {}};
  bool lands = true;
  if (!failures_.empty()) {
    const Failure failure = failures_.front();
    failures_.pop_front();
    HF_ASSERT(!failure.lands || failure.code == Code::unknown);
    lands = failure.lands;
    outcome.error = Error{failure.code, "the engine did not answer"};
  }
  if (lands) {
    store_->entries.push_back(std::move(waiting.payload));
    outcome.position = store_->last();
  }
  outcomes_.push_back(std::move(outcome));
}

void MemoryLog::end(Millis, std::function<void(Result<Position>)> done) {
  if (ends_held_) {
    ends_.push_back(std::move(done));
  } else {
    done(store_->last());
  }
}

void MemoryLog::answer_ends(std::optional<Error> error) {
  ends_held_ = false;
  for (auto& done : ends_) {
    Result<Position> answer = store_->last();
    if (error) answer = tl::unexpected(*error);
    answers_.emplace_back(std::move(done), std::move(answer));
  }
  ends_.clear();
  if (wake_) wake_();
}

void MemoryLog::deliver() {
  while (!answers_.empty()) {
    auto [done, answer] = std::move(answers_.front());
    answers_.pop_front();
    done(std::move(answer));
  }
  if (delivery_held_ || follower_ == nullptr) return;
  // What is appended or lands while the follower is told waits for the next call.
  const Position end = store_->last();
  std::size_t outcomes = outcomes_.size();
  while (delivered_ < end || outcomes > 0) {
    // An outcome without a place is told before the entries that come after it.
    const bool failed = outcomes > 0 && outcomes_.front().error.has_value();
    if (failed && outcomes_.front().position <= delivered_.next()) {
      const Outcome outcome = std::move(outcomes_.front());
      outcomes_.pop_front();
      --outcomes;
      follower_->on_append_failed(outcome.token, *outcome.error);
      continue;
    }
    HF_ASSERT(delivered_ < end);
    delivered_ = delivered_.next();
    Token token = 0;
    if (outcomes > 0 && !failed && outcomes_.front().position == delivered_) {
      token = outcomes_.front().token;
      outcomes_.pop_front();
      --outcomes;
    }
    HF_ASSERT(delivered_ > store_->trimmed);
    // A copy: the follower may append, and the store's strings may move.
    const std::string payload = store_->entries[delivered_.value - store_->trimmed.value - 1];
    follower_->on_entry({.position = delivered_, .payload = payload, .token = token});
  }
}

void MemoryLog::trim(Position up_to) {
  up_to = std::min(up_to, delivered_);
  if (up_to <= store_->trimmed) return;
  const auto count = static_cast<std::ptrdiff_t>(up_to.value - store_->trimmed.value);
  store_->entries.erase(store_->entries.begin(), store_->entries.begin() + count);
  store_->trimmed = up_to;
}

Status MemoryLog::writable() const {
  if (closed_) return fail(Code::unavailable, "the log is closed");
  if (refusal_) return tl::unexpected(*refusal_);
  return {};
}

void MemoryLog::close() {
  closed_ = true;
  delivery_held_ = false;
  release();
  deliver();
}

}  // namespace holdfast
