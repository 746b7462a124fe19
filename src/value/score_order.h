// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/functional/function_ref.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace holdfast {

/// Scores and the places of those who have them, in whatever order the owner
/// keeps: a sequence in a B-tree whose nodes count what is below them, so that
/// finding, inserting and erasing by rank are O(log n). It compares nothing
/// itself: order is a predicate's affair, and names, which would cost a second
/// copy here, stay where the places lead.
class ScoreOrder {
 public:
  /// 12 bytes: a double beside a place would be padded to 16.
  class Entry {
   public:
    Entry(double score, std::uint32_t place)
        : score_(std::bit_cast<std::array<std::uint32_t, 2>>(score)), place_(place) {}
    double score() const { return std::bit_cast<double>(score_); }
    std::uint32_t place() const { return place_; }

   private:
    std::array<std::uint32_t, 2> score_;
    std::uint32_t place_;
  };
  static_assert(sizeof(Entry) == 12);

  /// Whether an entry lies before what is sought: true of the first ones, then
  /// false of all others.
  using Before = absl::FunctionRef<bool(Entry)>;

  ScoreOrder();
  ~ScoreOrder();
  ScoreOrder(const ScoreOrder&) = delete;
  ScoreOrder& operator=(const ScoreOrder&) = delete;

  /// Replaces all. O(n).
  void assign(const std::vector<Entry>& entries);
  std::size_t size() const { return size_; }
  /// How many lie before.
  std::size_t count(Before before) const;
  /// So that the entry has that rank, at most size().
  void insert(std::size_t rank, Entry entry);
  void erase(std::size_t rank);
  /// The one of that rank is elsewhere now.
  void renumber(std::size_t rank, std::uint32_t place);
  /// The places of `n` entries from that rank on, which must be there. O(log size + n).
  std::vector<std::uint32_t> slice(std::size_t rank, std::size_t n) const;
  /// O(n).
  std::size_t heap_bytes() const;

 private:
  struct Node;
  struct Tree;  // what is done to nodes
  std::unique_ptr<Node> root_;
  std::size_t size_ = 0;
};

}  // namespace holdfast
