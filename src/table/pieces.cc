// SPDX-License-Identifier: Apache-2.0
// Large values: stored in pieces, encoded over several slices of a checkpoint, freed elsewhere.
#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/wire.h"
#include "table/table_impl.h"

namespace holdfast {
namespace {

// So many keys does the encoding of a piece count as.
constexpr std::size_t keys_a_piece = 64;
// Fewer are freed at once.
constexpr std::size_t pieces_freed_at_once = 32;

}  // namespace

/// A large value of which a checkpoint holds the head, and has yet to get those pieces that the
/// store lacks. What changes meanwhile is encoded before it does.
class Table::Impl::FrozenPieces final : public PieceWatch {
 public:
  FrozenPieces(Impl& impl, Entry& entry)
      : impl_(impl),
        prefix_(table::piece_rows_prefix(impl.keyspace, table::hash_of(entry.key.view()),
                                         entry.key.view())),
        items_(entry.value),
        pieces_(pieces_of(entry.value)),
        left_(pieces_->size()) {
    for (std::size_t piece = 0; piece < left_.size(); ++piece) {
      const Pieces::Epoch changed_in = pieces_->epoch(piece);
      left_[piece] = changed_in == Pieces::never_stored ||
                     (changed_in > impl.committed && changed_in <= impl.frozen);
    }
    pieces_->set_watch(this);
  }
  ~FrozenPieces() override { release(); }

  void before_change(std::size_t piece) override {
    if (piece < left_.size()) encode(piece, impl_.early);
  }
  void became_small() override { pieces_ = nullptr; }

  /// The key has another value, or none. It is kept until it is encoded.
  void keep(Value value) { kept_ = std::move(value); }
  /// The value has become another key's, where none of it is stored.
  void moved() { is_here_ = false; }

  /// Up to so many pieces; true when all are.
  bool encode_some(CheckpointRows& rows, std::size_t& encoded, std::size_t max) {
    for (; next_ < left_.size(); ++next_) {
      if (pieces_ == nullptr) break;
      if (encoded >= max) return false;
      if (encode(next_, rows)) encoded += keys_a_piece;
    }
    return true;
  }
  /// Ends the watch; the value, where it was kept.
  std::optional<Value> release() {
    if (pieces_ != nullptr) pieces_->set_watch(nullptr);
    pieces_ = nullptr;
    return std::exchange(kept_, std::nullopt);
  }

 private:
  bool encode(std::size_t piece, CheckpointRows& rows) {
    if (!left_[piece]) return false;
    left_[piece] = false;
    bytes_.clear();
    const std::string row = table::piece_row_key(prefix_, piece);
    if (items_.encode_piece(piece, bytes_)) {
      rows.put(Family::table, row, bytes_);
    } else {
      rows.erase(Family::table, row);
    }
    // Those of an epoch keep it: whether it was committed says whether they are stored.
    if (is_here_ && pieces_->epoch(piece) == Pieces::never_stored)
      pieces_->set_epoch(piece, impl_.frozen);
    return true;
  }

