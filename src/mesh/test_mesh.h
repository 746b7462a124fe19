// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/logging.h"
#include "eventual/origin_entry.h"
#include "eventual/replica.h"
#include "eventual/test_replica.h"
#include "log/disk_log.h"
#include "log/fault_file_system.h"
#include "mesh/inbound.h"
#include "mesh/replication.h"

/// For this folder's tests: nodes with a replica, a log on a disk that can lose
/// power, and replication; and connections between them that can break anywhere.
namespace holdfast::mesh::testing {

using eventual::Dot;
using eventual::OriginId;
using eventual::VersionVector;
using eventual::testing::likes;
using eventual::testing::Line;

/// An own entry as the model of eventual keyspaces has its operations.
inline std::vector<eventual::testing::ModelTry> tries_of(std::string_view entry) {
  std::vector<eventual::testing::ModelTry> tries;
  auto reader = eventual::EntryReader::open(entry);
  HF_ASSERT(reader);
  VersionVector seen = reader->seen();
  Dot dot{reader->origin(), reader->first_sequence()};
  eventual::EntryReader::Operation operation;
  seen.raise(dot.origin, dot.sequence - 1);
  for (; reader->next(operation); ++dot.sequence) {
    auto& one = tries.emplace_back();
    one.dot = dot;
    one.stamp = {operation.head.time, dot.origin};
    one.seen = seen;
    seen.raise(dot.origin, dot.sequence);
    if (operation.head.has_id) {
      one.id = std::to_string(operation.head.keyspace.value) + "." +
               std::to_string(operation.head.id.hash.high) + "." +
               std::to_string(operation.head.id.hash.low);
      one.what = std::to_string(operation.head.fingerprint);
      one.reply = operation.reply;
    }
    eventual::EffectReader effects(operation.effects);
    eventual::MergedEffect merged;
    while (effects.next(merged)) {
      const Effect& effect = merged.effect;
      one.effects.push_back({effect.kind, std::string(effect.key), std::string(effect.element),
                             std::string(effect.text), effect.number, effect.keep_expiry,
                             merged.fresh});
    }
  }
  return tries;
}

class TestNode final : public eventual::Host {
 public:
  TestNode(std::string node, std::uint64_t number, std::vector<std::string> members,
           std::uint64_t seed)
      : name(std::move(node)),
        files(seed),
        number_(number),
        members_(std::move(members)),
        store_(make_memory_store()) {
    start();
  }

  // -- Host
  eventual::State* eventual_state(KeyspaceId keyspace) override {
    return keyspace == likes ? &live_->state : nullptr;
  }
  void entry_merged(OriginId, std::string_view entry) override {
    if (replaying_) return;
    if (taking_) {
      merged_meanwhile_.emplace_back(entry);
    } else {
      append(entry);
    }
  }

