// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace holdfast {

/// `for (auto& x : backwards(container))` walks from the last to the first.
/// (Clang 14 cannot compile GCC 12's std::views::reverse.) The container must
/// outlive the loop.
template <typename Container>
class Backwards {
 public:
  explicit Backwards(Container& container) : container_(container) {}
  auto begin() const { return container_.rbegin(); }
  auto end() const { return container_.rend(); }

 private:
  Container& container_;
};

template <typename Container>
Backwards<Container> backwards(Container& container) {
  return Backwards<Container>(container);
}

}  // namespace holdfast