  Impl& impl_;
  const std::string prefix_;
  const Items items_;
  Pieces* pieces_;  // null: it has none any more
  std::vector<bool> left_;
  std::size_t next_ = 0;
  bool is_here_ = true;
  std::optional<Value> kept_;
  std::string bytes_;
};

Table::Impl::Impl(KeyspaceId keyspace_id, Store& the_store)
    : keyspace(keyspace_id), store(the_store) {}

Table::Impl::~Impl() {
  end_pieces(false);
  if (disposal != nullptr && !slots.empty())
    disposal->take(std::make_shared<std::vector<Slot>>(std::move(slots)));
}

void Table::Impl::let_go(Value value) {
  Pieces* const pieces = pieces_of(value);
  if (pieces == nullptr) return;
  if (pieces->watch() != nullptr) {
    static_cast<FrozenPieces*>(pieces->watch())->keep(std::move(value));
  } else if (disposal != nullptr && pieces->size() > pieces_freed_at_once) {
    disposal->take(std::make_shared<Value>(std::move(value)));
  }
}

void Table::Impl::is_new_here(Value& value) {
  Pieces* const pieces = pieces_of(value);
  if (pieces == nullptr) return;
  if (pieces->watch() != nullptr) static_cast<FrozenPieces*>(pieces->watch())->moved();
  pieces->set_all(Pieces::never_stored);
  pieces->set_now(epoch);
}

void Table::Impl::encode_value(Entry& entry, std::string& out, CheckpointRows& rows) {
  const std::string_view key = entry.key.view();
  Pieces* const pieces = pieces_of(entry.value);
  if (pieces == nullptr) {
    holdfast::encode(entry.value, out);
    if (!piece_rows.empty()) erase_pieces(key, table::hash_of(key), rows);
    return;
  }
  encode_head(entry.value, out);
  const auto now = static_cast<std::uint32_t>(pieces->size());
  std::uint32_t& stored = piece_rows[key];
  if (stored > now) {
    const std::string prefix = table::piece_rows_prefix(keyspace, table::hash_of(key), key);
    for (std::uint32_t piece = now; piece < stored; ++piece)
      rows.erase(Family::table, table::piece_row_key(prefix, piece));
    fewer_pieces.emplace_back(key, now);
  }
  stored = std::max(stored, now);
  frozen_pieces.push_back(std::make_unique<FrozenPieces>(*this, entry));
}

void Table::Impl::erase_pieces(std::string_view key, std::uint64_t hash, CheckpointRows& rows) {
  if (!piece_rows.contains(key)) return;
  rows.erase_prefix(Family::table, table::piece_rows_prefix(keyspace, hash, key));
  fewer_pieces.emplace_back(key, 0);
}

std::size_t Table::Impl::encode_pieces(CheckpointRows& rows, std::size_t max) {
  std::size_t encoded = 0;
  while (!frozen_pieces.empty() && frozen_pieces.back()->encode_some(rows, encoded, max)) {
    std::optional<Value> kept = frozen_pieces.back()->release();
    frozen_pieces.pop_back();
    if (kept) let_go(std::move(*kept));
  }
  return encoded;
}

void Table::Impl::end_pieces(bool are_stored) {
  for (const auto& value : frozen_pieces) {
    if (std::optional<Value> kept = value->release()) let_go(std::move(*kept));
  }
  frozen_pieces.clear();
  for (const auto& [key, pieces] : std::exchange(fewer_pieces, {})) {
    if (!are_stored) continue;
    if (pieces > 0) {
      piece_rows[key] = pieces;
    } else {
      piece_rows.erase(key);
    }
  }
}

Result<Value> Table::Impl::value_of(std::string_view key, std::uint64_t hash,
                                    std::string_view row) {
  if (!is_head(row)) return decode_value(row);
  auto value = PiecedValue::of(row);
  if (!value) return tl::unexpected(value.error());
  std::uint32_t& stored = piece_rows[key];
  const std::uint64_t numbers = value->numbers();
  const std::string prefix = table::piece_rows_prefix(keyspace, hash, key);
  Status good;
  const Status scanned =
      store.scan(Family::table, prefix, prefix, [&](std::string_view at, std::string_view piece) {
        // What lies behind them was of a larger value, and not erased yet.
        const std::uint32_t number = table::piece_of_row(prefix, at);
        if (number >= numbers) return false;
        good = value->take(number, piece);
        return good.has_value();
      });
  if (!scanned) return tl::unexpected(scanned.error());
  if (!good) return tl::unexpected(good.error());
  stored = std::max(stored, static_cast<std::uint32_t>(numbers));
  return std::move(*value).finish();
}

Value Table::Impl::value_of_row(std::string_view key, std::uint64_t hash, std::string_view row) {
  wire::Reader in(row);
  in.varint();  // the version
  auto value = value_of(key, hash, in.raw(in.remaining()));
  if (!value) must(tl::unexpected(value.error()));
  HF_ASSERT(in.ok());  // the store has checked the block's checksum
  return std::move(*value);
}

}  // namespace holdfast
