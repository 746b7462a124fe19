// SPDX-License-Identifier: Apache-2.0
#include "log/etcd/follow.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/logging.h"

namespace holdfast::etcd {
namespace {

constexpr Millis question_timeout{1'000};
constexpr Millis page_timeout{10'000};
// Entries in one answer: each can be a megabyte.
constexpr std::int64_t page_entries = 64;
constexpr Millis backoff_first{50};
constexpr Millis backoff_max{1'000};
// Without an answer for so long the engine counts as out of reach.
constexpr Millis contact_lost_after{1'500};
// The tail is asked for so often where no one else asks.
constexpr Millis tail_interval{500};
// A watch that has not brought what the tail says is there after so long has
// lost it. An answer and an event that crossed each other are milliseconds apart.
constexpr Millis silence_max{700};
// An answer that says less than was delivered is asked for again so often and so
// long before the log is refused: a member that was paused can give a stale one.
constexpr int doubts_max = 4;
constexpr Millis doubt_time{2'000};
constexpr Millis doubt_pause{500};

std::uint64_t unsigned_of(std::int64_t revision) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(revision, 0));
}

}  // namespace

Follow::Follow(Api& api, const Keys& keys, std::string log_id, OnEntry on_entry)
    : api_(api), keys_(keys), new_log_id_(std::move(log_id)), on_entry_(std::move(on_entry)) {
  health_ = {LogHealth::State::cut_off, last_failure_};
}

Status Follow::start(Position after, std::string_view place) {
  if (!place.empty()) {
    const Result<Place> known = decode_place(place);
    if (!known) return tl::unexpected(known.error());
    cluster_id_ = known->cluster_id;
    log_id_ = known->log_id;
    position_ = known->position;
    ordinal_ = known->ordinal;
    key_ = known->key;
  }
  if (position_ != after.value)
    return fail(Code::corrupt, "the checkpoint's place in the log is not its position");
  moved_ = heard_at_ = api_.now();
  ask();
  return {};
}

std::string Follow::place() const {
  // Even before the first entry it says whose log this is.
  return encode_place({.cluster_id = cluster_id_,
                       .log_id = log_id_,
                       .position = position_,
                       .ordinal = ordinal_,
                       .key = key_});
}

template <typename T>
Done<T> Follow::on(void (Follow::*answered)(T)) {
  return [this, answered, epoch = epoch_](Answer<T> answer) {
    if (epoch != epoch_) return;
    if (!answer) return retry(answer.error());
    (this->*answered)(std::move(*answer));
  };
}

void Follow::heard(const Header& header) {
  heard_at_ = api_.now();
  ever_heard_ = true;
  if (cluster_id_ == 0) cluster_id_ = header.cluster_id;
  if (header.cluster_id != cluster_id_) {
    return refuse(
        fmt::format("etcd answers as cluster {:x}, the log that was followed lies in {:x}",
                    header.cluster_id, cluster_id_));
  }
}

void Follow::not_heard(const Failure& failure) {
  last_failure_ = failure.text;
}

void Follow::doubt(const std::string& reason) {
  ++counters_.doubts;
  if (doubts_++ == 0) {
    doubted_since_ = api_.now();
    logging::warning("the strong log: {}; asking again", reason);
  }
  if (doubts_ >= doubts_max && api_.now() - doubted_since_ >= doubt_time) return refuse(reason);
  health_ = {LogHealth::State::cut_off, reason};
  restart(true, doubt_pause);
}

void Follow::refuse(std::string reason) {
  if (health_.state == LogHealth::State::refused) return;
  logging::error("the strong log is refused: {}", reason);
  health_ = {LogHealth::State::refused, std::move(reason)};
  ++epoch_;
  stage_ = Stage::stopped;
  api_.stop_watching();
}

void Follow::restart(bool fetch, Millis delay) {
  ++epoch_;
  api_.stop_watching();
  halves_.clear();
  fetched_.clear();
  must_fetch_ = must_fetch_ || fetch;
  stage_ = Stage::waiting;
  not_before_ = api_.now() + delay;
}

void Follow::retry(const Failure& failure) {
  not_heard(failure);
  backoff_ = std::clamp(backoff_ * 2, backoff_first, backoff_max);
  restart(false, backoff_);
}

// ---- What the log is now

void Follow::ask() {
  ++epoch_;
  stage_ = Stage::asking;
  api_.range({.first = keys_.heads_begin(), .end = keys_.log_end()}, question_timeout,
             on(&Follow::on_heads));
}

void Follow::on_heads(RangeResult heads) {
  heard(heads.header);
  if (stage_ == Stage::stopped) return;
  std::string id;
  tail_position_ = tail_ordinal_ = trimmed_ = 0;
  for (const KeyValue& head : heads.kvs) {
    if (head.key == keys_.id()) id = head.value;
    if (head.key == keys_.trimmed()) trimmed_ = decode_trimmed(head.value);
    if (head.key == keys_.tail()) {
      tail_position_ = unsigned_of(head.mod_revision);
      tail_ordinal_ = unsigned_of(head.version);
    }
  }
  asked_revision_ = heads.header.revision;
  // First, as an answer from before the log was made has no id either.
  if (unsigned_of(asked_revision_) < position_) {
    return doubt(
        fmt::format("etcd is at revision {}, before the position {} that was applied: "
                    "it went back, as one restored from a backup does",
                    asked_revision_, position_));
  }
  if (id.empty() && log_id_.empty()) return make_log();
  if (log_id_.empty()) log_id_ = id;
  if (id != log_id_) {
    return refuse(id.empty() ? "etcd no longer has the log that was followed"
                             : "etcd holds another log than the one that was followed");
  }
  if (tail_ordinal_ < ordinal_ || (tail_ordinal_ == ordinal_ && tail_position_ != position_)) {
    return doubt(
        fmt::format("etcd's log has {} entries up to position {}, but {} were applied up "
                    "to position {}",
                    tail_ordinal_, tail_position_, ordinal_, position_));
  }
  key_missing_ = false;
  if (ordinal_ > 0 && position_ >= trimmed_) return check_key();
  go_on();
}

// A restored etcd that has been written to since can be past our position again:
// then another entry lies there, or none.
void Follow::check_key() {
  api_.range({.first = key_, .end = {}, .revision = asked_revision_, .keys_only = true},
             question_timeout, on(&Follow::on_key));
}

void Follow::on_key(RangeResult key) {
  heard(key.header);
  if (stage_ == Stage::stopped) return;
  if (!key.kvs.empty() && unsigned_of(key.kvs[0].mod_revision) != position_) {
    return refuse(
        fmt::format("etcd has the entry that was applied at position {} at position {}: its "
                    "history is another one",
                    position_, key.kvs[0].mod_revision));
  }
  // Perhaps trimmed while there was no room for the mark: the count of all
  // entries tells.
  key_missing_ = key.kvs.empty();
  must_fetch_ = must_fetch_ || key_missing_;
  go_on();
}

void Follow::go_on() {
  doubts_ = 0;
  health_ = {};
  if (tail_ordinal_ == ordinal_ && !key_missing_) {
    must_fetch_ = false;
    return watch(unsigned_of(asked_revision_) + 1);
  }
  // What the history still has, the watch brings; else the entries themselves.
  if (!must_fetch_) return watch(position_ + 1);
  stage_ = Stage::fetching;
  ++counters_.refetches;
  fetched_.clear();
  entries_there_ = 0;
  fetch_page(keys_.entries_begin());
}

void Follow::make_log() {
  if (ordinal_ != 0) return refuse("etcd no longer has the log that was followed");
  api_.transact({.compares = {{keys_.id(), Compare::Kind::absent}},
                 .puts = {{.key = keys_.id(), .value = new_log_id_}},
                 .deletes = {}},
                question_timeout, on(&Follow::on_made));
}

void Follow::on_made(TransactionResult made) {
  heard(made.header);
  if (stage_ != Stage::stopped) ask();  // it, or another's, is there now
}

// ---- Reading it by ranges, at one revision

void Follow::fetch_page(std::string from) {
  api_.range({.first = std::move(from),
              .end = keys_.entries_end(),
              .limit = page_entries,
              .revision = asked_revision_},
             page_timeout, on(&Follow::on_page));
}

void Follow::on_page(RangeResult page) {
  heard(page.header);
  if (stage_ != Stage::fetching) return;
  const std::string last = page.kvs.empty() ? std::string() : page.kvs.back().key;
  for (KeyValue& entry : page.kvs) {
    ++entries_there_;
    const std::uint64_t position = unsigned_of(entry.mod_revision);
    if (position > position_) fetched_.push_back(std::move(entry));
  }
  if (!page.more || last.empty()) return on_fetched();
  fetch_page(last + '\0');
}

void Follow::on_fetched() {
  // Entries are forgotten from the oldest on. The mark says up to where, or, where
  // it could not be written, how many are gone.
  const std::uint64_t gone = tail_ordinal_ - std::min(entries_there_, tail_ordinal_);
  const bool may_be_gone = position_ < trimmed_ || gone >= ordinal_;
  const std::uint64_t expected = tail_ordinal_ - ordinal_;
  if (key_missing_ && !may_be_gone) {
    return refuse(
        fmt::format("etcd no longer has the entry that was applied at position {}, though it was "
                    "not trimmed: its history is another one",
                    position_));
  }
  if (fetched_.size() < expected && may_be_gone) {
    health_ = {LogHealth::State::behind,
               fmt::format("the log has forgotten its first {} entries, {} of them were applied "
                           "here",
                           gone, ordinal_)};
    stage_ = Stage::stopped;
    ++epoch_;
    return;
  }
  if (fetched_.size() != expected) {
    return refuse(fmt::format("etcd has {} entries after position {}, its tail counts {}",
                              fetched_.size(), position_, expected));
  }
  std::ranges::sort(fetched_, {}, &KeyValue::mod_revision);
  const std::vector<KeyValue> entries = std::exchange(fetched_, {});
  const std::uint64_t epoch = epoch_;
  for (const KeyValue& entry : entries) {
    deliver(unsigned_of(entry.mod_revision), ordinal_ + 1, entry);
    if (epoch != epoch_) return;
  }
  must_fetch_ = false;
  watch(unsigned_of(asked_revision_) + 1);
}

// ---- Watching

void Follow::watch(std::uint64_t from) {
  stage_ = Stage::watching;
  halves_.clear();
  moved_ = api_.now();
  ++counters_.watches;
  api_.watch(keys_.log_begin(), keys_.log_end(), static_cast<std::int64_t>(from),
             [this, epoch = epoch_](WatchEvents events) {
               if (epoch == epoch_) on_events(std::move(events));
             });
}

void Follow::on_events(WatchEvents events) {
  if (events.ended) {
    last_failure_ = events.reason;
    if (events.compacted) return restart(true, Millis(0));
    if (events.moved) return restart(false, Millis(0));
    return retry({.kind = Failure::Kind::unknown, .text = events.reason});
  }
  heard(events.header);
  if (stage_ != Stage::watching) return;
  backoff_ = Millis(0);
  for (KeyValue& put : events.puts) {
    const std::uint64_t revision = unsigned_of(put.mod_revision);
    if (revision <= position_) {
      ++counters_.repeats;
      continue;
    }
    Half& half = halves_[revision];
    if (put.key == keys_.tail()) {
      half.ordinal = unsigned_of(put.version);
    } else if (keys_.is_entry(put.key)) {
      half.entry = std::move(put);
    } else {
      halves_.erase(revision);  // the log's id, made when there was no entry yet
    }
  }
  const std::uint64_t epoch = epoch_;
  while (!halves_.empty()) {
    const auto first = halves_.begin();
    const bool whole = first->second.entry && first->second.ordinal;
    if (whole && *first->second.ordinal == ordinal_ + 1) {
      const Half half = std::move(first->second);
      const std::uint64_t revision = first->first;
      halves_.erase(first);
      deliver(revision, *half.ordinal, *half.entry);
      if (epoch != epoch_) return;
      continue;
    }
    // The rest of a revision may come with the next events.
    if (!whole && halves_.size() == 1) return;
    ++counters_.gaps;
    logging::warning(
        "etcd's watch left out or turned round events after position {}: reading the log anew",
        position_);
    return restart(true, Millis(0));
  }
}

void Follow::deliver(std::uint64_t position, std::uint64_t ordinal, const KeyValue& entry) {
  const Result<std::string_view> payload = decode_entry(entry.value);
  if (!payload) {
    return refuse(
        fmt::format("the entry at position {} is damaged: {}", position, payload.error().message));
  }
  position_ = position;
  ordinal_ = ordinal;
  key_ = entry.key;
  moved_ = api_.now();
  on_entry_({position}, entry.key, *payload);
}

// ---- The end of the log

void Follow::heard_tail(const RangeResult& tail, Position asked_at) {
  heard(tail.header);
  if (stage_ != Stage::watching) return;
  const std::uint64_t end = tail.kvs.empty() ? 0 : unsigned_of(tail.kvs[0].mod_revision);
  const std::uint64_t count = tail.kvs.empty() ? 0 : unsigned_of(tail.kvs[0].version);
  if (end < asked_at.value || (end == position_ && count != ordinal_)) {
    return doubt(
        fmt::format("etcd's log has {} entries up to position {}, but {} were applied up "
                    "to position {}",
                    count, end, ordinal_, position_));
  }
  if (end > known_end_) {
    if (known_end_ <= position_) moved_ = api_.now();
    known_end_ = end;
  }
}

void Follow::step() {
  if (stage_ == Stage::stopped) return;
  const Monotonic now = api_.now();
  if (stage_ == Stage::waiting && now >= not_before_) ask();
  if (stage_ == Stage::watching && known_end_ > position_ && now - moved_ > silence_max) {
    ++counters_.silences;
    logging::warning("etcd's watch is silent, but its log goes on to {}: reading it anew",
                     known_end_);
    restart(true, Millis(0));
  }
  if (!tail_question_ && now - asked_tail_ >= tail_interval) {
    tail_question_ = true;
    asked_tail_ = now;
    api_.range({.first = keys_.tail(), .end = {}}, question_timeout,
               [this, asked_at = delivered()](const Answer<RangeResult>& answer) {
                 tail_question_ = false;
                 answer ? heard_tail(*answer, asked_at) : not_heard(answer.error());
               });
  }
  if (!ever_heard_ || now - heard_at_ > contact_lost_after) {
    health_ = {LogHealth::State::cut_off, "etcd is out of reach: " + last_failure_};
  } else if (health_.state == LogHealth::State::cut_off && stage_ == Stage::watching) {
    health_ = {};
  }
}

}  // namespace holdfast::etcd
