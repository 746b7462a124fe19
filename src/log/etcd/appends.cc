// SPDX-License-Identifier: Apache-2.0
#include "log/etcd/appends.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace holdfast::etcd {
namespace {

// One try's; a member that does not answer is then passed over.
constexpr Millis try_timeout_max{1'000};
constexpr Millis retry_first{10};
constexpr Millis retry_max{250};

}  // namespace

Appends::Appends(Api& api, const Keys& keys, Millis timeout, Hooks hooks)
    : api_(api),
      keys_(keys),
      timeout_(timeout),
      hooks_(std::move(hooks)),
      session_(hooks_.random()) {}

void Appends::add(std::string_view payload, Token token) {
  Own own;
  own.number = ++last_number_;
  own.token = token;
  own.key = keys_.entry(session_, next_counter_++);
  own.value = encode_entry(payload);
  own.deadline = api_.now() + timeout_;
  // Behind one that waits it would come too early for certain.
  own.blocked = !own_.empty() && !own_.back().in_flight && !own_.back().landed;
  own_.push_back(std::move(own));
  if (!own_.back().blocked) send(own_.size() - 1);
}

// They are few: what a sequencer has in flight.
std::optional<std::size_t> Appends::find(std::uint64_t number) const {
  const auto found = std::ranges::find(own_, number, &Own::number);
  if (found == own_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - own_.begin());
}

Millis Appends::try_timeout(const Own& own) const {
  const auto left = std::chrono::duration_cast<Millis>(own.deadline - api_.now());
  return std::clamp(left, Millis(1), try_timeout_max);
}

void Appends::send(std::size_t i) {
  Own& own = own_[i];
  Transaction transaction;
  transaction.compares.push_back({own.key, Compare::Kind::absent});
  if (i > 0 && !own_[i - 1].landed) {
    transaction.compares.push_back({own_[i - 1].key, Compare::Kind::present});
  }
  transaction.puts.push_back({.key = own.key, .value = own.value});
  transaction.puts.push_back({.key = keys_.tail(), .value = {}});
  transaction.watched = true;
  own.in_flight = true;
  own.blocked = false;
  if (own.tries++ > 0) ++counters_.again;
  own.sent = ++counters_.sent;
  api_.transact(std::move(transaction), try_timeout(own),
                [this, number = own.number](auto answer) { answered(number, std::move(answer)); });
  send_behind(i);
}

// What waited for this one goes right behind it, and what waited for that: or
// one that came too early would leave all later ones to land one by one.
void Appends::send_behind(std::size_t i) {
  if (i + 1 < own_.size() && own_[i + 1].blocked) send(i + 1);
}

// It came before its predecessor, which is there now, or on its way since, or
// will be.
void Appends::overtook(std::size_t i) {
  ++counters_.overtaken;
  const bool first = i == 0 || own_[i - 1].landed;
  if (first || (own_[i - 1].in_flight && own_[i - 1].sent > own_[i].sent)) return send(i);
  own_[i].blocked = true;
}

void Appends::answered(std::uint64_t number, Answer<TransactionResult> answer) {
  if (answer) hooks_.heard(answer->header);
  if (answer && answer->succeeded) no_space_ = false;
  const auto i = find(number);
  if (!i) return;
  own_[*i].in_flight = false;
  if (!answer) return not_answered(*i, answer.error());
  if (answer->succeeded) return landed(*i);
  if (own_[*i].perhaps) return look(*i);
  overtook(*i);
}

// Some try may have landed: then the key is there.
void Appends::look(std::size_t i) {
  own_[i].in_flight = true;
  api_.range({.first = own_[i].key, .end = {}, .keys_only = true}, try_timeout(own_[i]),
             [this, number = own_[i].number](const Answer<RangeResult>& answer) {
               looked(number, answer);
             });
}

void Appends::looked(std::uint64_t number, const Answer<RangeResult>& answer) {
  if (answer) hooks_.heard(answer->header);
  const auto i = find(number);
  if (!i) return;
  own_[*i].in_flight = false;
  if (!answer) return not_answered(*i, answer.error());
  if (!answer->kvs.empty()) return landed(*i);
  overtook(*i);
}

void Appends::landed(std::size_t i) {
  own_[i].landed = true;
  own_[i].value = {};
  send_behind(i);
}

void Appends::not_answered(std::size_t i, const Failure& failure) {
  Own& own = own_[i];
  hooks_.not_heard(failure);
  switch (failure.kind) {
    case Failure::Kind::invalid:
      return give_up(i, {own.perhaps ? Code::unknown : Code::err, "etcd: " + failure.text});
    case Failure::Kind::no_space:
      no_space_ = true;
      return give_up(i, {Code::unavailable, "etcd's space quota is used up"});
    case Failure::Kind::unknown:
    case Failure::Kind::compacted:
      own.perhaps = true;
      break;
    case Failure::Kind::not_done:
      break;
  }
  const Millis delay = std::min(retry_max, retry_first * (1 << std::min(own.tries, 6)));
  own.not_before = api_.now() + delay;
}

void Appends::step() {
  const Monotonic now = api_.now();
  for (std::size_t i = 0; i < own_.size(); ++i) {
    Own& own = own_[i];
    if (own.deadline <= now) return give_up(i, {Code::unavailable, "etcd did not answer in time"});
    const bool after_failure = own.tries > 0 && !own.in_flight && !own.landed && !own.blocked;
    if (after_failure && own.not_before <= now) send(i);
  }
}

// Of those behind the one that fails, a try that was sent may land as long as
// that one's may.
void Appends::give_up(std::size_t from, const Error& why) {
  const auto begin = own_.begin() + static_cast<std::ptrdiff_t>(from);
  const std::vector<Own> lost(std::make_move_iterator(begin), std::make_move_iterator(own_.end()));
  own_.erase(begin, own_.end());
  // One of them may land yet, after those that come now: in another session its
  // keys are still in the order in which they landed, and trimming counts on that.
  session_ = hooks_.random();
  next_counter_ = 1;
  const auto sent = [](const Own& own) { return own.perhaps || own.in_flight || own.landed; };
  const bool perhaps = sent(lost.front());
  counters_.given_up += lost.size();
  for (const Own& own : lost) {
    Error error = why;
    if (&own != &lost.front()) error.code = Code::unavailable;
    if (perhaps && sent(own)) error.code = Code::unknown;
    hooks_.failed(own.token, error);
  }
}

Appends::Token Appends::delivered(std::string_view key) {
  if (own_.empty() || own_.front().key != key) return 0;
  const Token token = own_.front().token;
  own_.pop_front();
  if (!own_.empty() && own_.front().blocked) send(0);
  return token;
}

}  // namespace holdfast::etcd
