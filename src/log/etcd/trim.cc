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
constexpr std::int64_t page_keys = 4'096;
constexpr std::size_t spans_max = 64;  // in one transaction; etcd allows 128 operations

}  // namespace

void Trim::want(std::uint64_t up_to) {
  wanted_ = std::max(wanted_, up_to);
}

void Trim::reclaim() {
  reclaim_ = true;
}

void Trim::step() {
  const Monotonic now = api_.now();
  if (busy_ || now < not_before_) return;
  if (wanted_ > done_) {
    busy_ = true;
    doing_ = wanted_;
    spans_.clear();
    return list(keys_.entries_begin());
  }
  if (!reclaim_ || now < reclaim_not_before_) return;
  reclaim_ = false;
  reclaim_not_before_ = now + reclaim_interval;
  busy_ = true;
  forget_before_ = std::max(forget_before_, erased_at_);
  forget_history();
}

void Trim::pause() {
  busy_ = false;
  not_before_ = api_.now() + pause_after_failure;
}

void Trim::list(std::string from) {
  api_.range(
      {.first = std::move(from), .end = keys_.entries_end(), .limit = page_keys, .keys_only = true},
      timeout, [this](Answer<RangeResult> answer) { on_list(std::move(answer)); });
}

void Trim::on_list(Answer<RangeResult> answer) {
  if (!answer) return pause();
  for (const KeyValue& entry : answer->kvs) {
    if (static_cast<std::uint64_t>(entry.mod_revision) >= doing_) continue;
    Keyspan& span = spans_[std::string(keys_.session_of(entry.key))];
    if (span.first.empty()) span.first = entry.key;
    span.last = entry.key;
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
    auto span = spans_.extract(spans_.begin());
    transaction.deletes.push_back(
        {.first = std::move(span.mapped().first), .end = span.mapped().last + '\0'});
  }
  api_.transact(std::move(transaction), timeout,
                [this](Answer<TransactionResult> answer) { on_erased(std::move(answer)); });
}

void Trim::on_erased(Answer<TransactionResult> answer) {
  if (!answer) return pause();  // it is listed again
  erased_at_ = answer->header.revision;
  erase();
}

// What was deleted is in the history until that is forgotten up to the deletion.
// Watches that have not come so far end and must read the log by ranges: so it
// is forgotten at the next trim, when all have long passed it.
void Trim::forget_history() {
  if (forget_before_ == 0) {
    forget_before_ = erased_at_;
    busy_ = false;
    return;
  }
  const bool reclaiming = reclaim_not_before_ > api_.now();
  api_.compact(forget_before_, timeout, [this, reclaiming](const Answer<Header>& answer) {
    // Another node may have come further already.
    if (!answer && answer.error().kind != Failure::Kind::compacted) return pause();
    forget_before_ = erased_at_;
    if (!reclaiming) {
      busy_ = false;
      return;
    }
    logging::warning("etcd's space quota is used up: asking its members to give space back");
    api_.reclaim_space(reclaim_timeout, [this](const Answer<Header>& reclaimed) {
      if (!reclaimed)
        logging::warning("etcd's members could not reclaim space: {}", reclaimed.error().text);
      busy_ = false;
    });
  });
}

}  // namespace holdfast::etcd
