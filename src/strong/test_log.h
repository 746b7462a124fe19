// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/limits.h"
#include "log/log.h"

namespace holdfast::strong::testing {

/// A log whose every step a test decides: what was appended lands, fails, or
/// is lost and lands later; others append too; the end is told at once or held.
class TestLog final : public Log {
 public:
  // -- What the test decides
  Status refusal;             // what append() answers
  bool end_at_once = true;    // else questions wait for answer_ends()
  Status end_refusal;         // what a question is answered at once, if it is an error
  bool hold_entries = false;  // deliver() tells of none: the node is behind
  bool knows_end = false;     // as an engine of one node does
  std::size_t bytes_max = limits::entry_bytes_max;
  std::size_t appends = 0;  // how many there were
  std::vector<Durability> durabilities;

  std::size_t under_way() const { return proposed_.size(); }
  const std::string& first_under_way() const { return proposed_.front().payload; }
  std::size_t questions() const { return questions_.size(); }
  /// The first append under way lands; deliver() will tell.
  void land() {
    HF_ASSERT(!proposed_.empty());
    entries_.push_back(std::move(proposed_.front()));
    proposed_.pop_front();
  }
  void land_all() {
    while (!proposed_.empty()) land();
  }
  /// The first append under way fails. kUnknown: it may land later, land_lost().
  void fail(Code code) {
    HF_ASSERT(!proposed_.empty());
    failed_.emplace_back(proposed_.front().token, Error{code, "as the test says"});
    if (code == Code::unknown) lost_.push_back(std::move(proposed_.front()));
    proposed_.pop_front();
  }
  bool has_lost() const { return !lost_.empty(); }
  void land_lost() {
    entries_.push_back(std::move(lost_.front()));
    lost_.pop_front();
  }
  void append_of_another(std::string payload) { entries_.push_back({std::move(payload), 0}); }
  /// Lets deliver() answer the questions asked so far with the end as it is now.
  void answer_ends() {
    for (Question& question : questions_) {
      if (question.answer) continue;
      question.answer = true;
      question.end = Position{entries_.size()};
    }
  }
  void fail_ends() {
    for (Question& question : questions_) {
      question.answer = true;
      question.end = holdfast::fail(Code::unavailable, "no majority answered");
    }
  }
  std::size_t entries() const { return entries_.size(); }
  const std::string& payload(std::size_t i) const { return entries_[i].payload; }

  // -- Log
  Status follow(Position after, std::string_view, LogFollower& follower) override {
    follower_ = &follower;
    delivered_ = static_cast<std::size_t>(after.value);
    tell_entries();
    return {};
  }
  Status append(std::string payload, Token token, Durability durability) override {
    ++appends;
    if (!refusal) return refusal;
    HF_ASSERT(token > last_token_);
    last_token_ = token;
    durabilities.push_back(durability);
    proposed_.push_back({std::move(payload), token});
    return {};
  }
  void end(Millis, std::function<void(Result<Position>)> done) override {
    if (!end_refusal) return done(tl::unexpected(end_refusal.error()));
    if (end_at_once) return done(Position{entries_.size()});
    questions_.push_back({std::move(done), false, Position{}});
  }
  std::optional<Position> known_end() const override {
    return knows_end ? std::optional(Position{entries_.size()}) : std::nullopt;
  }
  void deliver() override {
    if (!hold_entries) tell_entries();
    while (!failed_.empty()) {
      const auto [token, error] = std::move(failed_.front());
      failed_.pop_front();
      follower_->on_append_failed(token, error);
    }
    while (!questions_.empty() && questions_.front().answer) {
      const Question question = std::move(questions_.front());
      questions_.pop_front();
      question.done(question.end);
    }
  }
  void trim(Position) override {}
  std::size_t entry_bytes_max() const override { return bytes_max; }
  Status writable() const override { return refusal; }
  void close() override {}

 private:
  struct Entry {
    std::string payload;
    Token token;
  };
  struct Question {
    std::function<void(Result<Position>)> done;
    bool answer = false;
    Result<Position> end;
  };
  void tell_entries() {
    while (delivered_ < entries_.size()) {
      const Entry entry = entries_[delivered_++];
      follower_->on_entry({Position{delivered_}, entry.payload, entry.token});
    }
  }

  LogFollower* follower_ = nullptr;
  std::vector<Entry> entries_;
  std::size_t delivered_ = 0;
  std::deque<Entry> proposed_;
  std::deque<Entry> lost_;
  std::deque<std::pair<Token, Error>> failed_;
  std::deque<Question> questions_;
  Token last_token_ = 0;
};

}  // namespace holdfast::strong::testing
