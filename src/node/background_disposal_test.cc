// SPDX-License-Identifier: Apache-2.0
#include "node/background_disposal.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace holdfast::node {
namespace {

struct Thing {
  explicit Thing(std::atomic<int>& freed_elsewhere)
      : counter(freed_elsewhere), made_by(std::this_thread::get_id()) {}
  ~Thing() {
    if (std::this_thread::get_id() != made_by) ++counter;
  }
  std::atomic<int>& counter;
  std::thread::id made_by;
};

TEST(BackgroundDisposal, FreesAllElsewhereBeforeItIsGone) {
  std::atomic<int> freed = 0;
  {
    BackgroundDisposal disposal;
    for (int i = 0; i < 1'000; ++i) disposal.take(std::make_shared<Thing>(freed));
  }
  EXPECT_EQ(freed, 1'000);
}

}  // namespace
}  // namespace holdfast::node
