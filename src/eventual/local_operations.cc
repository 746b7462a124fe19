// SPDX-License-Identifier: Apache-2.0
#include <absl/functional/function_ref.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/limits.h"
#include "base/request_id.h"
#include "eventual/direct.h"
#include "eventual/replica_impl.h"

namespace holdfast::eventual {
namespace {

// Same command, same arguments: the command's number, so that the case in which
// its name was written does not count.
std::uint64_t fingerprint_of(const Replica::Request& request) {
  std::uint64_t print = request.transaction ? request.calls.size() : 0;
  for (const Replica::Call& call : request.calls) {
    const std::size_t name_words = call.row->name.find(' ') == std::string_view::npos ? 1 : 2;
    std::uint64_t head[3] = {print, call.row->code, call.args.size()};
    print = checksum({reinterpret_cast<const char*>(head), sizeof(head)});
    for (std::size_t i = name_words; i < call.args.size(); ++i)
      print = checksum(call.args[i], print);
  }
  return print;
}

bool changes_anything(const Replica::Request& request) {
  for (const Replica::Call& call : request.calls) {
    if (call.row->access != Access::read) return true;
  }
  return false;
}

bool calls_function(const Replica::Request& request) {
  return !request.transaction && request.calls[0].row->access == Access::function;
}

bool has_function(const State& state, Args args) {
  return state.functions != nullptr &&
         state.functions->find(function::parse_name(args[1]).function).has_value();
}

// A refusal that arguments alone brought about says nothing of the state: the
// same arguments get it again, and nothing needs to be remembered.
bool is_decided_by_state(std::string_view reply) {
  return !reply.starts_with("-UNSUPPORTED ") && !reply.starts_with("-ERR syntax error") &&
         !reply.starts_with("-ERR wrong number of arguments");
}

/// Applies effects to the table alone, and keeps them.
class Rehearsal final : public EffectSink {
 public:
  Rehearsal(Table& table, Instant now) : table_(table), now_(now) {}

  void emit(const Effect& effect) override {
    kept_.push_back(
        {effect, std::string(effect.key), std::string(effect.element), std::string(effect.text)});
    MergedEffect merged{effect};
    apply_direct_here(table_, now_, merged);
  }

  /// With the table as it was before. `each` hears first of all keys.
  void emit_all(EffectSink& sink, absl::FunctionRef<void(std::string_view)> each) const {
    for (const Kept& one : kept_) each(one.key);
    for (const Kept& one : kept_) {
      Effect effect = one.effect;
      effect.key = one.key;
      effect.element = one.element;
      effect.text = one.text;
      sink.emit(effect);
    }
  }

 private:
  struct Kept {
    Effect effect;  // its texts are the next three
    std::string key;
    std::string element;
    std::string text;
  };

  Table& table_;
  Instant now_;
  std::vector<Kept> kept_;
};

/// What an operation tells: it is told here, where the operation came first.
class Messages final : public MessageSink {
 public:
  Messages(Host& host, ServiceId caller) : host_(host), caller_(caller) {}
  Status check(const Message& message) const override {
    return host_.may_publish(caller_, message.channel);
  }
  void publish(const Message& message) override { host_.publish(message); }

 private:
  Host& host_;
  ServiceId caller_;
};

}  // namespace

/// Applies each effect as its command emits it, and writes it into the entry.
class Replica::Impl::Sink : public EffectSink {
 public:
  Sink(Impl& impl, State& state, const OperationHead& head)
      : impl_(impl),
        state_(state),
        table_(state.table),
        head_(head),
        told_(impl.host.key_events(head.keyspace), state.table, head.time.wall()),
        alone_(impl.stability.alone()) {}

  /// Before anything is emitted: the operation may write at the key.
  void may_write(std::string_view key) {
    if (head_.has_id && !alone_ && state_.had_expiries && table_.find(key, now()) == nullptr)
      unseen_.emplace(key);
  }

  void emit(const Effect& effect) override {
    MergedEffect emitted{effect};
    if (effect.kind == EffectKind::expire) {
      emitted.effect.number = std::max<std::int64_t>(effect.number, 0);  // as an entry holds it
      state_.had_expiries = true;
    }
    if (effects_ == 0) {
      if (!unseen_.empty()) clear_unseen();
      begin();
    }
    told_.before(effect);
    const bool direct = alone_ && !impl_.open.is_open(head_.keyspace, effect.key) &&
                        apply_direct_here(table_, now(), emitted);
    if (!direct) {
      mark_fresh(emitted, table_.find(effect.key, now()) != nullptr);
      if (is_cleared(effect.key)) emitted.fresh = false;
      if (!apply_lightly(emitted))
        impl_.open.apply(operation(), table_, emitted, effects_, Arrival::local);
    }
    told_.after(effect);
    impl_.entry.effect(emitted);
    ++effects_;
  }

