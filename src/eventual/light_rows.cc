// SPDX-License-Identifier: Apache-2.0
// How LightOperations lie in checkpoints: docs/formats/open-rows.md.
#include <algorithm>
#include <utility>

#include "base/wire.h"
#include "eventual/light_operations.h"
#include "eventual/open_row_keys.h"

namespace holdfast::eventual {
namespace {

constexpr std::uint8_t format_version = 1;
enum : std::uint8_t { found_flag = 1, has_id_flag = 2 };

// So many runs may have gone between two of which something is live.
constexpr std::uint64_t runs_between_max = std::uint64_t{1} << 26;

}  // namespace

std::string LightOperations::row_key_of(Place place) const {
  std::string key = open_row_key(effect_at(place).keyspace, light_row);
  put_big_endian(key, place.value);
  return key;
}

// What the keys begin with of all its run's rows in that keyspace.
std::string LightOperations::rows_of_run(Place place) const {
  static_assert(Place::at_bits % 8 == 0);
  std::string key = row_key_of(place);
  key.resize(key.size() - Place::at_bits / 8);
  return key;
}

std::string LightOperations::row_of(Place place) const {
  const Run& run = run_of(place);
  const Effect& effect = effect_at(place);
  const Operation operation = read(run, effect, bytes_of(run, effect));
  std::string row;
  wire::put_u8(row, format_version);
  wire::put_u8(row, static_cast<std::uint8_t>((operation.found ? found_flag : 0) |
                                              (operation.has_id ? has_id_flag : 0)));
  wire::put_u64(row, operation.dot.origin.value);
  wire::put_varint(row, operation.dot.sequence);
  wire::put_u64(row, operation.time.value);
  operation.seen->encode(row);
  wire::put_varint(row, operation.index);
  if (operation.has_id) {
    wire::put_u64(row, operation.id.hash.high);
    wire::put_u64(row, operation.id.hash.low);
    wire::put_u64(row, operation.fingerprint);
    wire::put_bytes(row, operation.reply);
  }
  put_effect(row, operation.effect);
  return row;
}

void LightOperations::begin_checkpoint() {
  unwritten_ = std::max(unwritten_, Place::of(first_run_, 0));
  checkpoint_begin_ = unwritten_;
  checkpoint_end_ = next_place();
  to_write_ = 0;
}

std::size_t LightOperations::write_rows(
    std::size_t max,
    absl::FunctionRef<void(const std::string& row_key, const std::string& row)> put) {
  std::size_t written = 0;
  while (unwritten_ < checkpoint_end_ && written < max) {
    if (!is_kept(unwritten_)) {  // what was there is written early
      unwritten_ = Place::of(first_run_, 0);
      continue;
    }
    if (unwritten_.at() >= run_of(unwritten_).effects.size()) {
      unwritten_ = Place::of(unwritten_.run() + 1, 0);
      continue;
    }
    if (effect_at(unwritten_).live) {
      put(row_key_of(unwritten_), row_of(unwritten_));
      ++written;
    }
    ++unwritten_.value;
  }
  return written;
}

void LightOperations::end_checkpoint(bool committed) {
  if (!committed) {  // nothing of it is in the store
    unwritten_ = checkpoint_begin_;
    to_write_ = live_;
  }
  checkpoint_end_ = {};
}

// What a row says.
std::optional<LightOperations::Operation> LightOperations::read_row(std::string_view row) {
  wire::Reader in(row);
  if (in.u8() != format_version) return std::nullopt;
  Operation operation;
  const std::uint8_t flags = in.u8();
  operation.found = (flags & found_flag) != 0;
  operation.has_id = (flags & has_id_flag) != 0;
  operation.dot.origin.value = in.u64();
  operation.dot.sequence = in.varint();
  operation.time.value = in.u64();
  operation.seen = share(VersionVector::decode(in));
  operation.index = static_cast<std::uint32_t>(in.varint());
  if (operation.has_id) {
    operation.id.hash.high = in.u64();
    operation.id.hash.low = in.u64();
    operation.fingerprint = in.u64();
    operation.reply = in.bytes();
  }
  if (!in.ok()) return std::nullopt;
  EffectReader effect(std::string_view(in.cursor(), in.remaining()));
  if (!effect.next(operation.effect) || effect.cursor() != row.data() + row.size())
    return std::nullopt;
  return operation;
}

std::optional<LightOperations::Operation> LightOperations::load(std::string_view row_key,
                                                                std::string_view row) {
  if (row_key.size() != open_row_prefix_bytes + 8) return std::nullopt;
  std::optional<Operation> operation = read_row(row);
  if (operation) {
    const Place place{read_big_endian(row_key.substr(open_row_prefix_bytes))};
    loading_.push_back({place, keyspace_of_open_row(row_key), SpillingText(row)});
  }
  return operation;
}

// Where they were they are again, so that their rows stay as they are. A run whose effects went
// has gone, or is empty; in one that has some the others' places are left out.
bool LightOperations::loaded() {
  std::ranges::sort(loading_, {}, &Loading::place);
  for (const Loading& row : loading_) {
    if (!place_loaded(row)) return false;
  }
  loading_ = SpillingVector<Loading>();
  unwritten_ = next_place();
  return true;
}

bool LightOperations::place_loaded(const Loading& row) {
  const std::optional<Operation> operation = read_row(row.row);
  const std::string_view key = operation->effect.effect.key;
  if (keys_.contains(hash_of(row.keyspace, key)) && has_none(row.keyspace, key)) return false;
  if (operation->has_id && key_of(row.keyspace, operation->id)) return false;
  if (row.place.at() >= run_effects_max) return false;
  if (runs_.empty()) first_run_ = row.place.run();
  const std::uint64_t next_run = first_run_ + runs_.size();
  if (row.place.run() == 0 ||
      row.place.run() - std::min(row.place.run(), next_run) > runs_between_max)
    return false;
  while (first_run_ + runs_.size() < row.place.run()) runs_.emplace_back();
  if (first_run_ + runs_.size() == row.place.run())
    runs_.emplace_back(Run{operation->dot.origin, operation->seen, {}, {}});
  Run& run = runs_.back();
  const bool goes_on = run.origin == operation->dot.origin && *run.seen == *operation->seen &&
                       run.last_sequence <= operation->dot.sequence &&
                       run.effects.size() <= row.place.at();
  if (!goes_on) return false;
  // Not live, and without bytes.
  run.effects.resize(row.place.at(), {.hash = 0,
                                      .sequence = operation->dot.sequence,
                                      .index = 0,
                                      .offset = static_cast<std::uint32_t>(run.bytes.size()),
                                      .id_offset = 0,
                                      .found = false,
                                      .live = false});
  append(run, row.keyspace, *operation);
  return true;
}

}  // namespace holdfast::eventual
