// SPDX-License-Identifier: Apache-2.0
#include "workflow/definition.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "base/text_units.h"

namespace holdfast::workflow {
namespace {

constexpr std::array http_methods = {"GET", "POST", "PUT", "PATCH", "DELETE"};
// Those that Holdfast says itself, or that would change what a request is.
constexpr std::array own_headers = {"idempotency-key", "authorization",     "host",
                                    "content-length",  "transfer-encoding", "connection"};

/// One object of the definition, and where it lies. Remembers the first thing that is wrong.
class Place {
 public:
  Place(const Json& json, std::string at, Status& status)
      : json_(json), at_(std::move(at)), status_(status) {}

  bool ok() const { return status_.has_value(); }
  const std::string& at() const { return at_; }
  std::string at(std::string_view name) const { return fmt::format("{}/{}", at_, name); }
  void wrong(const std::string& place, std::string_view what) {
    if (ok()) status_ = fail(Code::err, fmt::format("{}: {}", place.empty() ? "/" : place, what));
  }
  void take(Status status) {
    if (ok()) status_ = std::move(status);
  }
  Status& status() { return status_; }

  /// False, and wrong: it is no object, or says what nobody asks for.
  bool is_object_of(std::span<const std::string_view> names) {
    if (!json_.is_object()) {
      wrong(at_, "an object is wanted");
      return false;
    }
    for (const auto& [name, ignored] : json_.items()) {
      if (std::find(names.begin(), names.end(), name) == names.end())
        wrong(at(name), "nothing is called so here");
    }
    return ok();
  }
  bool has(const char* name) const { return json_.contains(name); }
  const Json& operator[](const char* name) const { return json_.at(name); }

  std::string text(const char* name, std::string otherwise = {}) {
    if (!has(name)) return otherwise;
    if (json_[name].is_string()) return json_[name].get<std::string>();
    wrong(at(name), "a string is wanted");
    return otherwise;
  }
  std::string name(const char* name) {
    std::string given = text(name);
    if (!is_name(given))
      wrong(at(name), fmt::format("1 to {} letters, digits, _ and - are wanted",
                                  limits::workflow_name_bytes_max));
    return given;
  }
  Millis duration(const char* name, Millis otherwise, Millis least = Millis(1)) {
    if (!has(name)) return otherwise;
    const auto given = json_[name].is_string()
                           ? parse_duration(json_[name].get_ref<const std::string&>())
                           : std::nullopt;
    if (!given || *given < least || *given > limits::workflow_duration_max) {
      wrong(at(name),
            fmt::format("a duration is wanted, as \"500ms\" or \"2h\", from {} to {}",
                        format_duration(least), format_duration(limits::workflow_duration_max)));
      return otherwise;
    }
    return *given;
  }
  double number(const char* name, double otherwise, double least, double most) {
    if (!has(name)) return otherwise;
    const double given = json_[name].is_number() ? json_[name].get<double>() : least - 1;
    if (given >= least && given <= most) return given;
    wrong(at(name), fmt::format("a number from {} to {} is wanted", least, most));
    return otherwise;
  }
  std::vector<Json> forms(const char* name) {
    if (!has(name)) return {};
    if (!json_[name].is_array()) {
      wrong(at(name), "a list is wanted");
      return {};
    }
    take(check_form(json_[name], at(name)));
    return json_[name].get<std::vector<Json>>();
  }
  Json form(const char* name) {
    if (!has(name)) return nullptr;
    take(check_form(json_[name], at(name)));
    return json_[name];
  }

