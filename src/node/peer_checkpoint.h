// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "base/error.h"
#include "table/store.h"

namespace holdfast::node {

/// A node whose place in the shared log is no more there loads a peer's
/// checkpoint: of the strong keyspaces all, of the eventual ones nothing, since
/// each node's replica is its own. What it receives is put together in a folder
/// beside the one in use and takes its place at once.

/// Which rows of a checkpoint are the shared log's.
class StrongRows {
 public:
  /// `catalog`: the checkpoint's row of that name. kCorrupt when it is none.
  static Result<StrongRows> of(std::string_view catalog);
  bool operator()(Family family, std::string_view key) const;

 private:
  std::set<std::uint32_t> keyspaces_;  // those that the catalog does not list among them
};

/// The folders of a node's checkpoint.
struct TableFolders {
  explicit TableFolders(const std::string& data)
      : table(data + "/table"), incoming(table + ".incoming"), replaced(table + ".replaced") {}
  std::string table;
  std::string incoming;  // being received
  std::string replaced;  // what `table` was until now

  /// At start: finishes or undoes a swap that was interrupted.
  Status settle() const;
  /// Forgets what was received.
  Status discard_incoming() const;
  /// Makes `incoming`, whole and closed, the table. A crash at any moment leaves
  /// the one or the other after the next settle().
  Status adopt_incoming() const;
};

/// Adds to a received checkpoint what is this node's own: the rows of its
/// eventual keyspaces, in pieces of bounded memory.
Status keep_eventual_rows(Store& own, Store& incoming);

}  // namespace holdfast::node
