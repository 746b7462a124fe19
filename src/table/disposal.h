// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

namespace holdfast {

/// Frees elsewhere what would take long: a large value, a table's entries.
class Disposal {
 public:
  virtual ~Disposal() = default;
  /// The last reference to it. Any thread may free it. Never blocks.
  virtual void take(std::shared_ptr<void> thing) = 0;
};

}  // namespace holdfast
