// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <vector>

#include "value/recorder.h"

namespace holdfast {

/// For tests of one type: notes nothing of the others, and takes back as the table's undo does,
/// the last first.
struct TestRecorder : Recorder {
  void field_put(Hash&, std::string_view, std::optional<std::string_view>) override {}
  void field_erased(Hash&, std::size_t) override {}
  void member_inserted(Set&, std::string_view) override {}
  void member_erased(Set&, std::size_t) override {}
  void score_put(SortedSet&, std::string_view, std::optional<double>) override {}
  void score_erased(SortedSet&, std::size_t) override {}
  void item_inserted(List&, std::size_t) override {}
  void item_set(List&, std::size_t) override {}
  void item_erased(List&, std::size_t) override {}

  void take_back() {
    of_thread = nullptr;
    for (auto step = steps.rbegin(); step != steps.rend(); ++step) (*step)();
  }
  std::vector<std::function<void()>> steps;
};

}  // namespace holdfast