  Instant now() const { return head_.time.wall(); }
  bool any() const { return effects_ != 0; }

  void commit(std::string_view reply) {
    if (effects_ == 0) begin();
    impl_.entry.commit(reply);
    if (light_id_) return impl_.open.set_light_reply(reply);
    if (head_.has_id && !alone_) operation();
    if (operation_ == nullptr) return;
    if (head_.has_id) operation_->reply = SpillingString(reply);
    if (alone_) impl_.open.fold(SIZE_MAX);
  }

 private:
  // What has expired at a key, or the expiry of one that was emptied, others may still have. An
  // operation with an id may be undone by an earlier try of it; what is done to the key behind it
  // stands on its having been cleared, which a replica that has forgotten what was there cannot
  // undo. So that is an operation by itself, of one try.
  void clear_unseen() {
    const OperationHead asked = head_;
    head_.has_id = false;
    head_.id = {};
    head_.fingerprint = 0;
    begin();
    for (const std::string& key : unseen_) {
      const MergedEffect clear{{.kind = EffectKind::clear, .key = key}};
      impl_.open.apply(operation(), table_, clear, effects_++, Arrival::local);
      impl_.entry.effect(clear);
    }
    impl_.entry.commit({});
    operation_ = nullptr;
    effects_ = 0;
    head_ = asked;
    head_.time = impl_.clock.tick(impl_.wall);
  }
  // Whether nothing was done there since.
  bool is_cleared(std::string_view key) {
    const auto found = unseen_.find(key);
    if (found == unseen_.end()) return false;
    unseen_.erase(found);
    return true;
  }

  // One with an id that turns out to have more effects is not light.
  bool apply_lightly(const MergedEffect& effect) {
    if (alone_ || operation_ != nullptr) return false;
    if (std::exchange(light_id_, false)) {
      operation_ = impl_.open.find(head_.keyspace, head_.id);
      return false;
    }
    if (head_.has_id && effects_ != 0) return false;
    const bool light =
        impl_.open.apply_lightly(this_try(), table_, effect, effects_, Arrival::local);
    light_id_ = light && head_.has_id;
    return light;
  }
  void begin() {
    impl_.merged.raise(impl_.options.self, ++impl_.own_sequence);
    impl_.open_entry();
    impl_.entry.begin(head_);
    table_.set_version(++impl_.version);
  }

  Try this_try() {
    if (impl_.entry_seen_kept == nullptr) impl_.entry_seen_kept = share(impl_.entry_seen);
    return {.head = head_,
            .dot = {impl_.options.self, impl_.own_sequence},
            .seen = impl_.entry_seen_kept,
            .reply = {}};
  }
  UnstableOperation& operation() {
    if (operation_ == nullptr) {
      operation_ = head_.has_id ? &impl_.open.add(this_try()) : &impl_.open.add_rest(this_try());
    }
    return *operation_;
  }

