// SPDX-License-Identifier: Apache-2.0
#include "eventual/origin_entry.h"

#include <cstring>
#include <limits>

#include "base/assert.h"
#include "base/limits.h"
#include "eventual/element_values.h"
#include "eventual/replica.h"

namespace holdfast::eventual {
namespace {

constexpr std::uint8_t format_version = 1;

// The first byte of an operation and of an effect. A bit that is not named here
// makes the entry one this build does not know.
constexpr std::uint8_t operation_has_id = 0x01;
constexpr std::uint8_t effect_kind_bits = 0x0F;
constexpr std::uint8_t effect_keeps_expiry = 0x10;
constexpr std::uint8_t effect_is_fresh = 0x20;
constexpr std::uint8_t effect_same_key = 0x40;
constexpr std::uint8_t effects_end = 0x00;

bool has_element(EffectKind kind) {
  switch (kind) {
    case EffectKind::put_field:
    case EffectKind::add_field:
    case EffectKind::remove_field:
    case EffectKind::add_member:
    case EffectKind::remove_member:
    case EffectKind::put_score:
    case EffectKind::add_score:
    case EffectKind::remove_score:
      return true;
    default:
      return false;
  }
}
bool has_text(EffectKind kind) {
  return kind == EffectKind::put_string || kind == EffectKind::put_field ||
         kind == EffectKind::put_score;
}
bool has_number(EffectKind kind) {
  return kind == EffectKind::add || kind == EffectKind::add_field ||
         kind == EffectKind::add_score || kind == EffectKind::expire;
}
bool is_never_fresh(EffectKind kind) {
  return kind == EffectKind::put_string || kind == EffectKind::clear;
}

// Where its key lies.
std::size_t append_effect(std::string& out, const MergedEffect& merged, bool same_key) {
  const Effect& effect = merged.effect;
  auto head = static_cast<std::uint8_t>(effect.kind);
  if (effect.keep_expiry && effect.kind == EffectKind::put_string) head |= effect_keeps_expiry;
  if (merged.fresh) head |= effect_is_fresh;
  if (same_key) head |= effect_same_key;
  wire::put_u8(out, head);
  if (!same_key) wire::put_varint(out, effect.key.size());
  const std::size_t key_at = out.size();
  if (!same_key) out.append(effect.key);
  if (has_element(effect.kind)) wire::put_bytes(out, effect.element);
  if (has_text(effect.kind)) wire::put_bytes(out, effect.text);
  if (has_number(effect.kind)) wire::put_signed(out, effect.number);
  return key_at;
}

}  // namespace

void put_effect(std::string& out, const MergedEffect& effect) {
  append_effect(out, effect, false);
}

bool EffectReader::next(MergedEffect& out) {
  const std::uint8_t head = in_.u8();
  if (!in_.ok() || head == effects_end) return false;
  const std::uint8_t kind = head & effect_kind_bits;
  out = {};
  Effect& effect = out.effect;
  effect.kind = static_cast<EffectKind>(kind);
  effect.keep_expiry = (head & effect_keeps_expiry) != 0;
  out.fresh = (head & effect_is_fresh) != 0;
  const bool same_key = (head & effect_same_key) != 0;
  ok_ = ok_ && (head & 0x80) == 0 && kind >= static_cast<std::uint8_t>(EffectKind::put_string) &&
        kind <= static_cast<std::uint8_t>(EffectKind::remove_score) &&
        (!effect.keep_expiry || effect.kind == EffectKind::put_string) &&
        (!out.fresh || !is_never_fresh(effect.kind)) && (!same_key || !first_);
  if (!ok_) return false;
  if (!same_key) key_ = in_.bytes();
  effect.key = key_;
  first_ = false;
  if (has_element(effect.kind)) effect.element = in_.bytes();
  if (has_text(effect.kind)) effect.text = in_.bytes();
  if (has_number(effect.kind)) effect.number = in_.signed_varint();
  ok_ = ok_ && (effect.kind != EffectKind::expire || effect.number >= 0) &&
        (effect.kind != EffectKind::put_score || score_of(effect.text));
  return ok_ && in_.ok();
}

void EntryWriter::open(OriginId origin, std::uint64_t first_sequence, const VersionVector& seen) {
  HF_ASSERT(!open_);
  open_ = true;
  operations_ = 0;
  time_ = {};
  wire::put_u8(bytes_, format_version);
  wire::put_u64(bytes_, origin.value);
  wire::put_varint(bytes_, first_sequence);
  seen.encode(bytes_);
  count_at_ = bytes_.size();
  wire::put_u32(bytes_, 0);
}

void EntryWriter::begin(const OperationHead& head) {
  HF_ASSERT(open_ && head.time > time_);
  operation_at_ = bytes_.size();
  operation_time_ = head.time;
  has_id_ = head.has_id;
  key_at_ = 0;
  wire::put_u8(bytes_, head.has_id ? operation_has_id : 0);
  wire::put_varint(bytes_, head.keyspace.value);
  wire::put_varint(bytes_, head.time.value - time_.value);
  if (head.has_id) {
    wire::put_u64(bytes_, head.id.hash.high);
    wire::put_u64(bytes_, head.id.hash.low);
    wire::put_u64(bytes_, head.fingerprint);
  }
}

void EntryWriter::effect(const MergedEffect& merged) {
  const std::string_view key = merged.effect.key;
  const bool same_key = key_at_ != 0 && std::string_view(bytes_).substr(key_at_, key_bytes_) == key;
  const std::size_t at = append_effect(bytes_, merged, same_key);
  if (!same_key) {
    key_at_ = at;
    key_bytes_ = key.size();
  }
}

void EntryWriter::commit(std::string_view reply) {
  wire::put_u8(bytes_, effects_end);
  if (has_id_) wire::put_bytes(bytes_, reply);
  time_ = operation_time_;
  ++operations_;
}

void EntryWriter::abandon() {
  bytes_.resize(operation_at_);
}

std::string EntryWriter::take() {
  HF_ASSERT(open_ && operations_ > 0 && operations_ <= std::numeric_limits<std::uint32_t>::max());
  const auto count = static_cast<std::uint32_t>(operations_);
  std::memcpy(bytes_.data() + count_at_, &count, sizeof(count));
  open_ = false;
  operations_ = 0;
  std::string taken = std::move(bytes_);
  bytes_ = {};
  bytes_.reserve(std::min<std::size_t>(taken.size(), limits::entry_bytes_target));
  return taken;
}

Result<OriginId> origin_of(std::string_view payload) {
  wire::Reader in(payload);
  const std::uint8_t version = in.u8();
  const OriginId origin{in.u64()};
  if (!in.ok() || version != format_version)
    return fail(Code::corrupt, "these bytes are no origin's entry");
  return origin;
}

Result<EntryDots> dots_of(std::string_view payload) {
  wire::Reader in(payload);
  const std::uint8_t version = in.u8();
  EntryDots dots{.origin = OriginId{in.u64()}, .first = in.varint()};
  (void)VersionVector::decode(in);
  dots.last = dots.first + in.u32() - 1;
  if (!in.ok() || version != format_version || dots.first == 0 || dots.last < dots.first)
    return fail(Code::corrupt, "these bytes are no origin's entry");
  return dots;
}

Result<EntryReader> EntryReader::open(std::string_view payload) {
  EntryReader reader(payload);
  wire::Reader& in = reader.in_;
  const std::uint8_t version = in.u8();
  if (!in.ok()) return fail(Code::corrupt, "an origin's entry is empty");
  if (version != format_version) {
    return fail(Code::corrupt, "an origin's entry has format " + std::to_string(version) +
                                   ", which this build does not know");
  }
  reader.origin_ = OriginId{in.u64()};
  reader.first_ = in.varint();
  reader.seen_ = VersionVector::decode(in);
  reader.operations_ = in.u32();
  if (!in.ok() || reader.first_ == 0 || reader.operations_ == 0 ||
      reader.first_ > std::numeric_limits<std::uint64_t>::max() - reader.operations_ ||
      reader.seen_.at(reader.origin_) != 0) {
    return fail(Code::corrupt, "an origin's entry has a damaged head");
  }
  EntryReader walk = reader;
  Operation operation;
  for (std::uint64_t i = 0; i < reader.operations_; ++i) {
    if (!walk.parse(operation))
      return fail(Code::corrupt, "an origin's entry has a damaged operation");
    reader.greatest_keyspace_ = std::max(reader.greatest_keyspace_, operation.head.keyspace);
  }
  if (!walk.in_.at_end()) return fail(Code::corrupt, "an origin's entry has bytes too many");
  reader.last_time_ = walk.time_;
  return reader;
}

bool EntryReader::next(Operation& out) {
  if (read_ == operations_) return false;
  ++read_;
  const bool whole = parse(out);
  HF_ASSERT(whole);  // open() has read it through
  return true;
}

bool EntryReader::parse(Operation& out) {
  out = {};
  const std::uint8_t flags = in_.u8();
  const std::uint64_t keyspace = in_.varint();
  const std::uint64_t later = in_.varint();
  if ((flags & ~operation_has_id) != 0 || keyspace > std::numeric_limits<std::uint32_t>::max() ||
      later == 0 || later > std::numeric_limits<std::uint64_t>::max() - time_.value) {
    return false;
  }
  time_.value += later;
  out.head.keyspace.value = static_cast<std::uint32_t>(keyspace);
  out.head.time = time_;
  out.head.has_id = (flags & operation_has_id) != 0;
  if (out.head.has_id) {
    out.head.id.hash.high = in_.u64();
    out.head.id.hash.low = in_.u64();
    out.head.fingerprint = in_.u64();
  }
  const std::string_view rest(in_.cursor(), in_.remaining());
  EffectReader effects(rest);
  MergedEffect effect;
  while (effects.next(effect)) {
  }
  if (!in_.ok() || !effects.ok()) return false;
  const auto bytes = static_cast<std::size_t>(effects.cursor() - rest.data());
  out.effects = in_.raw(bytes);  // its end marker included
  if (out.head.has_id) out.reply = in_.bytes();
  return in_.ok();
}

}  // namespace holdfast::eventual
