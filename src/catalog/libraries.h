// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/units.h"
#include "function/functions.h"

namespace holdfast {

/// The functions of every keyspace. As the catalog of keyspaces: changed through the strong
/// log alone, the same on every node at one position. One thread, which is the stage's.
class Libraries {
 public:
  /// Those of a keyspace, which may be none. The reference holds until drop() or decode().
  function::Functions& of(KeyspaceId keyspace);
  /// Lets go of those of a keyspace that was dropped.
  void drop(KeyspaceId keyspace) { by_keyspace_.erase(keyspace.value); }
  /// Of all keyspaces.
  std::size_t size() const;

  // For the checkpoint: docs/formats/libraries.md. Sources only: decode() loads them again.
  std::string encode() const;
  /// kCorrupt, and nothing changed, when the bytes are no libraries.
  Status decode(std::string_view bytes);

 private:
  std::map<std::uint32_t, std::unique_ptr<function::Functions>> by_keyspace_;
};

}  // namespace holdfast
