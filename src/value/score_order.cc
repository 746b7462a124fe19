// SPDX-License-Identifier: Apache-2.0
#include "value/score_order.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/assert.h"

namespace holdfast {

// Of an inner node `entries` are copies of the first entry below each child: a
// search looks at the nodes on its way only.
struct ScoreOrder::Node {
  struct Child {
    std::unique_ptr<Node> node;
    std::size_t size = 0;  // entries below it
  };
  std::vector<Entry> entries;
  std::vector<Child> children;  // none: a leaf

  bool is_leaf() const { return children.empty(); }
  std::size_t size() const {
    if (is_leaf()) return entries.size();
    std::size_t sum = 0;
    for (const Child& child : children) sum += child.size;
    return sum;
  }
};

struct ScoreOrder::Tree {
  // 768 bytes of entries: a search in one stays within a few cache lines, and what an
  // insert moves is little.
  static constexpr std::size_t node_max = 64;
  // Two neighbours become one when one of them is nearly empty and both leave room in it.
  static constexpr std::size_t nearly_empty = node_max / 4;
  static constexpr std::size_t joined_max = node_max * 3 / 4;

  using Child = Node::Child;

  static Child child_of(std::unique_ptr<Node> node) {
    const std::size_t size = node->size();
    return {std::move(node), size};
  }

  static void insert_at(Node& node, std::size_t at, Entry entry, Child child) {
    const auto offset = static_cast<std::ptrdiff_t>(at);
    node.entries.insert(node.entries.begin() + offset, entry);
    if (child.node != nullptr) {
      node.children.insert(node.children.begin() + offset, std::move(child));
    }
  }

  static void erase_at(Node& node, std::size_t at) {
    const auto offset = static_cast<std::ptrdiff_t>(at);
    node.entries.erase(node.entries.begin() + offset);
    if (!node.is_leaf()) node.children.erase(node.children.begin() + offset);
  }

  /// Moves what lies from `at` on behind the end of `to`.
  static void move_tail(Node& from, std::size_t at, Node& to) {
    const auto offset = static_cast<std::ptrdiff_t>(at);
    to.entries.insert(to.entries.end(), from.entries.begin() + offset, from.entries.end());
    from.entries.erase(from.entries.begin() + offset, from.entries.end());
    if (from.is_leaf()) return;
    std::move(from.children.begin() + offset, from.children.end(), std::back_inserter(to.children));
    from.children.erase(from.children.begin() + offset, from.children.end());
  }

  /// A full node gives a part to a new one behind it, which is returned. What is added at the
  /// end of all gets a node of its own, so that growing scores, times for example, leave full
  /// nodes behind. Elsewhere that would make nodes of one entry.
  static std::unique_ptr<Node> put(Node& node, std::size_t at, Entry entry, Child child,
                                   bool at_end_of_all) {
    if (node.entries.size() < node_max) {
      insert_at(node, at, entry, std::move(child));
      return nullptr;
    }
    const std::size_t kept = at_end_of_all ? node_max : node_max / 2;
    auto right = std::make_unique<Node>();
    move_tail(node, kept, *right);
    if (at >= kept) {
      insert_at(*right, at - kept, entry, std::move(child));
    } else {
      insert_at(node, at, entry, std::move(child));
    }
    return right;
  }

  static std::unique_ptr<Node> insert(Node& node, std::size_t rank, Entry entry,
                                      bool at_end_of_all) {
    if (node.is_leaf()) return put(node, rank, entry, {}, at_end_of_all);
    std::size_t at = 0;
    while (at + 1 < node.children.size() && rank > node.children[at].size) {
      rank -= node.children[at++].size;
    }
    Child& child = node.children[at];
    auto right = insert(*child.node, rank, entry, at_end_of_all);
    ++child.size;
    node.entries[at] = child.node->entries.front();
    if (right == nullptr) return nullptr;
    Child split = child_of(std::move(right));
    child.size -= split.size;
    const Entry first = split.node->entries.front();
    return put(node, at + 1, first, std::move(split), at_end_of_all);
  }

  static std::size_t child_with(const Node& node, std::size_t& rank) {
    std::size_t at = 0;
    while (rank >= node.children[at].size) rank -= node.children[at++].size;
    return at;
  }

  static void erase(Node& node, std::size_t rank) {
    if (node.is_leaf()) return erase_at(node, rank);
    const std::size_t at = child_with(node, rank);
    Child& child = node.children[at];
    erase(*child.node, rank);
    if (--child.size == 0) return erase_at(node, at);
    node.entries[at] = child.node->entries.front();
    if (child.node->entries.size() < nearly_empty && node.children.size() > 1) {
      join(node, at == 0 ? 0 : at - 1);
    }
  }

