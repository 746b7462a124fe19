// SPDX-License-Identifier: Apache-2.0
#include "node/waiting_side.h"

#include "base/assert.h"
#include "value/list.h"
#include "value/sorted_set.h"

namespace holdfast::node {
namespace {

constexpr Millis for_ever{std::int64_t{1} << 40};  // 34 years: beyond it, clocks would overflow

}  // namespace

WaitingSide::WaitingSide(strong::Sequencer& sequencer, KeyspaceStates& keyspaces,
                         ReplySink& replies, std::function<Monotonic()> clock)
    : pops(*this),
      sequencer_(sequencer),
      keyspaces_(keyspaces),
      replies_(replies),
      clock_(std::move(clock)) {
  keyspaces_.set_on_recorded(
      [this](KeyspaceId keyspace, const IdKey& id) { pops.recorded(keyspace, id); });
  keyspaces_.set_on_keyspace([this](KeyspaceId keyspace, bool dropped) {
    if (dropped) pops.forget(keyspace);
    pops.look_at_catalog();
  });
}

std::optional<Monotonic> WaitingSide::deadline_after(Millis wait) const {
  if (wait == Millis{0} || wait > for_ever) return std::nullopt;
  return clock_() + wait;
}

void WaitingSide::look_at_engine() {
  if (pops.size() == 0) return;
  const Status writable = sequencer_.writable();
  if (!writable && writable.error().code == Code::unavailable) pops.give_up(writable.error());
}

Status WaitingSide::attempt(const WaitingPops::Request& request, Attempt attempt,
                            std::uint64_t number) {
  const std::vector<std::string_view> args(request.args.begin(), request.args.end());
  const strong::EntryBuilder::Part part{request.row, args};
  return sequencer_.write({.keyspace = request.keyspace,
                           .caller = request.caller,
                           .request_id = request.request_id,
                           .calls = std::span(&part, 1),
                           .durability = request.durability,
                           .attempt = attempt},
                          {connection, number}, clock_());
}

std::optional<WaitingPops::Host::Held> WaitingSide::held(KeyspaceId keyspace,
                                                         std::string_view key) {
  KeyspaceState* const state = keyspaces_.find(keyspace);
  // What has expired by now is for the attempt to notice.
  const Value* const value = state == nullptr ? nullptr : state->table.find(key, Instant{});
  if (value == nullptr) return std::nullopt;
  std::size_t items = 1;
  if (value->type() == Type::list) items = value->as_list().size();
  if (value->type() == Type::sorted_set) items = value->as_sorted_set().size();
  return Held{value->type(), items};
}

bool WaitingSide::still_admits(const WaitingPops::Request& request) {
  KeyspaceState* const state = keyspaces_.find(request.keyspace);
  if (state == nullptr) return false;
  if (state->strong.owner.value != 0 && state->strong.owner != request.caller) return false;
  const std::vector<std::string_view> args(request.args.begin(), request.args.end());
  bool holds = true;
  for_each_key(*request.row, args, [&](std::string_view key) {
    holds = holds && keyspaces_.holds(request.keyspace, key);
  });
  return holds;
}

void WaitingSide::answer(Ticket ticket, std::string_view reply, Replay replay) {
  replies_.complete(ticket, reply, replay);
}

Table& WaitingSide::table(KeyspaceId keyspace) {
  KeyspaceState* const state = keyspaces_.find(keyspace);
  HF_ASSERT(state != nullptr);  // it was admitted in this turn
  return state->table;
}

}  // namespace holdfast::node