 private:
  const Json& json_;
  std::string at_;
  Status& status_;
};

Retry read_retry(Place& parent) {
  Retry retry;
  if (!parent.has("retry")) return retry;
  Place place(parent["retry"], parent.at("retry"), parent.status());
  static constexpr std::array<std::string_view, 5> names = {"attempts", "first", "factor",
                                                            "longest", "jitter"};
  if (!place.is_object_of(names)) return retry;
  const double attempts =
      place.number("attempts", retry.attempts, 1, limits::workflow_attempts_max);
  retry.attempts = static_cast<std::uint32_t>(attempts);
  if (retry.attempts != attempts) place.wrong(place.at("attempts"), "a whole number is wanted");
  retry.first = place.duration("first", retry.first);
  retry.longest = place.duration("longest", std::max(retry.longest, retry.first));
  if (retry.longest < retry.first)
    place.wrong(place.at("longest"), "it is shorter than the first delay");
  retry.factor = place.number("factor", retry.factor, 1, 100);
  retry.jitter = place.number("jitter", retry.jitter, 0, 1);
  return retry;
}

FunctionCall read_function(Place& place) {
  FunctionCall call{
      .function = place.text("call"), .keys = place.forms("keys"), .args = place.forms("args")};
  const std::size_t dot = call.function.find('.');
  if (dot == std::string::npos || dot == 0 || dot + 1 == call.function.size())
    place.wrong(place.at("call"), "a function is wanted, as \"accounts.debit\"");
  return call;
}

void read_headers(Place& parent, HttpRequest& request) {
  if (!parent.has("headers")) return;
  const std::string at = parent.at("headers");
  const Json& headers = parent["headers"];
  if (!headers.is_object()) return parent.wrong(at, "an object is wanted");
  for (const auto& [name, value] : headers.items()) {
    const std::string place = fmt::format("{}/{}", at, name);
    std::string lower = name;
    std::transform(name.begin(), name.end(), lower.begin(),
                   [](unsigned char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
    if (!is_name(name)) parent.wrong(place, "letters, digits, _ and - are wanted");
    if (std::find(own_headers.begin(), own_headers.end(), lower) != own_headers.end())
      parent.wrong(place, "this header is not the definition's to give");
    parent.take(check_form(value, place));
    request.headers.emplace(lower, value);
  }
}

HttpRequest read_http(Place& parent) {
  HttpRequest request;
  Place place(parent["http"], parent.at("http"), parent.status());
  static constexpr std::array<std::string_view, 5> names = {"method", "url", "headers", "body",
                                                            "token"};
  if (!place.is_object_of(names)) return request;
  request.method = place.text("method", request.method);
  if (std::find(http_methods.begin(), http_methods.end(), request.method) == http_methods.end())
    place.wrong(place.at("method"), "GET, POST, PUT, PATCH or DELETE is wanted");
  if (!place.has("url")) place.wrong(place.at(), "it says no url");
  request.url = place.form("url");
  read_headers(place, request);
  request.body = place.form("body");
  if (place.has("token")) request.secret = place.name("token");
  return request;
}

// A step's own, or its undo's.
Call read_call(Place& place) {
  Call call;
  if (place.has("http")) {
    for (const char* other : {"call", "keys", "args"}) {
      if (place.has(other)) place.wrong(place.at(other), "it is an HTTP request, and no function");
    }
    call.what = read_http(place);
  } else {
    call.what = read_function(place);
  }
  call.retry = read_retry(place);
  call.timeout = place.duration("timeout", call.timeout);
  return call;
}

std::variant<Call, Delay, Signal> read_wait(Place& parent) {
  Place place(parent["wait"], parent.at("wait"), parent.status());
  static constexpr std::array<std::string_view, 2> names = {"for", "signal"};
  if (!place.is_object_of(names)) return Delay{};
  if (!place.has("signal")) {
    if (!place.has("for")) place.wrong(place.at(), "it says neither for nor signal");
    return Delay{place.duration("for", Millis(1))};
  }
  Signal signal{.name = place.name("signal"), .longest = std::nullopt};
  if (place.has("for")) signal.longest = place.duration("for", Millis(1));
  return signal;
}

Step read_step(const Json& json, const std::string& at, Status& status) {
  Step step;
  Place place(json, at, status);
  static constexpr std::array<std::string_view, 10> names = {
      "name", "if", "call", "keys", "args", "http", "wait", "retry", "timeout", "undo"};
  if (!place.is_object_of(names)) return step;
  if (!place.has("name")) place.wrong(place.at(), "the step has no name");
  step.name = place.name("name");
  if (place.has("if")) {
    place.take(check_condition(place["if"], place.at("if")));
    step.condition = place["if"];
  }
  if (place.has("wait")) {
    for (const char* other : {"call", "keys", "args", "http", "retry", "timeout", "undo"}) {
      if (place.has(other)) place.wrong(place.at(other), "it waits, and calls nobody");
    }
    step.does = read_wait(place);
    return step;
  }
  if (!place.has("call") && !place.has("http"))
    place.wrong(place.at(), "it says none of call, http and wait");
  if (!place.ok()) return step;
  step.does = read_call(place);
  if (!place.has("undo")) return step;
  Place undo(place["undo"], place.at("undo"), status);
  static constexpr std::array<std::string_view, 6> undo_names = {"call", "keys",  "args",
                                                                 "http", "retry", "timeout"};
  if (!undo.is_object_of(undo_names)) return step;
  if (!undo.has("call") && !undo.has("http"))
    undo.wrong(undo.at(), "it says neither call nor http");
  if (undo.ok()) step.undo = read_call(undo);
  return step;
}

void read_steps(Place& whole, Definition& definition) {
  const Json& steps = whole["steps"];
  const std::string at = whole.at("steps");
  if (!steps.is_array() || steps.empty()) return whole.wrong(at, "a list of steps is wanted");
  for (std::size_t i = 0; i < steps.size() && whole.ok(); ++i) {
    const std::string here = fmt::format("{}/{}", at, i);
    Stage stage{.first = definition.steps.size(), .count = 1};
    if (!steps[i].is_object() || !steps[i].contains("together")) {
      definition.steps.push_back(read_step(steps[i], here, whole.status()));
    } else {
      Place group(steps[i], here, whole.status());
      static constexpr std::array<std::string_view, 1> names = {"together"};
      if (!group.is_object_of(names)) return;
      const Json& members = steps[i]["together"];
      if (!members.is_array() || members.empty())
        return group.wrong(group.at("together"), "a list of steps is wanted");
      stage.count = members.size();
      for (std::size_t j = 0; j < members.size() && whole.ok(); ++j)
        definition.steps.push_back(
            read_step(members[j], fmt::format("{}/together/{}", here, j), whole.status()));
    }
    definition.stages.push_back(stage);
    if (definition.steps.size() > limits::workflow_steps_max)
      return whole.wrong(at,
                         fmt::format("there are more than {} steps", limits::workflow_steps_max));
  }
  for (std::size_t i = 0; i < definition.steps.size() && whole.ok(); ++i) {
    if (definition.find(definition.steps[i].name) != i)
      whole.wrong(at, fmt::format("two steps are called {}", definition.steps[i].name));
  }
}

}  // namespace

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= limits::workflow_name_bytes_max &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-';
         });
}