  OriginId self() const { return {number_ + 1'000 * incarnation_}; }
  eventual::Replica& replica() { return *live_->replica; }
  Replication& replication() { return *live_->replication; }
  Table& table() { return live_->table; }
  DiskLog& log() { return *log_; }

  /// Runs a command; its reply. turn() puts it into the log.
  std::string run(const Line& line, std::string_view id) {
    const std::vector<std::string_view> args(line.begin(), line.end());
    const eventual::Replica::Call call{eventual::testing::commands().find(line[0]), args};
    std::string text;
    Reply reply(text);
    replica().execute(
        {.keyspace = likes, .caller = {}, .request_id = id, .calls = std::span(&call, 1)}, wall,
        reply);
    return text;
  }

  /// The end of a turn; the own entry that was appended, if any.
  std::string turn() {
    if (replica().open_bytes() == 0) return {};
    taking_ = true;
    std::string entry = replica().take_entry();
    taking_ = false;
    append(entry);
    for (const std::string& merged : std::exchange(merged_meanwhile_, {})) append(merged);
    return entry;
  }

  const Report& report() {
    turn();
    members_file_ = replication().holdings().encode_members();
    return replication().report(wall);
  }

  void checkpoint() {
    turn();
    CheckpointRows rows;
    rows.put(Family::meta, "replica", replica().encode());
    rows.put(Family::meta, "position", std::to_string(log_->last().value));
    table().begin_checkpoint();
    live_->ids.begin_checkpoint(rows);
    replica().begin_checkpoint();
    while (!table().checkpoint_slice(rows, 1'000)) {
    }
    while (!replica().checkpoint_slice(rows, 1'000)) {
    }
    // As the node's checkpointer: what a checkpoint holds and the log has lost, no
    // peer would ever get.
    log_->sync_now();
    HF_ASSERT(store_->commit(std::move(rows)));
    table().end_checkpoint(true);
    live_->ids.end_checkpoint(true);
    replica().end_checkpoint(true);
    checkpointed_ = log_->last();
    checkpoint_merged_ = replica().merged();
  }
  void trim() { log_->trim(std::min(checkpointed_, replication().trimmable())); }
  /// As a node does whose log has become too long for a member that is away.
  void let_go() {
    const Position until = replication().let_go(checkpointed_, checkpoint_merged_);
    members_file_ = replication().holdings().encode_members();
    log_->trim(until);
  }
  bool may_adopt(TestNode& from) { return replication().can_build_on(from.replica().merged()); }
  /// Takes the other's checkpoint in its own one's place, and starts again on it.
  void adopt(TestNode& from) {
    from.checkpoint();
    from.replication().gives(from.checkpoint_merged_);
    from.members_file_ = from.replication().holdings().encode_members();
    replication().builds_on(from.checkpoint_merged_);
    members_file_ = replication().holdings().encode_members();
    auto store = make_memory_store();
    CheckpointRows rows;
    for (std::size_t i = 0; i < family_count; ++i) {
      const auto family = static_cast<Family>(i);
      const auto copy = [&](std::string_view key, std::string_view value) {
        if (key != "position") rows.put(family, key, value);
        return true;
      };
      HF_ASSERT(from.store_->scan(family, "", "", copy));
    }
    checkpointed_ = Position{log_->first().value - 1};
    rows.put(Family::meta, "position", std::to_string(checkpointed_.value));
    HF_ASSERT(store->commit(std::move(rows)));
    live_.reset();  // it reads the store
    store_ = std::move(store);
    checkpoint_merged_ = {};
    crash(false);
  }

  /// Ends as by kill -9, or with the power; and starts again.
  void crash(bool power) {
    live_.reset();
    log_.reset();
    merged_meanwhile_.clear();
    if (power) {
      files.power_cut();
      ++incarnation_;  // as node::settle_origin() would
    }
    start();
  }

  const std::string name;
  FaultFileSystem files;
  Instant wall = instant_from_ms(1'000'000);

 private:
  struct Live {
    explicit Live(Store& store)
        : table(likes, store),
          ids(likes, store,
              {.memory_bytes_max = std::size_t{1} << 20, .retain = Millis(72LL * 3'600'000)}),
          state{.table = table, .ids = ids, .retain = Millis(72LL * 3'600'000)} {}
    Table table;
    IdTable ids;
    eventual::State state;
    std::unique_ptr<eventual::Replica> replica;
    std::unique_ptr<Replication> replication;
  };

  void append(std::string_view entry) { HF_ASSERT(log_->append(entry, Durability::everysec)); }

  void start() {
    live_ = std::make_unique<Live>(*store_);
    live_->replica = std::make_unique<eventual::Replica>(
        eventual::testing::commands(), *this, *store_, eventual::Replica::Options{.self = self()});
    auto log = DiskLog::open(files, {.directory = "/data/origin",
                                     .segment_bytes = 4_KiB,
                                     .segment_bytes_first = 4_KiB,
                                     .own_threads = false,
                                     .log_id = 7});
    if (!log) logging::error("{}", log.error().message);
    HF_ASSERT(log);
    log_ = std::move(*log);
    Position after;
    const auto bytes = store_->get(Family::meta, "replica");
    HF_ASSERT(bytes);
    if (*bytes) {
      HF_ASSERT(live_->table.load() && live_->ids.load() && replica().load(**bytes));
      after.value = std::stoull(**store_->get(Family::meta, "position"));
    }
    HF_ASSERT(after <= log_->last());
    std::vector<OriginId> former;
    for (std::uint64_t i = 0; i < incarnation_; ++i) former.push_back({number_ + 1'000 * i});
    live_->replication =
        std::make_unique<Replication>(name, self(), former, members_, replica(), *log_);
    if (!members_file_.empty()) HF_ASSERT(live_->replication->add_members(members_file_));
    replaying_ = true;
    HF_ASSERT(log_->replay(after, [&](Position, std::string_view entry) {
      return replica().receive(*eventual::origin_of(entry), entry);
    }));
    replaying_ = false;
    replica().tidy(wall);  // it knows the time before anyone tells it another
    live_->replication->start();
  }

  std::uint64_t number_;
  std::uint64_t incarnation_ = 0;
  std::vector<std::string> members_;
  std::string members_file_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<DiskLog> log_;
  std::unique_ptr<Live> live_;
  Position checkpointed_;
  VersionVector checkpoint_merged_;
  bool replaying_ = false;
  bool taking_ = false;
  std::vector<std::string> merged_meanwhile_;
};

/// A connection on which `from` sends `to` its log. Bytes come in pieces of any
/// size; a connection that ends loses what is on its way.
class TestLink {
 public:
  TestLink(TestNode& from, TestNode& to) : from_(from), to_(to) {}

  /// As Mesh::turn().
  void end_of_another_view() {
    if (live_ && live_->sender.value != 0 && !(live_->view == to_.replication().holdings().view()))
      end();
  }
  bool is_up() const { return live_ && !live_->sender_gone; }
  bool has_leftovers() const { return live_ && live_->sender_gone; }
  void connect() {
    end();
    live_.emplace(to_);
    tell();
  }
  void end() {
    if (!live_) return;
    if (live_->sender.value != 0) to_.replication().hears_no_more(from_.name);
    live_.reset();
  }
  /// A node of it has crashed: what it knew of the connection is gone with it.
  void forget() { live_.reset(); }
  /// Its sender has crashed, but what it had sent may still arrive.
  void sender_crashed() {
    if (live_) live_->sender_gone = true;
  }
  bool is_of(const TestNode& node) const { return &from_ == &node || &to_ == &node; }

  bool comes_from(const TestNode& node) const { return &from_ == &node; }

  /// Both ends report.
  void tell() {
    live_->forth.frames.put(live_->forth.bytes, FrameType::report, encode(from_.report()));
    live_->back.frames.put(live_->back.bytes, FrameType::report, encode(to_.report()));
  }
  void pump(std::size_t bytes_max) {
    if (!live_->begun) return;
    from_.turn();
    const auto pumped = from_.replication().outbound(to_.name).pump(live_->forth.frames,
                                                                    live_->forth.bytes, bytes_max);
    HF_ASSERT(pumped);
  }
  /// Some bytes of one direction arrive. The error that ends the connection, where
  /// it is none of those that a node that began anew brings with it.
  Status deliver(bool forth, std::size_t bytes) {
    HF_ASSERT(live_);
    Status moved = carry(forth, bytes);
    const Holdings& known = to_.replication().holdings();
    if (moved || (live_->view == known.view() && !known.has_ended(live_->sender))) return moved;
    end();
    return {};
  }
  bool idle() const { return live_->forth.bytes.empty() && live_->back.bytes.empty(); }

 private:
  Status carry(bool forth, std::size_t bytes) {
    Way& way = forth ? live_->forth : live_->back;
    if (forth && live_->inbound.stalled()) {
      if (Status s = live_->inbound.retry(); !s) return s;
      if (Status s = read(forth, way); !s) return s;
      if (live_->inbound.stalled()) return {};
    }
    bytes = std::min(bytes, way.bytes.size());
    while (bytes > 0 && !(forth && live_->inbound.stalled())) {
      const auto room = way.reader.room();
      const std::size_t n = std::min(bytes, room.size());
      std::copy_n(way.bytes.data(), n, room.data());
      way.bytes.erase(0, n);
      way.reader.received(n);
      bytes -= n;
      if (Status s = read(forth, way); !s) return s;
    }
    return {};
  }

  struct Way {
    FrameWriter frames;
    FrameReader reader;
    std::string bytes;
  };
  struct Live {
    explicit Live(TestNode& to)
        : inbound([this, &to](std::string_view entry) {
            return to.replication().receive(view, entry);
          }) {}
    Way forth, back;
    Inbound inbound;
    bool begun = false;   // the sender has heard the receiver
    OriginId sender;      // as it has said; 0: the receiver has not heard it
    eventual::View view;  // the receiver's then
    bool sender_gone = false;
  };

  Status read(bool forth, Way& way) {
    while (!forth || !live_->inbound.stalled()) {
      const auto frame = way.reader.next();
      if (!frame) return tl::unexpected(frame.error());
      if (!*frame) return {};
      if ((*frame)->type != FrameType::report) {
        if (Status s = live_->inbound.take(**frame); !s) return s;
        if (live_->inbound.stalled()) {
          to_.turn();
          if (Status s = live_->inbound.retry(); !s) return s;
        }
        continue;
      }
      const auto report = decode_report((*frame)->body);
      if (!report) return tl::unexpected(report.error());
      TestNode& hearer = forth ? to_ : from_;
      if (forth) {
        if (live_->sender.value == 0) live_->view = to_.replication().holdings().view();
        live_->sender = report->holdings.front().origin;
        if (to_.replication().holdings().has_ended(live_->sender))
          return fail(Code::err, "it has ended");
      }
      if (Status s = hearer.replication().heard(*report); !s) return s;
      if (forth) {
        to_.replication().hears(from_.name, live_->sender);
        continue;
      }
      Outbound& outbound = from_.replication().outbound(to_.name);
      if (std::exchange(live_->begun, true)) {
        outbound.heard(*report);
      } else {
        outbound.begin(*report);
      }
    }
    return {};
  }

  TestNode& from_;
  TestNode& to_;
  std::optional<Live> live_;
};

}  // namespace holdfast::mesh::testing
