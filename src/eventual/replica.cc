// SPDX-License-Identifier: Apache-2.0
#include "eventual/replica.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "base/assert.h"
#include "base/limits.h"
#include "base/logging.h"
#include "eventual/direct.h"
#include "eventual/replica_impl.h"

namespace holdfast::eventual {
namespace {

constexpr std::uint8_t format_version = 2;

// What one call of tidy() does at most: a fraction of a millisecond.
constexpr std::size_t folds_per_tidy = 1'024;
constexpr std::size_t expired_keys_per_tidy = 256;
constexpr std::size_t keyspaces_per_tidy = 16;

// The beginning of encode()'s bytes.
Result<VersionVector> read_merged(wire::Reader& in) {
  if (in.u8() != format_version)
    return fail(Code::corrupt, "the checkpoint's replica has a format this build does not know");
  VersionVector merged = VersionVector::decode(in);
  if (!in.ok()) return fail(Code::corrupt, "the checkpoint's replica is damaged");
  return merged;
}

}  // namespace

Replica::Replica(const CommandTable& commands, Host& host, Store& store, Options options)
    : impl_(std::make_unique<Impl>(commands, host, store, options)) {}
Replica::~Replica() = default;

void Replica::Impl::told_time(Instant now) {
  wall = std::max(wall, now);
  told = true;
}

State* Replica::Impl::state_of(KeyspaceId keyspace) {
  State* state = host.eventual_state(keyspace);
  if (state != nullptr && (keyspaces.empty() || keyspace != last_used)) {
    keyspaces.insert(keyspace);
    last_used = keyspace;
  }
  return state;
}

// ---- Local operations

Replica::Executed Replica::execute(const Request& request, Instant now, Reply& reply) {
  impl_->told_time(now);
  return impl_->execute(request, reply);
}

std::size_t Replica::open_bytes() const {
  return impl_->entry.bytes();
}

std::string Replica::take_entry() {
  std::string taken = impl_->entry.take();
  impl_->merge_waiting();  // what came while it was open
  return taken;
}

// ---- Merging

void Replica::prefetch(KeyspaceId keyspace, std::string_view key) const {
  impl_->open.prefetch(keyspace, key);
}

Status Replica::receive(OriginId origin, std::string_view payload) {
  return impl_->receive(origin, payload);
}

Status Replica::Impl::check_clock(HybridTime time) const {
  // At start no clock was told yet, and what is replayed is this node's own.
  if (!told || time.wall() <= wall + Millis(limits::clock_ahead_ms_max)) return {};
  return fail(Code::unavailable,
              "a clock is " + std::to_string((time.wall() - wall).count() / 1000) + " s ahead");
}

Status Replica::Impl::receive(OriginId origin, std::string_view payload) {
  Result<EntryReader> read = EntryReader::open(payload);
  if (!read) return tl::unexpected<Error>(std::move(read.error()));
  if (read->origin() != origin)
    return fail(Code::corrupt, "an origin's entry names another origin");
  if (read->last_sequence() <= merged.at(origin)) return {};
  if (!host.knows_up_to(read->greatest_keyspace())) {
    return fail(Code::unavailable,
                "it has operations on a keyspace that this node has yet to "
                "hear of");
  }
  if (origin != options.self) {
    // Whoever sends it tries again and again: to log it here would be to do so each time.
    if (Status sane = check_clock(read->last_time()); !sane) return sane;
  }
  if (entry.is_open() || !is_ready(*read, merged)) {
    Status kept = waiting.keep(*read, payload);
    counters.waiting_bytes = waiting.bytes();
    return kept;
  }
  merge_entry(*std::move(read), payload);
  merge_waiting();
  return {};
}

void Replica::Impl::merge_waiting() {
  while (const std::optional<std::string> payload = waiting.take_ready(merged)) {
    Result<EntryReader> entry_read = EntryReader::open(*payload);
    HF_ASSERT(entry_read.has_value());  // it was when it was kept
    merge_entry(*std::move(entry_read), *payload);
  }
  counters.waiting_bytes = waiting.bytes();
}

void Replica::Impl::merge_entry(EntryReader reader, std::string_view payload) {
  const OriginId origin = reader.origin();
  Try one;
  one.seen = share(reader.seen());
  one.dot = {origin, reader.first_sequence()};
  std::array<EntryReader::Operation, operations_ahead> operations;
  while (true) {
    std::size_t count = 0;
    while (count < operations.size() && reader.next(operations[count])) ++count;
    if (count == 0) break;
    expect(std::span(operations).first(count));
    for (const EntryReader::Operation& operation : std::span(operations).first(count)) {
      const std::uint64_t sequence = one.dot.sequence;
      if (sequence > merged.at(origin)) {
        merged.raise(origin, sequence);
        if (origin == options.self) own_sequence = sequence;
        clock.observe(operation.head.time);
        one.head = operation.head;
        one.reply = operation.reply;
        merge_operation(one, operation.effects);
        ++counters.merged;
      }
      ++one.dot.sequence;
    }
  }
  if (origin != options.self) host.entry_merged(origin, payload);
  stability.heard(origin, reader.last_time());
  stability.merged_more(merged);
}

// Where there are millions of keys most of a merge's time is waiting for them.
void Replica::Impl::expect(std::span<const EntryReader::Operation> operations) {
  std::array<std::pair<Table*, std::uint64_t>, operations_ahead> keys{};
  std::size_t count = 0;
  for (const EntryReader::Operation& operation : operations) {
    EffectReader reader(operation.effects);
    MergedEffect first;
    State* state = reader.next(first) ? state_of(operation.head.keyspace) : nullptr;
    if (state == nullptr) continue;
    keys[count++] = {&state->table, state->table.prefetch(first.effect.key)};
    open.prefetch(operation.head.keyspace, first.effect.key);
    if (operation.head.has_id) {
      state->ids.prefetch(operation.head.id);
      open.prefetch(operation.head.keyspace, operation.head.id);
    }
  }
  for (const auto& [table, hash] : std::span(keys).first(count)) table->prefetch_entry(hash);
  for (const auto& [table, hash] : std::span(keys).first(count)) table->prefetch_content(hash);
}

void Replica::Impl::merge_operation(const Try& one, std::string_view effects) {
  State* state = state_of(one.head.keyspace);
  if (state == nullptr) return;  // dropped
  state->table.set_version(++version);
  if (one.head.has_id && merge_id(one, *state, effects)) {
    state->had_expiries = true;  // where it was tried it may have set one
    return;
  }

  const bool alone = stability.alone();
  const bool light = !alone && (!one.head.has_id || EffectReader::is_one(effects));
  UnstableOperation* operation = alone || light ? nullptr : &open.add(one);
  key_events::OfEffects events(host.key_events(one.head.keyspace), state->table, wall);
  EffectReader reader(effects);
  MergedEffect effect;
  for (std::uint32_t index = 0; reader.next(effect); ++index) {
    events.before(effect.effect);
    if (effect.effect.kind == EffectKind::expire) state->had_expiries = true;
    const bool done =
        alone ? !open.is_open(one.head.keyspace, effect.effect.key) &&
                    apply_direct(state->table, effect)
              : light && open.apply_lightly(one, state->table, effect, index, Arrival::remote);
    if (!done) {
      if (operation == nullptr) operation = one.head.has_id ? &open.add(one) : &open.add_rest(one);
      open.apply(*operation, state->table, effect, index, Arrival::remote);
    }
    events.after(effect.effect);
  }
  if (alone && operation != nullptr) open.fold(SIZE_MAX);
}

// What a try with a request id is: true when its effects are dealt with.
bool Replica::Impl::merge_id(const Try& one, State& state, std::string_view effects) {
  const OperationHead& head = one.head;
  const Instant time = head.time.wall();
  if (UnstableOperation* known = open.find(head.keyspace, head.id)) {
    const bool saw_it = std::ranges::any_of(known->tries, [&](const Dot& dot) {
      return dot.origin == one.dot.origin ? dot.sequence < one.dot.sequence
                                          : one.seen->includes(dot);
    });
    if (!saw_it) {
      if (known->fingerprint != head.fingerprint) {
        ++counters.mismatched_ids;
        logging::warning(
            "keyspace {}: one request id was used at origins {} and {} for two operations; the "
            "first by clock counts",
            head.keyspace.value, known->dot.origin.value, one.dot.origin.value);
      }
      if (open.join(*known, state.table, one, effects))
        state.ids.replace(head.id, head.fingerprint, time, one.reply);
      return true;
    }
    // Its origin knew of the operation and ran it all the same: there the id's
    // window had passed, so this is another operation.
    open.release_id(*known);
  }
  if (state.ids.find(head.id, time)) {
    // Alone, everything is stable at once and no try is kept to compare.
    if (stability.alone()) return true;
    state.ids.replace(head.id, head.fingerprint, time, one.reply);
  } else {
    state.ids.record(head.id, head.fingerprint, time, one.reply);
  }
  return false;
}

OriginId Replica::self() const {
  return impl_->options.self;
}

const VersionVector& Replica::merged() const {
  return impl_->merged;
}

void Replica::set_members(std::span<const OriginId> members, View view) {
  if (!(impl_->stability.view() == view)) {
    impl_->waiting.forget_others(impl_->options.self);
    impl_->counters.waiting_bytes = impl_->waiting.bytes();
  }
  impl_->stability.set_members(members, view);
}

void Replica::acknowledged(OriginId member, const VersionVector& merged, HybridTime clock,
                           View view) {
  impl_->stability.acknowledged(member, merged, clock, view, impl_->merged);
}

// ---- Housekeeping

bool Replica::tidy(Instant now) {
  Impl& impl = *impl_;
  impl.told_time(now);
  const bool folds_left = impl.open.fold(folds_per_tidy);
  const bool keys_left = impl.expire_keys() >= expired_keys_per_tidy;
  impl.counters.unstable = impl.open.operations();
  impl.counters.open_keys = impl.open.keys();
  return folds_left || keys_left;
}

// Goes on with the keyspaces where the last call stopped.
std::size_t Replica::Impl::expire_keys() {
  // A key is erased when whatever is still to come must find it expired.
  const Instant time = stability.alone() ? std::max(wall, clock.last().wall())
                                         : std::min(stability.time(), clock.last()).wall();
  std::size_t erased = 0;
  const std::size_t visits = std::min(keyspaces.size(), keyspaces_per_tidy);
  for (std::size_t i = 0; i < visits && erased < expired_keys_per_tidy; ++i) {
    auto it = keyspaces.upper_bound(last_tidied);
    if (it == keyspaces.end()) it = keyspaces.begin();
    last_tidied = *it;
    State* state = host.eventual_state(*it);
    if (state == nullptr) {
      keyspaces.erase(it);
      last_used = {};
      continue;
    }
    state->ids.expire(wall);
    erased += open.expire(*it, state->table, time, expired_keys_per_tidy - erased);
  }
  return erased;
}

HybridTime Replica::clock() const {
  return impl_->clock.last();
}

void Replica::observe(HybridTime time) {
  if (impl_->check_clock(time)) impl_->clock.observe(time);
}

HybridTime Replica::tell_time(Instant wall) {
  return impl_->clock.tick(wall);
}

std::uint64_t Replica::digest(KeyspaceId keyspace, Instant now) {
  State* state = impl_->host.eventual_state(keyspace);
  return state == nullptr ? 0 : state->table.digest(now);
}

Explanation Replica::explain(KeyspaceId keyspace, std::string_view key,
                             const Explanation::Bounds& bounds) {
  State* const state = impl_->host.eventual_state(keyspace);
  if (state == nullptr) return {};
  impl_->open.unpack(keyspace, state->table, key);
  return eventual::explain(impl_->open.find_key(keyspace, key), state->table, key, bounds);
}

std::uint64_t Replica::stable_until(OriginId origin) const {
  return std::min(impl_->stability.stable_until(origin), impl_->merged.at(origin));
}

std::optional<std::string> Replica::audit() {
  return impl_->open.audit();
}

void Replica::drop(KeyspaceId keyspace) {
  impl_->open.drop(keyspace);
  impl_->keyspaces.erase(keyspace);
  impl_->last_used = {};
}

const Replica::Counters& Replica::counters() const {
  return impl_->counters;
}

// ---- Checkpoints

std::size_t Replica::rows_to_write() const {
  return impl_->open.rows_to_write();
}

void Replica::begin_checkpoint() {
  HF_ASSERT(!impl_->entry.is_open());
  impl_->open.begin_checkpoint();
}

bool Replica::checkpoint_slice(CheckpointRows& rows, std::size_t max_rows) {
  return impl_->open.checkpoint_slice(rows, max_rows);
}

void Replica::end_checkpoint(bool committed) {
  impl_->open.end_checkpoint(committed);
}

std::string Replica::encode() const {
  const Impl& impl = *impl_;
  std::string out;
  wire::put_u8(out, format_version);
  impl.merged.encode(out);
  wire::put_u64(out, impl.clock.last().value);
  wire::put_signed(out, to_ms(impl.wall));
  wire::put_varint(out, impl.version);
  impl.stability.encode(out);
  wire::put_varint(out, impl.keyspaces.size());
  for (const KeyspaceId keyspace : impl.keyspaces) wire::put_varint(out, keyspace.value);
  return out;
}

Result<VersionVector> Replica::merged_in(std::string_view bytes) {
  wire::Reader in(bytes);
  return read_merged(in);
}

Status Replica::load(std::string_view bytes) {
  Impl& impl = *impl_;
  wire::Reader in(bytes);
  auto merged = read_merged(in);
  if (!merged) return tl::unexpected(merged.error());
  impl.merged = std::move(*merged);
  impl.clock.observe(HybridTime{in.u64()});
  impl.wall = instant_from_ms(in.signed_varint());
  impl.version = in.varint();
  impl.stability.decode(in);
  const std::uint64_t count = in.varint();
  for (std::uint64_t i = 0; i < count && in.ok(); ++i)
    impl.keyspaces.insert(KeyspaceId{static_cast<std::uint32_t>(in.varint())});
  if (!in.ok() || !in.at_end()) return fail(Code::corrupt, "the checkpoint's replica is damaged");
  impl.own_sequence = impl.merged.at(impl.options.self);
  return impl.open.load(impl.store);
}

}  // namespace holdfast::eventual
