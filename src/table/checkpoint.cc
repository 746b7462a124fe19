// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/assert.h"
#include "base/wire.h"
#include "table/table_impl.h"

namespace holdfast {
namespace table {
namespace {

// What stands behind the keyspace's id in a row's key.
constexpr char kind_count = 0;
constexpr char kind_expiry = 1;
constexpr char kind_value = 2;
constexpr char kind_piece = 3;

std::string with_kind(KeyspaceId keyspace, char kind) {
  std::string key = keyspace_row_prefix(keyspace);
  key.push_back(kind);
  return key;
}

template <typename Number>
void put_big_endian(std::string& out, Number number) {
  for (int shift = 8 * (sizeof(Number) - 1); shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(number >> shift));
}

}  // namespace

std::string value_row_key(KeyspaceId keyspace, std::uint64_t hash, std::string_view key) {
  std::string row = with_kind(keyspace, kind_value);
  put_big_endian(row, hash);
  row.append(key);
  return row;
}

std::string piece_rows_prefix(KeyspaceId keyspace, std::uint64_t hash, std::string_view key) {
  std::string row = with_kind(keyspace, kind_piece);
  put_big_endian(row, hash);
  wire::put_bytes(row, key);
  return row;
}

std::string piece_row_key(std::string_view prefix, std::size_t piece) {
  std::string row(prefix);
  put_big_endian(row, static_cast<std::uint32_t>(piece));
  return row;
}

std::uint32_t piece_of_row(std::string_view prefix, std::string_view row) {
  std::uint32_t piece = 0;
  HF_ASSERT(row.size() == prefix.size() + sizeof(piece));
  for (const char byte : row.substr(prefix.size()))
    piece = piece << 8 | static_cast<std::uint8_t>(byte);
  return piece;
}

std::string expiry_row_key(KeyspaceId keyspace, std::string_view key) {
  return with_kind(keyspace, kind_expiry).append(key);
}

std::string count_row_key(KeyspaceId keyspace) {
  return with_kind(keyspace, kind_count);
}
std::string value_rows_prefix(KeyspaceId keyspace) {
  return with_kind(keyspace, kind_value);
}
std::string expiry_rows_prefix(KeyspaceId keyspace) {
  return with_kind(keyspace, kind_expiry);
}

}  // namespace table

using table::hash_of;

void Table::Impl::encode(Entry& entry, CheckpointRows& rows) {
  const std::string_view key = entry.key.view();
  std::string value;
  wire::put_varint(value, entry.version);
  encode_value(entry, value, rows);
  rows.put(Family::table, table::value_row_key(keyspace, hash_of(key), key), value);
  if (entry.expires) {
    value.clear();
    wire::put_signed(value, expiries.find(key)->second.at);
    rows.put(Family::table, table::expiry_row_key(keyspace, key), value);
  } else if (entry.expiry_stored) {
    rows.erase(Family::table, table::expiry_row_key(keyspace, key));
  }
  entry.stored = true;
  // Once an expiry row may be there it may be, until it is known to be gone,
  // which only a commit could tell: an erasure too many does no harm.
  entry.expiry_stored = entry.expiry_stored || entry.expires;
}

std::size_t Table::Impl::encode_slot(Slot& slot, CheckpointRows& rows) {
  std::size_t encoded = 0;
  for (std::size_t at = 0; at < slot.size(); ++at) {
    if (!to_encode(slot.at(at))) continue;
    encode(slot.at(at), rows);
    ++encoded;
  }
  return encoded;
}

bool Table::Impl::encode_gone(CheckpointRows& rows, std::size_t& encoded, std::size_t max) {
  for (; next_gone != frozen_gone.end(); ++next_gone) {
    if (encoded++ >= max) return false;
    const auto& [key, expiry_stored] = *next_gone;
    const std::uint64_t hash = hash_of(key);
    rows.erase(Family::table, table::value_row_key(keyspace, hash, key));
    erase_pieces(key, hash, rows);
    if (expiry_stored) rows.erase(Family::table, table::expiry_row_key(keyspace, key));
  }
  return true;
}

void Table::Impl::before_change(Place place) {
  if (!encoding() || place.slot < next_slot) return;
  Entry& changing = entry(place);
  if (to_encode(changing)) encode(changing, early);
}

void Table::begin_checkpoint() {
  Impl& impl = *impl_;
  HF_ASSERT(impl.frozen == 0);
  impl.settle();
  impl.frozen = impl.epoch++;
  impl.next_slot = 0;
  impl.wipe_frozen = impl.cleared_in > impl.committed;
  impl.frozen_count = size();
  impl.count_left = true;
  impl.frozen_gone = std::exchange(impl.gone, {});
  impl.next_gone = impl.frozen_gone.begin();
}

bool Table::checkpoint_slice(CheckpointRows& rows, std::size_t max_keys) {
  Impl& impl = *impl_;
  HF_ASSERT(impl.frozen != 0);
  impl.settle();
  // What is hidden by a clear() is erased whole; the rest key by key.
  if (std::exchange(impl.wipe_frozen, false)) {
    rows.erase_prefix(Family::table, keyspace_row_prefix(impl.keyspace));
  }
  for (const std::string& prefix : impl.early.erased_prefixes(Family::table))
    rows.erase_prefix(Family::table, prefix);
  for (const CheckpointRows::Row& row : impl.early.rows(Family::table)) {
    if (row.value) {
      rows.put(Family::table, row.key, *row.value);
    } else {
      rows.erase(Family::table, row.key);
    }
  }
  if (impl.early.bytes() > 0) impl.early = {};

  std::size_t encoded = 0;
  if (!impl.encode_gone(rows, encoded, max_keys)) return false;
  encoded += impl.encode_pieces(rows, max_keys - std::min(encoded, max_keys));
  if (impl.slots.empty()) impl.next_slot = Impl::slot_count;
  for (; impl.next_slot < Impl::slot_count; ++impl.next_slot) {
    if (encoded >= max_keys) return false;
    encoded += impl.encode_slot(impl.slots[impl.next_slot], rows);
  }
  impl.encode_pieces(rows, max_keys - std::min(encoded, max_keys));
  if (!impl.frozen_pieces.empty()) return false;
  if (std::exchange(impl.count_left, false)) {
    std::string count;
    wire::put_varint(count, impl.frozen_count);
    rows.put(Family::table, table::count_row_key(impl.keyspace), count);
  }
  return true;
}

void Table::end_checkpoint(bool committed) {
  Impl& impl = *impl_;
  HF_ASSERT(impl.frozen != 0);
  if (committed) {
    impl.committed = impl.frozen;
    impl.nothing_clean = false;
  } else {
    // The rows are still there: erase them next time.
    for (auto& [key, expiry_stored] : impl.frozen_gone) {
      const Impl::Place place = impl.find(key, hash_of(key));
      if (!place.found()) {
        impl.gone.insert_or_assign(key, expiry_stored);
        continue;
      }
      impl.entry(place).stored = true;  // back since then, and to be replaced
      impl.entry(place).expiry_stored |= expiry_stored;
    }
  }
  impl.end_pieces(committed);
  impl.frozen_gone = {};
  impl.next_gone = impl.frozen_gone.end();
  impl.early = {};
  impl.frozen = 0;
  impl.next_slot = Impl::slot_count;
}

void Table::clear() {
  Impl& impl = *impl_;
  impl.settle();
  if (impl.encoding()) {
    // What the checkpoint has not met yet would be gone: now, then. A clear()
    // in the middle of a checkpoint is rare enough to take as long.
    for (; impl.next_slot < impl.slots.size(); ++impl.next_slot) {
      impl.encode_slot(impl.slots[impl.next_slot], impl.early);
    }
  }
  constexpr std::size_t all = std::numeric_limits<std::size_t>::max();
  std::size_t encoded = 0;
  impl.encode_gone(impl.early, encoded, all);
  impl.encode_pieces(impl.early, all);
  impl.piece_rows.clear();  // of which every row is hidden now
  std::vector<Impl::Slot> slots = std::exchange(impl.slots, {});
  if (impl.disposal != nullptr)
    impl.disposal->take(std::make_shared<std::vector<Impl::Slot>>(std::move(slots)));
  impl.in_memory = 0;
  impl.cold = 0;
  impl.bytes = 0;
  impl.expiries = {};
  impl.by_expiry = {};
  impl.expiry_bytes = 0;
  impl.gone = {};
  impl.cleared_in = impl.epoch;
  for (Listener* const listener : listeners_) listener->cleared();
}

Status Table::load() {
  Impl& impl = *impl_;
  const auto count = impl.store.get(Family::table, table::count_row_key(impl.keyspace));
  if (!count) return tl::unexpected(count.error());
  if (!*count) return {};  // made since the last checkpoint, or none yet
  wire::Reader in(**count);
  impl.cold = in.varint();
  bool good = in.ok();
  const std::string prefix = table::expiry_rows_prefix(impl.keyspace);
  Status scanned = impl.store.scan(Family::table, prefix, prefix,
                                   [&](std::string_view key, std::string_view row) {
                                     wire::Reader expiry(row);
                                     const std::int64_t at = expiry.signed_varint();
                                     good = good && expiry.ok();
                                     impl.add_expiry(key.substr(prefix.size()), at);
                                     return good;
                                   });
  if (!scanned) return scanned;
  if (!good) return fail(Code::corrupt, "the checkpoint's rows of a keyspace are damaged");
  return {};
}

Status Table::warm(const std::function<bool()>& stop) {
  Impl& impl = *impl_;
  impl.settle();
  bool good = true;
  bool stopped = false;
  const std::size_t slot_keys = size() / Impl::slot_count;
  Status scanned =
      impl.scan_cold(0, [&](std::uint64_t hash, std::string_view key, std::string_view row) {
        wire::Reader in(row);
        const std::uint64_t version = in.varint();
        auto value = impl.value_of(key, hash, in.raw(in.remaining()));
        good = in.ok() && value.has_value() && impl.cold > 0 && hash == hash_of(key);
        if (!good) return false;
        impl.reserve(Impl::slot_of(hash), slot_keys);
        table::Entry& entry = impl.entry(impl.insert(key, hash, std::move(*value)));
        entry.version = version;
        entry.stored = true;
        entry.expires = entry.expiry_stored = !impl.expiries.empty() && impl.expiries.contains(key);
        --impl.cold;
        stopped = stop();
        return !stopped;
      });
  impl.nothing_clean = false;
  if (!scanned) return scanned;
  if (!good) return fail(Code::corrupt, "a value of the checkpoint is damaged");
  if (!stopped && impl.cold > 0) {
    return fail(Code::corrupt, fmt::format("the checkpoint lacks {} keys of keyspace {}", impl.cold,
                                           impl.keyspace.value));
  }
  return {};
}

Status Table::Impl::scan_cold(
    std::uint64_t from,
    const std::function<bool(std::uint64_t, std::string_view, std::string_view)>& each) {
  if (cold == 0) return {};
  const std::string prefix = table::value_rows_prefix(keyspace);
  return store.scan(Family::table, prefix, table::value_row_key(keyspace, from, ""),
                    [&](std::string_view row_key, std::string_view row) {
                      std::uint64_t hash = 0;
                      HF_ASSERT(row_key.size() >= prefix.size() + 8);
                      for (std::size_t i = 0; i < 8; ++i) {
                        hash = hash << 8 | static_cast<unsigned char>(row_key[prefix.size() + i]);
                      }
                      const std::string_view key = row_key.substr(prefix.size() + 8);
                      const bool here = find(key, hash).found() || store_hides(key);
                      return here || each(hash, key, row);
                    });
}

}  // namespace holdfast
