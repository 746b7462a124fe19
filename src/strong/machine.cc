// SPDX-License-Identifier: Apache-2.0
#include "strong/machine.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "base/assert.h"
#include "base/request_id.h"
#include "base/wire.h"
#include "strong/appenders.h"
#include "strong/id_budget.h"

namespace holdfast::strong {
namespace {

constexpr std::uint8_t encoding_version = 1;  // docs/formats/strong-machine.md

// A number of the operation's own, for versions: an entry holds fewer than
// 2^16 operations, and positions grow.
static_assert(limits::entry_operations_max <= std::size_t{1} << 16);
std::uint64_t version_of(Position position, std::size_t index) {
  return position.value << 16 | index;
}

// The finalizer of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): neighbouring
// versions give unrelated seeds.
std::uint64_t mix(std::uint64_t x) {
  x += 0x9E37'79B9'7F4A'7C15;
  x = (x ^ x >> 30) * 0xBF58'476D'1CE4'E5B9;
  x = (x ^ x >> 27) * 0x94D0'49BB'1331'11EB;
  return x ^ x >> 31;
}

std::optional<Error> refuse_by_time(std::string_view request_id, Instant now, Millis retain) {
  const std::optional<Instant> made = time_of_uuid7(request_id);
  if (!made) return std::nullopt;
  if (*made < now - retain)
    return Error{Code::id_expired, "the request id is older than what is remembered"};
  if (*made > now + Millis(limits::request_id_ahead_ms_max))
    return Error{Code::id_expired, "the request id's time is over an hour ahead"};
  return std::nullopt;
}

// An operation and what is worked out for it before its turn.
struct Slot {
  Operation operation;
  IdKey id;
};

}  // namespace

struct Machine::Impl {
  Impl(const CommandTable& commands_, Host& host_) : commands(commands_), host(host_) {}

  Result<bool> apply(Position position, std::string_view payload, Observer* observer);
  Status read_through(EntryReader reader);
  void fill(EntryReader& reader, Slot& slot);
  State* state_of(KeyspaceId keyspace);
  Replay run(const Operation& operation, const IdKey& id, std::uint64_t version);
  Replay run_once(const Operation& operation, const IdKey& id, State* state, std::uint64_t version);
  void settle(const Operation& operation, State& state);
  bool over_budget(const State& state);
  void execute(const Operation& operation, State* state, std::uint64_t version);
  void transact(const Operation& operation, State& state, std::uint64_t version);
  void call(const Call& call, State& state, std::uint64_t seed, Reply& reply);
  void change_catalog(const Operation& operation, Reply& reply);

  const CommandTable& commands;
  Host& host;
  Position applied;
  Instant time{};
  Appenders appenders;
  absl::flat_hash_map<std::uint32_t, IdBudget> budgets;  // by keyspace