std::optional<std::size_t> Definition::find(std::string_view step) const {
  const auto found =
      std::find_if(steps.begin(), steps.end(), [&](const Step& s) { return s.name == step; });
  if (found == steps.end()) return std::nullopt;
  return static_cast<std::size_t>(found - steps.begin());
}

Result<Definition> Definition::parse(std::string_view text) {
  if (text.size() > limits::workflow_definition_bytes_max)
    return fail(Code::err, fmt::format("/: a definition has at most {} bytes",
                                       limits::workflow_definition_bytes_max));
  const auto json = parse_json(text);
  if (!json) return fail(Code::err, "/: " + json.error().message);
  Status status;
  Definition definition;
  Place whole(*json, "", status);
  static constexpr std::array<std::string_view, 5> names = {"name", "description", "deadline",
                                                            "retain", "steps"};
  if (!whole.is_object_of(names)) return tl::unexpected(status.error());
  for (const char* wanted : {"name", "steps"}) {
    if (!whole.has(wanted)) whole.wrong("", fmt::format("it says no {}", wanted));
  }
  if (!whole.ok()) return tl::unexpected(status.error());
  definition.name = whole.name("name");
  definition.description = whole.text("description");
  if (whole.has("deadline")) definition.deadline = whole.duration("deadline", Millis(1));
  definition.retain = whole.duration("retain", definition.retain, Millis(1'000));
  read_steps(whole, definition);
  if (!status) return tl::unexpected(status.error());
  return definition;
}

}  // namespace holdfast::workflow
