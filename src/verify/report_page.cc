// SPDX-License-Identifier: Apache-2.0
#include "verify/report_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "base/assert.h"
#include "verify/report_tries.h"

namespace holdfast::verify {

// Embedded by CMake: report.html and report_timeline.js, which stands within it.
extern const std::string_view report_html;
extern const std::string_view report_timeline_js;

namespace {

using Json = nlohmann::ordered_json;

const char* verdict_word(const Report& report) {
  if (report.verdict() == Verdict::violation) return "violation";
  if (report.verdict() == Verdict::undecided) return "undecided";
  return report.counts() ? "ok" : "invalid";
}

/// Every check that had something to look at or found something, with what it
/// looked at.
Json checks_json(const ReportPage& page) {
  const Report& report = page.report;
  Json checks = Json::array();
  const auto add = [&](const std::string& name, std::uint64_t count, const char* what) {
    const auto of_name = [&](const Report::Violation& one) { return one.check == name; };
    const auto found = std::count_if(report.violations.begin(), report.violations.end(), of_name);
    const auto undecided = std::count_if(report.undecided.begin(), report.undecided.end(), of_name);
    checks.push_back({{"name", name},
                      {"count", count},
                      {"what", what},
                      {"found", found},
                      {"undecided", undecided}});
  };
  const std::uint64_t nodes = page.history.finals.size();
  if (report.components > 0) add("linearizable", report.components, "parts checked apart");
  if (report.summary.ids > 0) add("retries", report.summary.ids, "tries with a request id");
  if (report.counters > 0) add("exactly once", report.counters, "values of counters in the end");
  if (nodes > 1) add("agreement", nodes, "answers to what was there in the end");
  if (report.eventual_reads > 0) {
    for (const char* name : {"causal", "lost", "unwritten"}) {
      add(name, report.eventual_reads, "reads of eventual keyspaces");
    }
  }
  for (const auto* list : {&report.violations, &report.undecided}) {
    for (const Report::Violation& one : *list) {
      const bool there = std::any_of(checks.begin(), checks.end(),
                                     [&](const Json& check) { return check["name"] == one.check; });
      if (!there) add(one.check, 0, "");
    }
  }
  return checks;
}

Json violations_json(const std::vector<Report::Violation>& list, const KeyIndex& index) {
  Json all = Json::array();
  for (const Report::Violation& one : list) {
    if (all.size() == page_violations_max) break;
    all.push_back({{"check", one.check},
                   {"explanation", shortened(one.explanation, page_explanation_bytes_max)},
                   {"keys", index.keys_in(one.explanation)}});
  }
  return all;
}

Json summary_json(const Report& report) {
  const auto tries = [](const Summary::Tries& t) {
    return Json{{"all", t.all}, {"replied", t.replied}};
  };
  return {{"outside", tries(report.summary.outside)},
          {"during", tries(report.summary.during)},
          {"errors", report.summary.errors},
          {"complaints", report.summary.complaints},
          {"operations", report.operations},
          {"unknown", report.unknown},
          {"keys", report.keys}};
}

/// Every word that a violation or an undecided search says, and the keys of
/// the smallest history, so that all these are shown whole.
std::vector<std::string> named_in(const ReportPage& page) {
  std::vector<std::string> texts;
  for (const auto* list : {&page.report.violations, &page.report.undecided}) {
    for (const Report::Violation& one : *list) texts.push_back(one.explanation);
  }
  if (page.smallest != nullptr) {
    const KeyIndex smallest(*page.smallest);
    for (const KeyIndex::Key& key : smallest.keys()) texts.push_back(key.name);
  }
  return texts;
}

Json page_json(const ReportPage& page) {
  const KeyIndex index(page.history, named_in(page));
  const Extent extent = extent_of(page.history);
  Json facts = Json::array();
  for (const auto& [name, value] : page.facts) facts.push_back({name, value});
  Json data{{"title", page.title},
            {"verdict", verdict_word(page.report)},
            {"facts", std::move(facts)},
            {"checks", checks_json(page)},
            {"summary", summary_json(page.report)},
            {"allViolations", page.report.violations.size()},
            {"violations", violations_json(page.report.violations, index)},
            {"undecided", violations_json(page.report.undecided, index)},
            // A text: as a number it may be more than a script's number holds.
            {"base", std::to_string(extent.start)},
            {"faults", faults_json(page.history, extent.start)},
            {"series", series_json(page.history, extent)},
            {"history", tries_json(page.history, index, extent.start, page.tries_max)}};
  data["smallest"] = page.smallest == nullptr ? Json()
                                              : tries_json(*page.smallest, KeyIndex(*page.smallest),
                                                           extent.start, page.tries_max);
  return data;
}

}  // namespace

std::string report_page(const ReportPage& page) {
  std::string_view rest = report_html;
  std::string html;
  const auto copy_until = [&](std::string_view marker) {
    const std::size_t at = rest.find(marker);
    HF_ASSERT(at != rest.npos);
    html += rest.substr(0, at);
    rest.remove_prefix(at + marker.size());
  };
  const std::string data = page_json(page).dump(-1, ' ', false, Json::error_handler_t::replace);
  html.reserve(report_html.size() + report_timeline_js.size() + data.size() + data.size() / 16);
  copy_until("@DATA@");
  for (const char c : data) {
    // In JSON a '<' only stands in strings. Written so, none can be of a tag
    // that ends the script element.
    if (c == '<') {
      html += "\\u003c";
    } else {
      html += c;
    }
  }
  copy_until("@TIMELINE@");
  html += report_timeline_js;
  html += rest;
  return html;
}

}  // namespace holdfast::verify
