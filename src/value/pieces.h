// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "base/assert.h"

namespace holdfast {

/// A collection of more items than this is stored in pieces of so many
/// (docs/formats/value.md), so that a change writes the pieces that it touched. A list's pieces are
/// its packs instead.
inline constexpr std::size_t piece_items = 128;

/// Told before a piece of a collection changes, and before its number is another's or none's: it
/// can still be read as it is.
class PieceWatch {
 public:
  virtual ~PieceWatch() = default;
  virtual void before_change(std::size_t piece) = 0;
  /// The collection has no pieces any more, it is that small. It forgets the watch.
  virtual void became_small() = 0;
};

/// When each piece of a collection last changed, in the epochs of whoever stores it.
class Pieces {
 public:
  using Epoch = std::uint32_t;
  /// Of a piece that is as the store has it.
  static constexpr Epoch stored = 0;
  /// Of one that no store has: its collection is new, or has another name.
  static constexpr Epoch never_stored = std::numeric_limits<Epoch>::max();

  Pieces() = default;
  Pieces(const Pieces&) = delete;
  Pieces& operator=(const Pieces&) = delete;
  ~Pieces() { HF_ASSERT(watch_ == nullptr); }

  std::size_t size() const { return epochs_.size(); }
  Epoch epoch(std::size_t piece) const { return epochs_[piece]; }

  // -- For the collection.
  void changing(std::size_t piece) {
    if (watch_ != nullptr) watch_->before_change(piece);
    epochs_[piece] = now_;
  }
  void added() { epochs_.push_back(now_); }
  void removed() { epochs_.pop_back(); }
  void become_small() {
    if (watch_ == nullptr) return;
    for (std::size_t piece = 0; piece < size(); ++piece) watch_->before_change(piece);
    watch_->became_small();
    watch_ = nullptr;
  }

  // -- For whoever stores it.
  /// In which epoch the changes to come are.
  void set_now(Epoch epoch) { now_ = epoch; }
  void set_epoch(std::size_t piece, Epoch epoch) { epochs_[piece] = epoch; }
  void set_all(Epoch epoch) { epochs_.assign(epochs_.size(), epoch); }
  PieceWatch* watch() const { return watch_; }
  /// null: none. Whoever sets one takes it away before the collection goes.
  void set_watch(PieceWatch* watch) { watch_ = watch; }

  std::size_t heap_bytes() const { return epochs_.capacity() * sizeof(Epoch); }

 private:
  std::vector<Epoch> epochs_;
  Epoch now_ = never_stored;
  PieceWatch* watch_ = nullptr;
};

}  // namespace holdfast
