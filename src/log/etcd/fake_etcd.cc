// SPDX-License-Identifier: Apache-2.0
#include "log/etcd/fake_etcd.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/assert.h"

namespace holdfast::etcd {
namespace {

Failure unknown(std::string text) {
  return {.kind = Failure::Kind::unknown, .text = std::move(text)};
}

bool in_range(std::string_view key, std::string_view first, std::string_view end) {
  return end.empty() ? key == first : key >= first && key < end;
}

}  // namespace

FakeEtcd::FakeEtcd(std::uint64_t seed) : random_(seed) {}
FakeEtcd::~FakeEtcd() {
  HF_ASSERT(clients_.empty());
}

std::shared_ptr<FakeClient> FakeEtcd::connect() {
  return std::make_shared<FakeClient>(*this);
}

bool FakeEtcd::chance(double share) {
  return share > 0 && std::uniform_real_distribution<>(0, 1)(random_) < share;
}

Millis FakeEtcd::delay() {
  return Millis(
      std::uniform_int_distribution<>(static_cast<int>(faults.delay_min.count()),
                                      static_cast<int>(faults.delay_max.count()))(random_));
}

void FakeEtcd::at(Monotonic time, std::function<void()> run) {
  agenda_.push({time, ++last_number_, std::move(run)});
}

void FakeEtcd::advance(Millis time) {
  const Monotonic until = now_ + time;
  while (!agenda_.empty() && agenda_.top().at <= until) {
    now_ = std::max(now_, agenda_.top().at);
    const auto run = agenda_.top().run;
    agenda_.pop();
    run();
    expire();
  }
  now_ = until;
  expire();
}

void FakeEtcd::expire() {
  for (auto lease = leases_.begin(); lease != leases_.end();) {
    if (lease->second.ends > now_) {
      ++lease;
      continue;
    }
    std::vector<std::string> bound;
    for (const auto& [key, versions] : state_.keys) {
      if (versions.back().version > 0 && versions.back().lease == lease->first)
        bound.push_back(key);
    }
    if (!bound.empty()) ++state_.revision;
    for (const std::string& key : bound) erase(key, {});
    lease = leases_.erase(lease);
  }
}

// ---- What it holds

const FakeEtcd::Version* FakeEtcd::find(std::string_view key) const {
  const auto found = state_.keys.find(key);
  if (found == state_.keys.end() || found->second.back().version == 0) return nullptr;
  return &found->second.back();
}

std::vector<std::string> FakeEtcd::keys(std::string_view prefix) const {
  std::vector<std::string> found;
  for (const auto& [key, versions] : state_.keys) {
    if (key.starts_with(prefix) && versions.back().version > 0) found.push_back(key);
  }
  return found;
}

std::uint64_t FakeEtcd::bytes() const {
  std::uint64_t sum = 0;
  for (const auto& [key, versions] : state_.keys) {
    for (const Version& version : versions) sum += key.size() + version.value.size();
  }
  return sum;
}

void FakeEtcd::put(const Put& put) {
  auto& versions = state_.keys[put.key];
  const std::int64_t before = versions.empty() ? 0 : versions.back().version;
  versions.push_back({state_.revision, before + 1, put.lease, put.value});
  if (on_put) on_put(put, versions.back());
}

void FakeEtcd::erase(const std::string& first, const std::string& end) {
  for (auto& [key, versions] : state_.keys) {
    if (in_range(key, first, end) && versions.back().version > 0)
      versions.push_back({.mod_revision = state_.revision, .version = 0, .lease = 0, .value = {}});
  }
}

void FakeEtcd::put(const std::string& key, std::string value) {
  ++state_.revision;
  put(Put{.key = key, .value = std::move(value)});
  changed();
}

void FakeEtcd::erase(const std::string& key) {
  ++state_.revision;
  erase(key, {});
}

void FakeEtcd::compact(std::int64_t revision) {
  state_.compacted = std::max(state_.compacted, std::min(revision, state_.revision));
  for (auto key = state_.keys.begin(); key != state_.keys.end();) {
    auto& versions = key->second;
    const auto kept = std::ranges::find_if(
        versions, [&](const Version& version) { return version.mod_revision > state_.compacted; });
    auto last = kept == versions.begin() ? kept : kept - 1;
    if (last != versions.end() && last->mod_revision <= state_.compacted && last->version == 0)
      ++last;
    versions.erase(versions.begin(), last);
    key = versions.empty() ? state_.keys.erase(key) : std::next(key);
  }
}

void FakeEtcd::restore(State state, bool ends_watches) {
  state_ = std::move(state);
  if (ends_watches) end_watches();
}

void FakeEtcd::end_watches() {
  for (FakeClient* client : clients_) client->end_watch();
}

bool FakeEtcd::holds(const Compare& compare) const {
  const Version* there = find(compare.key);
  switch (compare.kind) {
    case Compare::Kind::absent:
      return there == nullptr;
    case Compare::Kind::present:
      return there != nullptr;
    case Compare::Kind::unchanged:
      return (there == nullptr ? 0 : there->mod_revision) == compare.revision;
    case Compare::Kind::older:
      return std::ranges::all_of(state_.keys, [&](const auto& key) {
        return !in_range(key.first, compare.key, compare.end) || key.second.back().version == 0 ||
               key.second.back().mod_revision < compare.revision;
      });
  }
  return false;
}

Answer<TransactionResult> FakeEtcd::transact(const Transaction& transaction) {
  if (!transaction.puts.empty() && (state_.no_space || bytes() > quota_bytes)) {
    state_.no_space = true;
    return tl::unexpected(
        Failure{.kind = Failure::Kind::no_space, .text = "database space exceeded"});
  }
  const bool holds_all =
      std::ranges::all_of(transaction.compares, [&](const Compare& c) { return holds(c); });
  if (!holds_all) return TransactionResult{header(), false};
  for (const Put& one : transaction.puts) {
    if (one.lease == 0 || leases_.contains(one.lease)) continue;
    return tl::unexpected(
        Failure{.kind = Failure::Kind::invalid, .text = "requested lease not found"});
  }
  ++state_.revision;
  for (const Delete& one : transaction.deletes) erase(one.first, one.end);
  for (const Put& one : transaction.puts) put(one);
  changed();
  return TransactionResult{header(), true};
}

Answer<RangeResult> FakeEtcd::range(const Range& range) const {
  if (range.revision != 0 && range.revision < state_.compacted) {
    return tl::unexpected(
        Failure{.kind = Failure::Kind::compacted, .text = "required revision has been compacted"});
  }
  const std::int64_t revision = range.revision == 0 ? state_.revision : range.revision;
  RangeResult result{.header = header(), .kvs = {}, .more = false, .count = 0};
  for (const auto& [key, versions] : state_.keys) {
    if (!in_range(key, range.first, range.end)) continue;
    const Version* found = nullptr;
    for (const Version& version : versions) {
      if (version.mod_revision <= revision) found = &version;
    }
    if (found == nullptr || found->version == 0) continue;
    ++result.count;
    if (range.min_mod_revision != 0 && found->mod_revision < range.min_mod_revision) continue;
    if (range.max_mod_revision != 0 && found->mod_revision > range.max_mod_revision) continue;
    if (range.count_only) continue;
    if (range.limit != 0 && static_cast<std::int64_t>(result.kvs.size()) == range.limit) {
      result.more = true;
      continue;
    }
    result.kvs.push_back({.key = key,
                          .value = range.keys_only ? std::string() : found->value,
                          .mod_revision = found->mod_revision,
                          .version = found->version});
  }
  return result;
}

void FakeEtcd::changed() {
  for (FakeClient* client : clients_) client->pump();
}

// ---- A connection

FakeClient::FakeClient(FakeEtcd& etcd) : etcd_(etcd), alive_(std::make_shared<FakeClient*>(this)) {
  etcd_.clients_.push_back(this);
}

FakeClient::~FakeClient() {
  *alive_ = nullptr;
  std::erase(etcd_.clients_, this);
}

void FakeClient::deliver() {
  for (const auto& work : std::exchange(inbox_, {})) work();
}

template <typename T>
void FakeClient::ask(Millis timeout, Done<T> done, std::function<Answer<T>()> run) {
  // Once: with the answer, or when its time is up.
  const auto waiting = std::make_shared<std::optional<Done<T>>>(std::move(done));
  const auto answer = [alive = alive_, waiting](Answer<T> result) {
    if (*alive == nullptr || !*waiting) return;
    (*alive)->inbox(
        [to = *std::exchange(*waiting, std::nullopt), result = std::move(result)] { to(result); });
  };
  const FakeFaults& faults = etcd_.faults;
  etcd_.at(etcd_.now() + timeout,
           [answer] { answer(tl::unexpected(unknown("deadline exceeded"))); });
  if (etcd_.chance(faults.refused)) {
    return answer(
        tl::unexpected(Failure{.kind = Failure::Kind::not_done, .text = "connection refused"}));
  }
  const bool late = etcd_.chance(faults.late);
  const bool reply_lost = etcd_.chance(faults.reply_lost);
  if (cut_ || etcd_.chance(faults.request_lost)) return;
  const Millis on_its_way = late ? timeout + etcd_.delay() + Millis(20) : etcd_.delay();
  etcd_.at(etcd_.now() + on_its_way,
           [this_etcd = &etcd_, alive = alive_, run = std::move(run), answer, reply_lost] {
             if (this_etcd->now_ < this_etcd->outage_until_) {
               // Some that came before the election ended are done after it.
               if (!this_etcd->chance(0.3)) return;
               return this_etcd->at(this_etcd->outage_until_, [run] { (void)run(); });
             }
             Answer<T> result = run();
             if (reply_lost) return;
             this_etcd->at(this_etcd->now_ + this_etcd->delay(), [alive, answer, result] {
               if (*alive != nullptr && !(*alive)->cut_) answer(result);
             });
           });
}

void FakeClient::transact(Transaction transaction, Millis timeout, Done<TransactionResult> done) {
  ask<TransactionResult>(timeout, std::move(done),
                         [etcd = &etcd_, transaction = std::move(transaction)] {
                           return etcd->transact(transaction);
                         });
}

void FakeClient::range(Range range, Millis timeout, Done<RangeResult> done) {
  ask<RangeResult>(timeout, std::move(done),
                   [etcd = &etcd_, range = std::move(range)] { return etcd->range(range); });
}

void FakeClient::compact(std::int64_t revision, Millis timeout, Done<Header> done) {
  ask<Header>(timeout, std::move(done), [etcd = &etcd_, revision]() -> Answer<Header> {
    if (revision <= etcd->state_.compacted)
      return tl::unexpected(Failure{.kind = Failure::Kind::compacted, .text = "compacted"});
    etcd->compact(revision);
    return etcd->header();
  });
}

void FakeClient::status(Millis timeout, Done<std::vector<MemberStatus>> done) {
  using Members = std::vector<MemberStatus>;
  ask<Members>(timeout, std::move(done), [etcd = &etcd_]() -> Answer<Members> {
    const auto bytes = static_cast<std::int64_t>(etcd->bytes());
    return Members{{.endpoint = "fake",
                    .version = etcd->member_version,
                    .database_bytes = bytes,
                    .database_bytes_used = bytes}};
  });
}

void FakeClient::reclaim_space(Millis timeout, Done<Header> done) {
  ask<Header>(timeout, std::move(done), [etcd = &etcd_]() -> Answer<Header> {
    etcd->state_.no_space = false;
    return etcd->header();
  });
}

void FakeClient::grant_lease(std::chrono::seconds ttl, Millis timeout, Done<std::int64_t> done) {
  ask<std::int64_t>(timeout, std::move(done), [etcd = &etcd_, ttl]() -> Answer<std::int64_t> {
    etcd->leases_[++etcd->last_lease_] = {ttl, etcd->now_ + ttl};
    return etcd->last_lease_;
  });
}

void FakeClient::keep_alive(std::int64_t lease, Millis timeout, Done<Header> done) {
  ask<Header>(timeout, std::move(done), [etcd = &etcd_, lease]() -> Answer<Header> {
    const auto found = etcd->leases_.find(lease);
    if (found == etcd->leases_.end())
      return tl::unexpected(Failure{.kind = Failure::Kind::invalid, .text = "the lease has ended"});
    found->second.ends = etcd->now_ + found->second.ttl;
    return etcd->header();
  });
}

// ---- Its watch

void FakeClient::watch(std::string first, std::string end, std::int64_t revision,
                       std::function<void(WatchEvents)> on_events) {
  watch_ = std::make_shared<Watch>(Watch{.first = std::move(first),
                                         .end = std::move(end),
                                         .next = revision,
                                         .on_events = std::move(on_events)});
  pump();
}

void FakeClient::silence_watch() {
  if (watch_ != nullptr) watch_->silent = true;
}

void FakeClient::end_watch(bool compacted) {
  if (watch_ == nullptr) return;
  watch_->silent = true;
  WatchEvents end;
  end.ended = true;
  end.compacted = compacted;
  end.reason = "the watch ended";
  send(watch_, std::move(end));
}

void FakeClient::pump() {
  if (watch_ == nullptr || watch_->pumping || watch_->silent) return;
  watch_->pumping = true;
  // What comes until then is sent together.
  etcd_.at(etcd_.now() + etcd_.delay(), [alive = alive_, watch = watch_] {
    watch->pumping = false;
    if (*alive == nullptr || watch->silent) return;
    FakeClient& client = **alive;
    FakeEtcd& etcd = client.etcd_;
    if (client.watch_ != watch || client.cut_) return;
    if (watch->next < etcd.state_.compacted) return client.end_watch(true);
    std::map<std::int64_t, std::vector<KeyValue>> revisions;
    for (const auto& [key, versions] : etcd.state_.keys) {
      if (!in_range(key, watch->first, watch->end)) continue;
      for (const FakeEtcd::Version& version : versions) {
        if (version.version == 0 || version.mod_revision < watch->next) continue;
        revisions[version.mod_revision].push_back(
            {key, version.value, version.mod_revision, version.version});
      }
    }
    watch->next = std::max(watch->next, etcd.state_.revision + 1);
    if (etcd.chance(etcd.faults.watch_ended)) return client.end_watch();
    if (etcd.chance(etcd.faults.watch_silent)) return client.silence_watch();

    WatchEvents events;
    events.header = etcd.header();
    std::vector<KeyValue> behind;
    for (auto& [revision, puts] : revisions) {
      if (client.lose_next_ > 0) {
        --client.lose_next_;
        continue;
      }
      if (std::exchange(client.halve_next_, false)) puts.pop_back();
      const bool swap = std::exchange(client.swap_next_, false) ||
                        (behind.empty() && etcd.chance(etcd.faults.events_reordered));
      if (swap) {
        behind = std::move(puts);
        continue;
      }
      for (KeyValue& put : puts) {
        if (etcd.chance(etcd.faults.event_lost)) continue;
        events.puts.push_back(std::move(put));
        if (etcd.chance(etcd.faults.events_split)) {
          client.send(watch, events);
          events.puts.clear();
        }
      }
      events.puts.insert(events.puts.end(), behind.begin(), behind.end());
      behind.clear();
    }
    if (!behind.empty()) {  // it was the last: it comes a while later
      WatchEvents later = events;
      later.puts = behind;
      client.send(watch, std::move(later), Millis(20));
    }
    if (events.puts.empty()) return;
    const bool repeat =
        std::exchange(client.repeat_next_, false) || etcd.chance(etcd.faults.events_repeated);
    client.send(watch, events);
    if (repeat) client.send(watch, std::move(events));
  });
}

void FakeClient::send(const std::shared_ptr<Watch>& watch, WatchEvents events, Millis more) {
  Monotonic when = etcd_.now() + etcd_.delay() + more;
  if (more == Millis(0)) {
    when = std::max(when, watch->last_sent);
    watch->last_sent = when;
  }
  etcd_.at(when, [alive = alive_, watch, events = std::move(events)] {
    if (*alive == nullptr || (*alive)->watch_ != watch || (*alive)->cut_) return;
    (*alive)->inbox([alive, watch, events] {
      FakeClient& client = **alive;
      if (client.watch_ != watch) return;
      if (events.ended) client.watch_ = nullptr;
      watch->on_events(events);
    });
  });
}

}  // namespace holdfast::etcd
