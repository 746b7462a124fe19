// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "table/disposal.h"

namespace holdfast::node {

/// Frees on a thread of its own: a million members take as long as a few thousand commands.
class BackgroundDisposal final : public Disposal {
 public:
  BackgroundDisposal();
  /// Frees what is left.
  ~BackgroundDisposal() override;
  BackgroundDisposal(const BackgroundDisposal&) = delete;
  BackgroundDisposal& operator=(const BackgroundDisposal&) = delete;

  void take(std::shared_ptr<void> thing) override;

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::shared_ptr<void>> things_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace holdfast::node
