// SPDX-License-Identifier: Apache-2.0
#include "strong/machine.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "base/assert.h"
#include "base/checksum.h"
#include "base/request_id.h"
#include "base/wire.h"
#include "strong/appenders.h"
#include "strong/id_budget.h"
#include "workflow/results.h"
#include "workflow/rows.h"

namespace holdfast::strong {
namespace {

constexpr std::uint8_t encoding_version = 2;  // docs/formats/strong-machine.md

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

constexpr Millis sweep_interval{1'000};  // of the log's time
constexpr Millis milestone_interval{10'000};

// How many operations ahead of their turn the memory they will touch is asked
// for. At millions of keys and ids that is most of an operation's time.
constexpr std::size_t ahead = 8;
constexpr std::size_t ahead_near = 5;  // what the first request has brought leads further,
constexpr std::size_t ahead_next = 2;  // and that further still,
constexpr std::size_t ahead_item = 1;  // in a hash or a set once more

// An operation and what is worked out for it before its turn.
struct Slot {
  Operation operation;
  IdKey id;
  State* state = nullptr;  // nothing for the catalog, or when the keyspace was dropped
  IdBudget* budget = nullptr;
  std::optional<std::uint64_t> ahead;  // of its first key, for the table's prefetches
};

bool is_function(const Operation& operation) {
  return !operation.transaction && operation.calls[0].row->access == Access::function;
}

// The first key of an operation, or nothing.
std::string_view first_key_of(const Operation& operation) {
  if (operation.calls.empty()) return {};
  const Call& call = operation.calls[0];
  const auto place = static_cast<std::size_t>(call.row->keys.first);
  return place == 0 || place >= call.args.size() ? std::string_view{} : call.args[place];
}

}  // namespace

struct Machine::Impl final : workflow::Functions {
  Impl(const CommandTable& commands_, Host& host_) : commands(commands_), host(host_) {}
  class Messages;

  Result<bool> apply(Position position, std::string_view payload, Observer* observer);
  Status read_through(EntryReader reader);
  void fill(EntryReader& reader, Slot& slot);
  bool has_moved(const Operation& operation) const;
  void look_up(Slot& slot);
  void forget_lookup() {
    last_keyspace = {};
    last_state = nullptr;
    last_budget = nullptr;
  }
  Replay run(const Slot& slot, std::uint64_t version);
  Replay run_once(const Slot& slot, std::uint64_t version);
  void settle(const Slot& slot);
  bool over_budget(const Slot& slot);
  bool found_nothing() const { return is_null(reply_bytes); }
  std::optional<Error> refuse_function(const Slot& slot);
  std::optional<Error> refuse_function(const Call& call, ServiceId caller,
                                       const State& state) const;
  void execute(const Slot& slot, std::uint64_t version);
  void transact(const Operation& operation, State& state, std::uint64_t version);
  void call(const Call& call, ServiceId caller, State& state, std::uint64_t seed, Reply& reply,
            Attempt attempt = Attempt::only);
  void call_function(const Call& call, const Operation& of, State& state, std::uint64_t seed,
                     Reply& reply, function::Work* work = nullptr);
  void change_workflows(const Operation& operation, std::uint64_t version, Reply& reply);
  std::optional<workflow::Outcome> call(ServiceId service, const workflow::FunctionRequest& request,
                                        std::string_view request_id) override;
  void sweep_ids();
  void change_catalog(const Operation& operation, Reply& reply);
  void pass_milestone();

  const CommandTable& commands;
  Host& host;
  Position applied;
  Instant time{};
  Instant swept{};  // when sweep_ids() ran last
  std::uint64_t log_bytes = 0;
  std::uint64_t digest = 0;
  bool keys_touched = false;  // since the last milestone
  Milestone milestone;
  std::uint64_t milestone_bytes = 0;
  Instant milestone_time{};
  Appenders appenders;
  function::Scripts scripts;
  absl::flat_hash_map<std::uint32_t, std::unique_ptr<IdBudget>> budgets;  // by keyspace

  // Used within one apply(), kept for their memory.
  std::array<Slot, ahead + 1> slots;  // of the operation at hand and those next
  std::string reply_bytes;
  KeyspaceId last_keyspace;  // the one looked up last, and what was found; 0: none
  State* last_state = nullptr;
  IdBudget* last_budget = nullptr;
  std::uint64_t step_version = 0;  // of the workflow operation at hand
  CallWatch* watch = nullptr;
  bool publishes = false;  // the entry is this node's own
  key_events::Sink* events = nullptr;
};

/// What an operation tells: every node decides whether it may, the one that it was asked of tells
/// it.
class Machine::Impl::Messages final : public MessageSink {
 public:
  Messages(const Impl& impl, ServiceId caller) : impl_(impl), caller_(caller) {}
  Status check(const Message& message) const override {
    return impl_.host.may_publish(caller_, message.channel);
  }
  void publish(const Message& message) override {
    if (impl_.publishes) impl_.host.publish(message);
  }

 private:
  const Impl& impl_;
  ServiceId caller_;
};

Status Machine::Impl::read_through(EntryReader reader) {
  for (;;) {
    const Result<bool> more = reader.next(commands, slots[0].operation);
    if (!more) return tl::unexpected<Error>(more.error());
    if (!*more) return {};
  }
}

// Reads an operation that read_through() has seen, and asks for its memory.
void Machine::Impl::fill(EntryReader& reader, Slot& slot) {
  // A long transaction's memory is not worth keeping.
  if (slot.operation.calls.size() > 64) slot.operation = Operation{};
  const Result<bool> more = reader.next(commands, slot.operation);
  HF_ASSERT(more && *more);
  look_up(slot);
  slot.ahead.reset();
  if (slot.state == nullptr) return;
  const std::string_view key = first_key_of(slot.operation);
  if (!key.empty()) slot.ahead = slot.state->table.prefetch(key);
  if (slot.operation.request_id.empty()) return;
  slot.id = make_id_key(slot.operation.caller, slot.operation.request_id);
  slot.state->ids.prefetch(slot.id);
}

void Machine::Impl::look_up(Slot& slot) {
  const KeyspaceId keyspace = slot.operation.keyspace;
  if (keyspace.value == 0) {
    forget_lookup();
  } else if (keyspace != last_keyspace) {
    last_keyspace = keyspace;
    last_state = host.strong_state(keyspace);
    last_budget = nullptr;
    if (last_state != nullptr) {
      std::unique_ptr<IdBudget>& budget = budgets[keyspace.value];
      if (!budget) budget = std::make_unique<IdBudget>();
      last_budget = budget.get();
    }
  }
  slot.state = last_state;
  slot.budget = last_budget;
}

Result<bool> Machine::Impl::apply(Position position, std::string_view payload, Observer* observer) {
  HF_ASSERT(position > applied);
  Result<EntryReader> reader = EntryReader::open(payload);
  if (!reader) return tl::unexpected<Error>(std::move(reader.error()));
  if (Status whole = read_through(*reader); !whole)
    return tl::unexpected<Error>(std::move(whole.error()));

  applied = position;
  watch = observer == nullptr ? nullptr : host.watch();
  publishes = observer != nullptr;
  events = host.key_events();
  log_bytes += payload.size();
  if (!appenders.is_new(reader->name())) return false;
  time = std::max(time, reader->time());
  appenders.applied(reader->name(), time);

  forget_lookup();
  const auto count = static_cast<std::size_t>(reader->operations());
  std::size_t filled = 0;
  for (std::size_t index = 0; index < count; ++index) {
    while (filled < count && filled <= index + ahead) fill(*reader, slots[filled++ % slots.size()]);
    if (index + ahead_near < filled) {
      const Slot& near = slots[(index + ahead_near) % slots.size()];
      if (near.state != nullptr && near.ahead) near.state->table.prefetch_entry(*near.ahead);
    }
    if (index + ahead_next < filled) {
      const Slot& next = slots[(index + ahead_next) % slots.size()];
      if (next.state != nullptr && next.ahead) next.state->table.prefetch_content(*next.ahead);
    }
    if (index + ahead_item < filled) {
      const Slot& item = slots[(index + ahead_item) % slots.size()];
      if (item.state != nullptr && item.ahead && !item.operation.calls.empty()) {
        const Call& call = item.operation.calls[0];
        if (call.row->has_items() && call.args.size() > 2)
          item.state->table.prefetch_item(*item.ahead, call.args[2]);
      }
    }
    Slot& slot = slots[index % slots.size()];
    reply_bytes.clear();
    const Replay replay = run(slot, version_of(position, index));
    if (slot.operation.keyspace.value != 0) {
      digest = checksum(reply_bytes, digest ^ version_of(position, index));
      keys_touched = true;
    } else {
      // What was looked up ahead may have been dropped.
      for (std::size_t next = index + 1; next < filled; ++next) look_up(slots[next % slots.size()]);
    }
    if (observer != nullptr) observer->on_applied(index, reply_bytes, replay);
  }
  if (time - swept >= sweep_interval) sweep_ids();
  pass_milestone();
  if (reply_bytes.capacity() > 1_MiB) reply_bytes = std::string();
  return true;
}

// Whether an operation's keys are no longer those of the keyspace that it was made for.
bool Machine::Impl::has_moved(const Operation& operation) const {
  if (operation.keyspace.value == 0) return false;
  bool moved = false;
  for (const Call& call : operation.calls) {
    for_each_key(*call.row, call.args, [&](std::string_view key) {
      moved = moved || !host.holds(operation.keyspace, key);
    });
  }
  return moved;
}

Replay Machine::Impl::run(const Slot& slot, std::uint64_t version) {
  const Operation& operation = slot.operation;
  if (slot.state == nullptr && operation.keyspace.value != 0) {
    Reply(reply_bytes).error(keyspace_dropped());
    return Replay::none;
  }
  if (has_moved(operation)) {
    Reply(reply_bytes).error(keyspace_made_meanwhile());
    return Replay::none;
  }
  // Whose it is may have changed since the operation was admitted.
  if (slot.state != nullptr && !is_function(operation) && slot.state->owner.value != 0 &&
      slot.state->owner != operation.caller) {
    Reply(reply_bytes).error(owner_changed());
    return Replay::none;
  }
  // VOID is safe to repeat as it is: what it settles is its own record.
  if (!operation.transaction && operation.calls[0].row->access == Access::ids) {
    settle(slot);
    return Replay::none;
  }
  if (!operation.request_id.empty()) return run_once(slot, version);
  if (const auto refused = refuse_function(slot)) {
    Reply(reply_bytes).error(*refused);
    return Replay::none;
  }
  execute(slot, version);
  return Replay::none;
}

// 3-contract section 3: what a request id promises.
Replay Machine::Impl::run_once(const Slot& slot, std::uint64_t version) {
  const Operation& operation = slot.operation;
  State* const state = slot.state;
  Reply reply(reply_bytes);
  const Millis retain = state != nullptr ? state->retain : Millis(limits::retain_ids_ms_default);
  IdTable& ids = state != nullptr ? state->ids : host.catalog_ids();
  const IdKey id = state != nullptr ? slot.id : make_id_key(operation.caller, operation.request_id);
  if (const std::optional<Outcome> outcome = ids.find(id, time)) {
    if (outcome->voided) {
      reply.error({Code::voided, "the request id was voided, its operation will never run"});
      return Replay::none;
    }
    if (outcome->fingerprint != operation.fingerprint) {
      ++ids.counters.reused;
      reply.error({Code::id_reused, "the request id was used for another operation"});
      return Replay::none;
    }
    ++ids.counters.replayed;
    reply_bytes.append(outcome->reply);
    return Replay::reply;
  }
  if (const auto refused = refuse_by_time(operation.request_id, time, time - retain)) {
    ++ids.counters.expired;
    reply.error(*refused);
    return Replay::none;
  }
  if (state != nullptr && over_budget(slot)) {
    reply.error({Code::busy, "the keyspace's MAX-IDS-BYTES is reached"});
    return Replay::none;
  }
  if (const auto refused = refuse_function(slot)) {
    reply.error(*refused);
    return Replay::none;
  }
  execute(slot, version);
  const bool waits_on = operation.attempt == Attempt::first || operation.attempt == Attempt::again;
  if (waits_on && found_nothing()) return Replay::none;
  ids.record(id, operation.fingerprint, time, reply_bytes);
  if (state != nullptr) {
    slot.budget->record(time, reply_bytes.size(), remembered_for(retain));
    host.on_recorded(operation.keyspace, id);
  }
  return Replay::none;
}

// VOID. An id whose window has passed may have been applied and forgotten: it
// cannot be settled any more. One too far ahead would outlive its record.
void Machine::Impl::settle(const Slot& slot) {
  HF_ASSERT(slot.state != nullptr);  // the catalog's operations have no such command
  Reply reply(reply_bytes);
  State& state = *slot.state;
  const Call& settling = slot.operation.calls[0];
  const std::string_view request_id = settling.args[1];
  if (const auto refused = refuse_by_time(request_id, time, time - state.retain)) {
    reply.error(*refused);
    return;
  }
  const IdKey key = make_id_key(slot.operation.caller, request_id);
  const bool known = state.ids.find(key, time).has_value();
  if (!known && over_budget(slot)) {
    reply.error({Code::busy, "the keyspace's MAX-IDS-BYTES is reached"});
    return;
  }
  IdContext context{state.ids, slot.operation.caller, time};
  settling.row->ids(context, settling.args, reply);
  if (!known && state.ids.find(key, time)) {
    slot.budget->record(time, 0, remembered_for(state.retain));
    host.on_recorded(slot.operation.keyspace, key);
  }
}

bool Machine::Impl::over_budget(const Slot& slot) {
  return slot.state->ids_bytes_max != 0 &&
         slot.budget->bytes(time, remembered_for(slot.state->retain)) >= slot.state->ids_bytes_max;
}

// What is no outcome: called again, the function may be there, and its caller among those it is
// for.
std::optional<Error> Machine::Impl::refuse_function(const Slot& slot) {
  if (!is_function(slot.operation)) return std::nullopt;
  HF_ASSERT(slot.state != nullptr);  // nor a function
  return refuse_function(slot.operation.calls[0], slot.operation.caller, *slot.state);
}

std::optional<Error> Machine::Impl::refuse_function(const Call& call, ServiceId caller,
                                                    const State& state) const {
  const bool own = state.owner.value == 0 || state.owner == caller;
  if ((call.row->flags & flag_script) != 0) {
    if (own) return std::nullopt;
    return owner_changed();  // since it was admitted
  }
  const std::string_view name = function::parse_name(call.args[1]).function;
  const auto found = state.functions == nullptr ? std::nullopt : state.functions->find(name);
  if (!found) return Error{Code::err, "Function not found"};
  if (own || function::is_for(found->function, host.service_name(caller))) return std::nullopt;
  return Error{Code::no_permission, "the function is not published to this service"};
}

void Machine::Impl::execute(const Slot& slot, std::uint64_t version) {
  const Operation& operation = slot.operation;
  Reply reply(reply_bytes);
  if (slot.state == nullptr) {
    change_catalog(operation, reply);
    return;
  }
  slot.state->table.set_version(version);
  if (operation.keyspace == workflow::current_keyspace) {
    change_workflows(operation, version, reply);
  } else if (operation.transaction) {
    transact(operation, *slot.state, version);
  } else if (is_function(operation)) {
    call_function(operation.calls[0], operation, *slot.state, mix(version), reply);
  } else {
    call(operation.calls[0], operation.caller, *slot.state, mix(version), reply, operation.attempt);
    if (operation.attempt >= Attempt::last && found_nothing()) {
      reply.clear();
      operation.attempt == Attempt::last ? reply.null_array() : reply.raw_error(unblocked);
    }
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
  // Of all its functions together: nothing else runs before the last has ended.
  function::Work work(limits::function_work_max);
  for (const Call& each : operation.calls) {
    seed = mix(seed);
    Reply element(reply_bytes);
    if (each.row->access != Access::function) {
      call(each, operation.caller, state, seed, element);
    } else if (const auto refused = refuse_function(each, operation.caller, state)) {
      element.error(*refused);
    } else {
      call_function(each, operation, state, seed, element, &work);
    }
  }
}

void Machine::Impl::call(const Call& call, ServiceId caller, State& state, std::uint64_t seed,
                         Reply& reply, Attempt attempt) {
  const bool watched = watch != nullptr && watch->begins(*call.row);
  if (call.row->read != nullptr) {
    call.row->read(state.table, time, call.args, reply);
  } else {
    Messages messages(*this, caller);
    const key_events::OfCommand told(events, state.table, time, *call.row, call.args, reply);
    Context context{state.table, time, seed, &messages, attempt};
    call.row->strong(context, call.args, reply);
  }
  if (watched) watch->ended(*call.row, call.args, caller);
}

void Machine::Impl::call_function(const Call& call, const Operation& of, State& state,
                                  std::uint64_t seed, Reply& reply, function::Work* work) {
  const auto holds = [&](std::string_view key) { return host.is_of(of.keyspace, key); };
  Messages messages(*this, state.owner);  // with its owner's rights
  function::Surroundings on{.commands = commands,
                            .table = state.table,
                            .now = time,
                            .seed = seed,
                            .caller = host.service_name(of.caller),
                            .read_only = (call.row->flags & flag_read_only) != 0,
                            .holds = holds,
                            .write = nullptr,
                            .messages = &messages,
                            .work = work,
                            .events = events};
  const bool watched = watch != nullptr && watch->begins(*call.row);
  const bool script = (call.row->flags & flag_script) != 0;
  if (script) {
    function::eval(scripts, std::move(on), call.args, reply);
  } else {
    function::call(*state.functions, std::move(on), call.args, reply);
  }
  if (watched) watch->ended(*call.row, call.args, of.caller);
  if (watch != nullptr && !script) watch->called(of.caller, call.args[1], reply.is_error());
}

void Machine::Impl::change_workflows(const Operation& operation, std::uint64_t version,
                                     Reply& reply) {
  step_version = version;
  workflow::Context context{.engine = host.workflows(),
                            .at = {.now = time, .seed = mix(version)},
                            .caller = operation.caller,
                            .functions = this};
  const Call& call = operation.calls[0];
  call.row->workflow(context, call.args, reply);
}

// A step's call is to its keyspace what ONCE … FCALL is, and goes the same way.
std::optional<workflow::Outcome> Machine::Impl::call(ServiceId service,
                                                     const workflow::FunctionRequest& request,
                                                     std::string_view request_id) {
  const auto keyspace = host.keyspace_named(function::parse_name(request.function).keyspace);
  if (!keyspace) return workflow::refused({Code::err, "Function not found"});
  if (host.strong_state(*keyspace) == nullptr) return std::nullopt;
  for (const std::string& key : request.keys) {
    if (!host.is_of(*keyspace, key))
      return workflow::refused({Code::cross_keyspace, "a key is not in the function's keyspace"});
  }
  const std::vector<std::string> words = workflow::fcall_of(request);
  Call fcall{.row = commands.find(words[0]), .args = {words.begin(), words.end()}};
  Slot slot;
  slot.operation.keyspace = *keyspace;
  slot.operation.caller = service;
  slot.operation.request_id = request_id;
  for (const std::string_view arg : fcall.args)
    slot.operation.fingerprint = checksum(arg, slot.operation.fingerprint ^ arg.size());
  slot.operation.calls.push_back(std::move(fcall));
  slot.id = make_id_key(service, request_id);
  look_up(slot);
  std::string outer = std::exchange(reply_bytes, {});
  run(slot, step_version);
  workflow::Outcome outcome = workflow::outcome_of_reply(reply_bytes);
  reply_bytes = std::move(outer);
  return outcome;
}

// Lets go of ids past their windows. When is no matter to what is answered:
// the log's time alone decides what is past.
void Machine::Impl::sweep_ids() {
  swept = time;
  host.catalog_ids().expire(time);
  for (auto& [keyspace, budget] : budgets) {
    if (State* state = host.strong_state({keyspace})) state->ids.expire(time);
  }
}

void Machine::Impl::pass_milestone() {
  // Without operations on keys there is nothing new to compare, and comparing
  // makes entries: an idle cluster must come to rest.
  if (!keys_touched) return;
  if (log_bytes - milestone_bytes < limits::milestone_log_bytes &&
      time - milestone_time < milestone_interval) {
    return;
  }
  milestone = {applied, digest};
  milestone_bytes = log_bytes;
  milestone_time = time;
  keys_touched = false;
}

void Machine::Impl::change_catalog(const Operation& operation, Reply& reply) {
  // What is past its window must stay so where the change makes windows longer,
  // whether or not this node happens to have swept it: settled now, everywhere.
  sweep_ids();
  const Call& change = operation.calls[0];
  host.apply_catalog(*change.row, change.args, operation.caller, time, reply);
  forget_lookup();
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

std::uint64_t Machine::log_bytes() const {
  return impl_->log_bytes;
}
Machine::Milestone Machine::milestone() const {
  return impl_->milestone;
}

std::string Machine::encode() const {
  std::string out;
  wire::put_u8(out, encoding_version);
  wire::put_varint(out, impl_->applied.value);
  wire::put_signed(out, to_ms(impl_->time));
  wire::put_varint(out, impl_->log_bytes);
  wire::put_u64(out, impl_->digest);
  wire::put_u8(out, impl_->keys_touched ? 1 : 0);
  wire::put_varint(out, impl_->milestone.position.value);
  wire::put_u64(out, impl_->milestone.digest);
  wire::put_varint(out, impl_->milestone_bytes);
  wire::put_signed(out, to_ms(impl_->milestone_time));
  impl_->appenders.encode(out);
  std::vector<std::uint32_t> keyspaces;
  for (const auto& [keyspace, budget] : impl_->budgets) keyspaces.push_back(keyspace);
  std::sort(keyspaces.begin(), keyspaces.end());
  wire::put_varint(out, keyspaces.size());
  for (const std::uint32_t keyspace : keyspaces) {
    wire::put_varint(out, keyspace);
    impl_->budgets.find(keyspace)->second->encode(out);
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
  fresh->log_bytes = in.varint();
  fresh->digest = in.u64();
  fresh->keys_touched = in.u8() != 0;
  fresh->milestone.position.value = in.varint();
  fresh->milestone.digest = in.u64();
  fresh->milestone_bytes = in.varint();
  fresh->milestone_time = instant_from_ms(in.signed_varint());
  fresh->appenders.decode(in);
  const std::uint64_t count = in.varint();
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    const std::uint64_t keyspace = in.varint();
    if (keyspace > UINT32_MAX) return fail(Code::corrupt, "strong machine: a keyspace's number");
    auto budget = std::make_unique<IdBudget>();
    budget->decode(in);
    fresh->budgets[static_cast<std::uint32_t>(keyspace)] = std::move(budget);
  }
  if (!in.ok() || !in.at_end())
    return fail(Code::corrupt, "strong machine: its checkpoint is cut short or too long");
  impl_ = std::move(fresh);
  return {};
}

}  // namespace holdfast::strong