  // Used within one apply(), kept for their memory.
  Slot scratch;
  std::string reply_bytes;
  KeyspaceId last_keyspace;  // 0: none; what state_of() answered last
  State* last_state = nullptr;
  IdBudget* last_budget = nullptr;
};

Status Machine::Impl::read_through(EntryReader reader) {
  for (;;) {
    const Result<bool> more = reader.next(commands, scratch.operation);
    if (!more) return tl::unexpected<Error>(more.error());
    if (!*more) return {};
  }
}

// Reads an operation that read_through() has seen.
void Machine::Impl::fill(EntryReader& reader, Slot& slot) {
  const Result<bool> more = reader.next(commands, slot.operation);
  HF_ASSERT(more && *more);
  if (!slot.operation.request_id.empty())
    slot.id = make_id_key(slot.operation.caller, slot.operation.request_id);
}

Result<bool> Machine::Impl::apply(Position position, std::string_view payload, Observer* observer) {
  HF_ASSERT(position > applied);
  Result<EntryReader> reader = EntryReader::open(payload);
  if (!reader) return tl::unexpected<Error>(std::move(reader.error()));
  if (Status whole = read_through(*reader); !whole)
    return tl::unexpected<Error>(std::move(whole.error()));

  applied = position;
  if (!appenders.is_new(reader->name())) return false;
  time = std::max(time, reader->time());
  appenders.applied(reader->name(), time);

  last_keyspace = {};
  const auto count = static_cast<std::size_t>(reader->operations());
  for (std::size_t index = 0; index < count; ++index) {
    fill(*reader, scratch);
    reply_bytes.clear();
    const Replay replay = run(scratch.operation, scratch.id, version_of(position, index));
    if (observer != nullptr) observer->on_applied(index, reply_bytes, replay);
  }
  return true;
}

State* Machine::Impl::state_of(KeyspaceId keyspace) {
  if (keyspace != last_keyspace) {
    last_keyspace = keyspace;
    last_state = host.strong_state(keyspace);
    last_budget = last_state != nullptr ? &budgets[keyspace.value] : nullptr;
  }
  return last_state;
}

Replay Machine::Impl::run(const Operation& operation, const IdKey& id, std::uint64_t version) {
  State* state = nullptr;
  if (operation.keyspace.value != 0) {
    state = state_of(operation.keyspace);
    if (state == nullptr) {
      Reply(reply_bytes).error({Code::unavailable, "the keyspace was dropped"});
      return Replay::none;
    }
  }
  // VOID is safe to repeat as it is: what it settles is its own record.
  if (!operation.transaction && operation.calls[0].row->access == Access::ids) {
    settle(operation, *state);
    return Replay::none;
  }
  if (!operation.request_id.empty()) return run_once(operation, id, state, version);
  execute(operation, state, version);
  return Replay::none;
}

// 3-contract section 3: what a request id promises.
Replay Machine::Impl::run_once(const Operation& operation, const IdKey& id, State* state,
                               std::uint64_t version) {
  Reply reply(reply_bytes);
  const Millis retain = state != nullptr ? state->retain : Millis(limits::retain_ids_ms_default);
  IdTable& ids = state != nullptr ? state->ids : host.catalog_ids();
  if (const std::optional<Outcome> outcome = ids.find(id, time)) {
    if (outcome->voided) {
      reply.error({Code::voided, "the request id was voided, its operation will never run"});
      return Replay::none;
    }
    if (outcome->fingerprint != operation.fingerprint) {
      reply.error({Code::id_reused, "the request id was used for another operation"});
      return Replay::none;
    }
    reply_bytes.append(outcome->reply);
    return Replay::reply;
  }
  if (const auto refused = refuse_by_time(operation.request_id, time, retain)) {
    reply.error(*refused);
    return Replay::none;
  }
  if (state != nullptr && over_budget(*state)) {
    reply.error({Code::busy, "the keyspace's MAX-IDS-BYTES is reached"});
    return Replay::none;
  }
  execute(operation, state, version);
  ids.record(id, operation.fingerprint, time, reply_bytes);
  if (state != nullptr) last_budget->record(time, reply_bytes.size(), remembered_for(retain));
  return Replay::none;
}

// VOID. An id whose window has passed may have been applied and forgotten: it
// cannot be settled any more. One too far ahead would outlive its record.
void Machine::Impl::settle(const Operation& operation, State& state) {
  Reply reply(reply_bytes);
  const Call& settling = operation.calls[0];
  const std::string_view request_id = settling.args[1];
  if (const auto refused = refuse_by_time(request_id, time, state.retain)) {
    reply.error(*refused);
    return;
  }
  const IdKey key = make_id_key(operation.caller, request_id);
  const bool known = state.ids.find(key, time).has_value();
  if (!known && over_budget(state)) {
    reply.error({Code::busy, "the keyspace's MAX-IDS-BYTES is reached"});
    return;
  }
  IdContext context{state.ids, operation.caller, time};
  settling.row->ids(context, settling.args, reply);
  if (!known && state.ids.find(key, time)) {
    last_budget->record(time, 0, remembered_for(state.retain));
  }
}

bool Machine::Impl::over_budget(const State& state) {
  return state.ids_bytes_max != 0 &&
         last_budget->bytes(time, remembered_for(state.retain)) >= state.ids_bytes_max;
}

void Machine::Impl::execute(const Operation& operation, State* state, std::uint64_t version) {
  Reply reply(reply_bytes);
  if (state == nullptr) {
    change_catalog(operation, reply);
    return;
  }
  state->table.set_version(version);
  if (operation.transaction) {
    transact(operation, *state, version);
  } else {
    call(operation.calls[0], *state, mix(version), reply);
  }
}

void Machine::Impl::transact(const Operation& operation, State& state, std::uint64_t version) {
  for (const Watched& watched : operation.watched) {
    if (state.table.read(watched.key, time).version != watched.version) {
      Reply(reply_bytes).null_array();
      return;
    }
  }
  Reply(reply_bytes).array(operation.calls.size());
  std::uint64_t seed = version;
  for (const Call& each : operation.calls) {
    seed = mix(seed);
    Reply element(reply_bytes);
    call(each, state, seed, element);
  }
}

void Machine::Impl::call(const Call& call, State& state, std::uint64_t seed, Reply& reply) {
  if (call.row->access == Access::read) {
    call.row->read(state.table, time, call.args, reply);
    return;
  }
  Context context{state.table, time, seed};
  call.row->strong(context, call.args, reply);
}

void Machine::Impl::change_catalog(const Operation& operation, Reply& reply) {
  // What is past its window must stay so where the change makes windows longer,
  // whether or not this node happens to have swept it: settled now, everywhere.
  for (auto& [keyspace, budget] : budgets) {
    if (State* state = host.strong_state({keyspace})) state->ids.expire(time);
  }
  const Call& change = operation.calls[0];
  host.apply_catalog(*change.row, change.args, operation.caller, time, reply);
  last_keyspace = {};
  absl::erase_if(budgets,
                 [&](const auto& budget) { return host.strong_state({budget.first}) == nullptr; });
}

Machine::Machine(const CommandTable& commands, Host& host)
    : impl_(std::make_unique<Impl>(commands, host)) {}
Machine::~Machine() = default;

Result<bool> Machine::apply(Position position, std::string_view payload, Observer* observer) {
  return impl_->apply(position, payload, observer);
}
Position Machine::applied() const {
  return impl_->applied;
}
Instant Machine::time() const {
  return impl_->time;
}

std::string Machine::encode() const {
  std::string out;
  wire::put_u8(out, encoding_version);
  wire::put_varint(out, impl_->applied.value);
  wire::put_signed(out, to_ms(impl_->time));
  impl_->appenders.encode(out);
  std::vector<std::uint32_t> keyspaces;
  for (const auto& [keyspace, budget] : impl_->budgets) keyspaces.push_back(keyspace);
  std::sort(keyspaces.begin(), keyspaces.end());
  wire::put_varint(out, keyspaces.size());
  for (const std::uint32_t keyspace : keyspaces) {
    wire::put_varint(out, keyspace);
    impl_->budgets.find(keyspace)->second.encode(out);
  }
  return out;
}

Status Machine::decode(std::string_view bytes) {
  wire::Reader in(bytes);
  auto fresh = std::make_unique<Impl>(impl_->commands, impl_->host);
  if (in.u8() != encoding_version)
    return fail(Code::corrupt, "strong machine: a version that this build does not know");
  fresh->applied.value = in.varint();
  fresh->time = instant_from_ms(in.signed_varint());
  fresh->appenders.decode(in);
  const std::uint64_t count = in.varint();
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    const std::uint64_t keyspace = in.varint();
    if (keyspace > UINT32_MAX) return fail(Code::corrupt, "strong machine: a keyspace's number");
    fresh->budgets[static_cast<std::uint32_t>(keyspace)].decode(in);
  }
  if (!in.ok() || !in.at_end())
    return fail(Code::corrupt, "strong machine: its checkpoint is cut short or too long");
  impl_ = std::move(fresh);
  return {};
}

}  // namespace holdfast::strong
