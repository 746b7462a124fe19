// SPDX-License-Identifier: Apache-2.0
#include "log/etcd/trim.h"

#include <algorithm>
#include <utility>

#include "base/logging.h"

namespace holdfast::etcd {
namespace {

constexpr Millis timeout{10'000};
constexpr Millis reclaim_timeout{60'000};
constexpr Millis pause_after_failure{1'000};
constexpr Millis reclaim_interval{10'000};
// So long after etcd was last out of space every trim has it give space back.
constexpr Millis urgent_time{30'000};
constexpr std::int64_t page_keys = 4'096;
constexpr std::size_t spans_max = 64;  // in one transaction; etcd allows 128 operations

}  // namespace

void Trim::want(std::uint64_t up_to) {
  wanted_ = std::max(wanted_, up_to);
}

void Trim::reclaim(std::uint64_t delivered) {
  reclaim_ = true;
  urgent_until_ = api_.now() + urgent_time;
  erased_at_ = std::max(erased_at_, static_cast<std::int64_t>(delivered));
}

void Trim::step() {
  const Monotonic now = api_.now();
  if (busy_ || now < not_before_) return;
  if (wanted_ > done_) {
    busy_ = true;
    doing_ = wanted_;
    return mark();
  }
  if (!reclaim_ || now < reclaim_not_before_) return;
  reclaim_ = false;
  reclaim_not_before_ = now + reclaim_interval;
  busy_ = true;
  forget_history();
}

void Trim::pause() {
  busy_ = false;
  not_before_ = api_.now() + pause_after_failure;
}

// First, so that it is never less than what is gone.
void Trim::mark() {
  api_.range({.first = keys_.trimmed(), .end = {}}, timeout,
             [this](Answer<RangeResult> answer) { on_mark(std::move(answer)); });
}

void Trim::on_mark(Answer<RangeResult> answer) {
  if (!answer) return pause();
  const bool there = !answer->kvs.empty();
  if (there && decode_trimmed(answer->kvs[0].value) >= doing_) return list(keys_.entries_begin());
  api_.transact({.compares = {{.key = keys_.trimmed(),
                               .kind = Compare::Kind::unchanged,
                               .end = {},
                               .revision = there ? answer->kvs[0].mod_revision : 0}},
                 .puts = {{.key = keys_.trimmed(), .value = encode_trimmed(doing_)}},
                 .deletes = {}},
                timeout, [this](const Answer<TransactionResult>& marked) { on_marked(marked); });
}

void Trim::on_marked(const Answer<TransactionResult>& answer) {
  if (!answer && answer.error().kind != Failure::Kind::no_space) return pause();
  if (answer && !answer->succeeded) return mark();  // another node's was quicker
  list(keys_.entries_begin());
}

void Trim::list(std::string from) {
  if (from == keys_.entries_begin()) {
    spans_.clear();
    span_open_ = false;
  }
  api_.range(
      {.first = std::move(from), .end = keys_.entries_end(), .limit = page_keys, .keys_only = true},
      timeout, [this](Answer<RangeResult> answer) { on_list(std::move(answer)); });
}

void Trim::on_list(Answer<RangeResult> answer) {
  if (!answer) return pause();
  erased_at_ = std::max(erased_at_, answer->header.revision);  // others' deletions
  for (KeyValue& entry : answer->kvs) {
    if (static_cast<std::uint64_t>(entry.mod_revision) >= doing_) {
      span_open_ = false;
      continue;
    }
    if (span_open_ && keys_.session_of(spans_.back().last) == keys_.session_of(entry.key)) {
      spans_.back().last = entry.key;
    } else {
      spans_.push_back({entry.key, entry.key});
      span_open_ = true;
    }
  }
  if (answer->more && !answer->kvs.empty()) return list(answer->kvs.back().key + '\0');
  erase();
}

void Trim::erase() {
  if (spans_.empty()) {
    done_ = doing_;
    return forget_history();
  }
  Transaction transaction;
  while (!spans_.empty() && transaction.deletes.size() < spans_max) {
    Keyspan span = std::move(spans_.back());
    spans_.pop_back();
    const std::string end = span.last + '\0';
    // A late copy of an entry that was trimmed before can have landed among them.
    transaction.compares.push_back({.key = span.first,
                                    .kind = Compare::Kind::older,
                                    .end = end,
                                    .revision = static_cast<std::int64_t>(doing_)});
    transaction.deletes.push_back({.first = std::move(span.first), .end = end});
  }
  api_.transact(std::move(transaction), timeout,
                [this](Answer<TransactionResult> answer) { on_erased(std::move(answer)); });
}

void Trim::on_erased(Answer<TransactionResult> answer) {
  if (!answer || !answer->succeeded) return pause();  // it is listed again
  erased_at_ = std::max(erased_at_, answer->header.revision);
  erase();
}

// What was deleted is in the history until that is forgotten up to the deletion.
// Watches that have not come so far end and must read the log by ranges: so it
// is forgotten at the next trim, when all have long passed it. Without space it
// is forgotten at once.
void Trim::forget_history() {
  const bool urgent = api_.now() < urgent_until_;
  const std::int64_t before = urgent ? erased_at_ : forget_before_;
  forget_before_ = erased_at_;
  if (before == 0) {
    busy_ = false;
    return;
  }
  api_.compact(before, timeout, [this, before, urgent](const Answer<Header>& answer) {
    // Another node may have come further already.
    if (!answer && answer.error().kind != Failure::Kind::compacted) {
      forget_before_ = before;
      reclaim_ = reclaim_ || urgent;
      return pause();
    }
    if (urgent) return reclaim_space();
    busy_ = false;
  });
}

void Trim::reclaim_space() {
  logging::warning("etcd's space quota is used up: asking its members to give space back");
  api_.reclaim_space(reclaim_timeout, [this](const Answer<Header>& reclaimed) {
    if (!reclaimed)
      logging::warning("etcd's members could not reclaim space: {}", reclaimed.error().text);
    busy_ = false;
  });
}

}  // namespace holdfast::etcd