  static void join(Node& node, std::size_t at) {
    Child& left = node.children[at];
    Child& right = node.children[at + 1];
    if (left.node->entries.size() + right.node->entries.size() > joined_max) return;
    move_tail(*right.node, 0, *left.node);
    left.size += right.size;
    erase_at(node, at + 1);
  }

  static void renumber(Node& node, std::size_t rank, std::uint32_t place) {
    if (node.is_leaf()) {
      node.entries[rank] = Entry(node.entries[rank].score(), place);
      return;
    }
    const std::size_t at = child_with(node, rank);
    renumber(*node.children[at].node, rank, place);
    node.entries[at] = node.children[at].node->entries.front();
  }

  static void slice(const Node& node, std::size_t rank, std::size_t n,
                    std::vector<std::uint32_t>& out) {
    if (node.is_leaf()) {
      for (std::size_t i = rank; i < rank + n; ++i) out.push_back(node.entries[i].place());
      return;
    }
    for (std::size_t at = child_with(node, rank); n > 0; ++at, rank = 0) {
      const Child& child = node.children[at];
      const std::size_t here = std::min(n, child.size - rank);
      slice(*child.node, rank, here, out);
      n -= here;
    }
  }

  static std::size_t heap_bytes(const Node& node) {
    std::size_t bytes = sizeof(Node) + node.entries.capacity() * sizeof(Entry) +
                        node.children.capacity() * sizeof(Child);
    for (const Child& child : node.children) bytes += heap_bytes(*child.node);
    return bytes;
  }
};

ScoreOrder::ScoreOrder() = default;
ScoreOrder::~ScoreOrder() = default;

void ScoreOrder::assign(const std::vector<Entry>& entries) {
  size_ = entries.size();
  root_.reset();
  std::vector<std::unique_ptr<Node>> level;
  for (std::size_t from = 0; from < entries.size(); from += Tree::node_max) {
    const auto begin = entries.begin() + static_cast<std::ptrdiff_t>(from);
    const auto n = std::min(Tree::node_max, entries.size() - from);
    level.push_back(std::make_unique<Node>());
    level.back()->entries.assign(begin, begin + static_cast<std::ptrdiff_t>(n));
  }
  while (level.size() > 1) {
    std::vector<std::unique_ptr<Node>> above;
    for (auto& node : level) {
      if (above.empty() || above.back()->entries.size() == Tree::node_max) {
        above.push_back(std::make_unique<Node>());
      }
      above.back()->entries.push_back(node->entries.front());
      above.back()->children.push_back(Tree::child_of(std::move(node)));
    }
    level = std::move(above);
  }
  if (!level.empty()) root_ = std::move(level.front());
}

std::size_t ScoreOrder::count(Before before) const {
  std::size_t sum = 0;
  for (const Node* node = root_.get(); node != nullptr;) {
    const auto found = std::partition_point(node->entries.begin(), node->entries.end(), before);
    const auto at = static_cast<std::size_t>(found - node->entries.begin());
    if (node->is_leaf()) return sum + at;
    if (at == 0) break;
    for (std::size_t i = 0; i + 1 < at; ++i) sum += node->children[i].size;
    node = node->children[at - 1].node.get();
  }
  return sum;
}

void ScoreOrder::insert(std::size_t rank, Entry entry) {
  HF_ASSERT(rank <= size_);
  if (root_ == nullptr) root_ = std::make_unique<Node>();
  auto right = Tree::insert(*root_, rank, entry, rank == size_);
  ++size_;
  if (right == nullptr) return;
  auto above = std::make_unique<Node>();
  above->entries = {root_->entries.front(), right->entries.front()};
  above->children.push_back(Tree::child_of(std::move(root_)));
  above->children.push_back(Tree::child_of(std::move(right)));
  root_ = std::move(above);
}

void ScoreOrder::erase(std::size_t rank) {
  HF_ASSERT(rank < size_);
  Tree::erase(*root_, rank);
  --size_;
  while (root_->children.size() == 1) {
    auto only = std::move(root_->children.front().node);
    root_ = std::move(only);
  }
  if (size_ == 0) root_.reset();
}

void ScoreOrder::renumber(std::size_t rank, std::uint32_t place) {
  HF_ASSERT(rank < size_);
  Tree::renumber(*root_, rank, place);
}

std::vector<std::uint32_t> ScoreOrder::slice(std::size_t rank, std::size_t n) const {
  HF_ASSERT(rank <= size_ && n <= size_ - rank);
  std::vector<std::uint32_t> places;
  if (n == 0) return places;
  places.reserve(n);
  Tree::slice(*root_, rank, n, places);
  return places;
}

std::size_t ScoreOrder::heap_bytes() const {
  return root_ == nullptr ? 0 : Tree::heap_bytes(*root_);
}

}  // namespace holdfast
