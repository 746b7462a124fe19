// SPDX-License-Identifier: Apache-2.0
#include "log/etcd/presence.h"

#include <utility>

namespace holdfast::etcd {
namespace {

constexpr std::chrono::seconds lease_time{10};
constexpr Millis keep_alive_interval{3'000};
constexpr Millis pause{500};
constexpr Millis timeout{2'000};

}  // namespace

Presence::Presence(Api& api, std::string_view cluster, std::string_view id, std::string instance)
    : api_(api), key_(Keys(cluster).alive(id)), instance_(std::move(instance)) {}

void Presence::step() {
  if (busy_ || api_.now() < next_) return;
  busy_ = true;
  if (lease_ == 0) return grant();
  if (state_ == State::held) return keep_alive();
  claim();
}

void Presence::failed(const Failure& failure) {
  // The lease has ended, and the key with it.
  if (failure.kind == Failure::Kind::invalid) {
    lease_ = 0;
    if (state_ == State::held) state_ = State::unknown;
  }
  busy_ = false;
  next_ = api_.now() + pause;
}

void Presence::grant() {
  api_.grant_lease(lease_time, timeout, [this](const Answer<std::int64_t>& lease) {
    if (!lease) return failed(lease.error());
    lease_ = *lease;
    claim();
  });
}

void Presence::claim() {
  put_if({.key = key_, .kind = Compare::Kind::absent});
}

void Presence::put_if(Compare compare) {
  api_.transact({.compares = {std::move(compare)},
                 .puts = {{.key = key_, .value = instance_, .lease = lease_}},
                 .deletes = {}},
                timeout, [this](const Answer<TransactionResult>& answer) {
                  if (!answer) return failed(answer.error());
                  answer->succeeded ? held() : look();
                });
}

void Presence::look() {
  api_.range({.first = key_, .end = {}}, timeout, [this](const Answer<RangeResult>& answer) {
    if (!answer) return failed(answer.error());
    if (answer->kvs.empty()) return claim();
    const KeyValue& there = answer->kvs[0];
    if (there.value == instance_) return take_over(there);
    state_ = State::taken;
    holder_ = there.value;
    busy_ = false;
    next_ = api_.now() + pause;
  });
}

// Our own, of an earlier start or of an answer that was lost: its lease may end
// before ours.
void Presence::take_over(const KeyValue& own) {
  put_if({.key = key_, .kind = Compare::Kind::unchanged, .end = {}, .revision = own.mod_revision});
}

void Presence::held() {
  state_ = State::held;
  holder_.clear();
  busy_ = false;
  next_ = api_.now() + keep_alive_interval;
}

void Presence::keep_alive() {
  api_.keep_alive(lease_, timeout, [this](const Answer<Header>& answer) {
    if (!answer) return failed(answer.error());
    held();
  });
}

}  // namespace holdfast::etcd
