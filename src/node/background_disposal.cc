// SPDX-License-Identifier: Apache-2.0
#include "node/background_disposal.h"

#include <utility>

#include "table/background_thread.h"

namespace holdfast::node {

BackgroundDisposal::BackgroundDisposal() : thread_([this] { run(); }) {}

BackgroundDisposal::~BackgroundDisposal() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void BackgroundDisposal::take(std::shared_ptr<void> thing) {
  {
    const std::lock_guard lock(mutex_);
    things_.push_back(std::move(thing));
  }
  changed_.notify_one();
}

void BackgroundDisposal::run() {
  run_in_background();
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stop_ || !things_.empty(); });
    if (things_.empty()) return;
    std::vector<std::shared_ptr<void>> freed = std::exchange(things_, {});
    lock.unlock();
    freed.clear();
    lock.lock();
  }
}

}  // namespace holdfast::node
