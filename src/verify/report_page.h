// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "verify/check.h"
#include "verify/history.h"

namespace holdfast::verify {

// Above this a page loads slowly: then it has the keys of violations whole and
// a sample of the others, and says so.
inline constexpr std::size_t page_tries_max = 200'000;
// Of a command or a reply, of a violation's explanation, and how many of these.
inline constexpr std::size_t page_text_bytes_max = 400;
inline constexpr std::size_t page_explanation_bytes_max = std::size_t{16} << 10;
inline constexpr std::size_t page_violations_max = 200;

/// What a page shows. `history` and `report` must outlive it.
struct ReportPage {
  std::string title;                                       // e.g. "3 nodes over etcd"
  std::vector<std::pair<std::string, std::string>> facts;  // a table: seed, how to repeat it …
  const History& history;                                  // all tries as they were recorded
  const Report& report;
  const History* smallest = nullptr;  // of a violation: the smallest history that shows it
  std::size_t tries_max = page_tries_max;
};

/// One HTML file with everything in it: the verdict, what worked, and a
/// timeline of each key. It fetches nothing, and whatever bytes the values
/// hold are shown, never run. Pure; the same input, the same page.
std::string report_page(const ReportPage& page);

}  // namespace holdfast::verify
