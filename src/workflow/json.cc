// SPDX-License-Identifier: Apache-2.0
#include "workflow/json.h"

#include <fmt/format.h>

#include <set>
#include <vector>

#include "base/limits.h"

namespace holdfast::workflow {

Result<Json> parse_json(std::string_view text) {
  // The library takes it for the end, and what follows for nothing.
  if (const auto nul = text.find('\0'); nul != std::string_view::npos)
    return fail(Code::err, fmt::format("it is no JSON at byte {}", nul + 1));
  std::string wrong;
  std::vector<std::set<std::string>> names;  // of the objects that are open
  const auto look = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start) names.emplace_back();
    if (event == Json::parse_event_t::object_end) names.pop_back();
    if (event == Json::parse_event_t::key && wrong.empty()) {
      const auto& name = parsed.get_ref<const std::string&>();
      if (!names.back().insert(name).second)
        wrong = fmt::format("an object says \"{}\" twice", name);
    }
    if (depth > limits::workflow_nesting_max && wrong.empty())
      wrong = fmt::format("it is nested more than {} deep", limits::workflow_nesting_max);
    return wrong.empty();  // what is wrong is read on, but not built
  };
  try {
    Json json = Json::parse(text, look);
    if (!wrong.empty()) return fail(Code::err, wrong);
    return json;
  } catch (const Json::parse_error& error) {
    return fail(Code::err, fmt::format("it is no JSON at byte {}", error.byte));
  } catch (const Json::exception&) {  // a number that no double holds
    return fail(Code::err, "a number in it is out of range");
  }
}

std::string write_json(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace holdfast::workflow
