// SPDX-License-Identifier: Apache-2.0
#include "verify/history_lines.h"

#include <nlohmann/json.hpp>

namespace holdfast::verify {
namespace {

using nlohmann::ordered_json;

ordered_json json_of(const Answer& answer) {
  switch (answer.kind) {
    case Answer::Kind::nil:
      return nullptr;
    case Answer::Kind::integer:
      return answer.integer;
    case Answer::Kind::text:
      return answer.text;
    case Answer::Kind::error:
      return {{"error", answer.text}};
    case Answer::Kind::array:
      break;
  }
  ordered_json items = ordered_json::array();
  for (const Answer& item : answer.items) items.push_back(json_of(item));
  return items;
}

ordered_json json_of(const std::map<std::string, Answer>& values) {
  ordered_json object = ordered_json::object();
  for (const auto& [key, value] : values) object[key] = json_of(value);
  return object;
}

/// What tells the reader the outcome.
void add_outcome(const Operation& one, ordered_json& line) {
  switch (one.outcome) {
    case Outcome::applied:
      line["reply"] = json_of(one.answer);
      break;
    case Outcome::refused:
      if (!one.error.empty()) {
        line["error"] = one.error;
      } else if (one.multi) {
        line["reply"] = nullptr;  // a refused WATCH
      } else {
        line["error"] = "ERR refused";
      }
      break;
    case Outcome::unknown:
      if (!one.error.empty()) line["error"] = one.error;
      break;
  }
}

ordered_json json_of(const Operation& one) {
  ordered_json line = ordered_json::object();
  if (!one.client.empty()) line["client"] = one.client;
  if (!one.node.empty()) line["node"] = one.node;
  if (!one.id.empty()) line["id"] = one.id;
  line["start"] = one.start;
  if (one.end) line["end"] = *one.end;
  if (one.multi) {
    line["multi"] = one.commands;
  } else {
    line["command"] = one.commands.front();
  }
  add_outcome(one, line);
  if (one.after) line["after"] = {{"node", one.after->node}, {"start", one.after->start}};
  return line;
}

ordered_json json_of(const Final& final) {
  ordered_json line{{"final", json_of(final.values)}};
  if (!final.node.empty()) line["node"] = final.node;
  return line;
}

ordered_json json_of(const Fault& fault) {
  ordered_json line{{fault.outage ? "outage" : "fault", fault.what}, {"start", fault.start}};
  if (fault.end) line["end"] = *fault.end;
  return line;
}

}  // namespace

std::string to_lines(const History& history) {
  std::string lines;
  const auto add = [&lines](const ordered_json& line) {
    // What is read is UTF-8; for what was made otherwise, better a sign than a throw.
    lines += line.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
    lines += '\n';
  };
  for (const std::string& name : history.eventual)
    add({{"keyspace", name}, {"guarantee", "eventual"}});
  if (!history.initial.empty()) add({{"initial", json_of(history.initial)}});
  for (const Operation& one : history.operations) add(json_of(one));
  for (const Final& final : history.finals) add(json_of(final));
  for (const Fault& fault : history.faults) add(json_of(fault));
  return lines;
}

}  // namespace holdfast::verify