  Impl& impl_;
  State& state_;
  Table& table_;
  OperationHead head_;
  std::set<std::string, std::less<>> unseen_;  // keys that it may write at, and sees nothing of
  key_events::OfEffects told_;
  UnstableOperation* operation_ = nullptr;
  std::uint32_t effects_ = 0;
  bool alone_;
  bool light_id_ = false;  // the operation has an id and is light
};

void Replica::Impl::open_entry() {
  if (entry.is_open()) return;
  entry_seen = merged;
  entry_seen.erase(options.self);
  entry_seen_kept.reset();
  entry.open(options.self, own_sequence, entry_seen);
}

bool Replica::Impl::answer_remembered(const Request& request, State& state,
                                      const OperationHead& head, Reply& reply, Executed& executed) {
  // An unstable operation is remembered past the window: some replica has yet
  // to hear of it, and must not run it again.
  struct Remembered {
    std::uint64_t fingerprint = 0;
    std::string_view reply;
    Replay replay = Replay::reply;
  };
  std::optional<Remembered> remembered;
  std::optional<Outcome> outcome;
  if (const auto light = open.light_answer(request.keyspace, head.id)) {
    remembered = {light->fingerprint, light->reply};
  } else if (const UnstableOperation* unstable = open.find(request.keyspace, head.id)) {
    remembered = {unstable->fingerprint, unstable->reply.view(),
                  unstable->replies_differ ? Replay::effect : Replay::reply};
  } else if ((outcome = state.ids.find(head.id, wall))) {
    remembered = {outcome->fingerprint, outcome->reply};
  }
  if (remembered) {
    if (remembered->fingerprint != head.fingerprint) {
      ++state.ids.counters.reused;
      reply.error({Code::id_reused, "the request id was used for another operation"});
      return true;
    }
    reply.buffer().append(remembered->reply);
    executed.replay = remembered->replay;
    ++counters.replayed;
    ++state.ids.counters.replayed;
    return true;
  }
  if (const auto refused =
          refuse_by_time(request.request_id, wall,
                         std::max(wall - state.retain, state.ids.horizon() + Millis(1)))) {
    ++state.ids.counters.expired;
    reply.error(*refused);
    return true;
  }
  if (state.ids_bytes_max != 0 && state.ids.total_bytes() >= state.ids_bytes_max) {
    reply.error({Code::busy, "the keyspace's MAX-IDS-BYTES is reached"});
    return true;
  }
  return false;
}

// The function runs on the table alone, which takes back whatever it did; where it ended well its
// effects are then emitted as a command's are. So one that fails leaves no trace, and the replica's
// bookkeeping need not be taken back.
void Replica::Impl::call_function(const Request& request, State& state, Sink& sink,
                                  EventualContext& context, Reply& reply) {
  Rehearsal rehearsal(state.table, context.now);
  EventualContext rehearsed{state.table, context.now, rehearsal, context.alone};
  const auto write = [&](const Row& row, Args args, Reply& out) {
    if (row.eventual == nullptr) return out.error(unsupported_on_eventual(row));
    row.eventual(rehearsed, args, out);
  };
  const auto holds = [&](std::string_view key) { return host.is_of(request.keyspace, key); };
  Messages messages(host, host.owner_of(request.keyspace));  // with its owner's rights
  function::call(*state.functions,
                 {.commands = commands,
                  .table = state.table,
                  .now = context.now,
                  .seed = clock.last().value,
                  .caller = host.service_name(request.caller),
                  .holds = holds,
                  .write = write,
                  .rehearse = true,
                  .messages = &messages},
                 request.calls[0].args, reply);
  if (!reply.is_error())
    rehearsal.emit_all(sink, [&sink](std::string_view key) { sink.may_write(key); });
  host.on_called(request.caller, request.calls[0].args[1], reply.is_error());
}

Replica::Executed Replica::Impl::execute(const Request& request, Reply& reply) {
  Executed executed;
  State* state = state_of(request.keyspace);
  if (state == nullptr) {
    reply.error({Code::unavailable, "the keyspace was dropped"});
    return executed;
  }
  if (waiting.bytes() != 0 && waiting.has(options.self)) {
    reply.error({Code::unavailable, "this node's own past waits for what its peers know"});
    return executed;
  }
  OperationHead head{.keyspace = request.keyspace, .time = clock.tick(wall)};
  if (!request.request_id.empty() && changes_anything(request)) {
    head.has_id = true;
    head.id = make_id_key(request.caller, request.request_id);
    head.fingerprint = fingerprint_of(request);
    if (answer_remembered(request, *state, head, reply, executed)) return executed;
  }
  // No outcome: where the library is known, another try of it may be the operation.
  if (calls_function(request) && !has_function(*state, request.calls[0].args)) {
    reply.error({Code::err, "Function not found"});
    return executed;
  }

  const std::size_t start = reply.written().size();
  Sink sink(*this, *state, head);
  Messages messages(host, request.caller);
  EventualContext context{state->table, sink.now(), sink, stability.alone(), &messages};
  for (const Call& call : request.calls) {
    if (head.has_id && call.row->eventual != nullptr)
      for_each_key(*call.row, call.args, [&sink](std::string_view key) { sink.may_write(key); });
  }
  if (request.transaction) reply.array(request.calls.size());
  for (const Call& call : request.calls) {
    if (call.row->read != nullptr) {
      call.row->read(state->table, context.now, call.args, reply);
    } else if (call.row->eventual != nullptr) {
      call.row->eventual(context, call.args, reply);
    } else if (call.row->access == Access::function) {
      call_function(request, *state, sink, context, reply);
    } else {
      reply.error({Code::unsupported, "the command needs a strong keyspace"});
    }
  }
  const std::string_view answer = reply.written().substr(start);
  const bool remember = head.has_id && (sink.any() || is_decided_by_state(answer));
  if (!sink.any() && !remember) return executed;
  sink.commit(answer);
  if (head.has_id) state->ids.record(head.id, head.fingerprint, wall, answer);
  executed.wrote = true;
  ++counters.operations;
  return executed;
}

}  // namespace holdfast::eventual
