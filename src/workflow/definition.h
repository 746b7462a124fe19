// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/limits.h"
#include "base/units.h"
#include "workflow/value.h"

namespace holdfast::workflow {

/// How a call that may succeed yet is tried again.
struct Retry {
  std::uint32_t attempts = limits::workflow_attempts_default;  // in all
  Millis first{100};                                           // before the second
  double factor = 2;
  Millis longest{30'000};
  double jitter = 0.2;  // the part of a delay by which it is longer or shorter at most
};

/// A published function. Forms: see value.h.
struct FunctionCall {
  std::string function;  // keyspace.name
  std::vector<Json> keys, args;
};

/// A request to another service.
struct HttpRequest {
  std::string method = "POST";
  Json url;
  std::map<std::string, Json> headers;
  Json body;           // null: none
  std::string secret;  // whose value is the bearer token; empty: none
};

struct Call {
  std::variant<FunctionCall, HttpRequest> what;
  Retry retry;
  Millis timeout{limits::workflow_call_timeout_ms_default};  // of one attempt
};

/// Until a time has gone by.
struct Delay {
  Millis duration{};
};

/// Until a signal comes; after `longest` without one the step has failed for good.
struct Signal {
  std::string name;
  std::optional<Millis> longest;
};

struct Step {
  std::string name;
  Json condition;  // null: always
  std::variant<Call, Delay, Signal> does;
  std::optional<Call> undo;

  const Call* call() const { return std::get_if<Call>(&does); }
};

/// Steps side by side: `count` of them from `first` on. Stages come one after another.
struct Stage {
  std::size_t first = 0;
  std::size_t count = 1;
};

/// What a workflow does: data, checked when it is declared. docs/workflows.md, and as JSON Schema
/// docs/formats/workflow.schema.json.
struct Definition {
  std::string name;
  std::string description;
  std::optional<Millis> deadline;                     // of a run, from its start
  Millis retain{limits::workflow_retain_ms_default};  // a run that has ended is remembered
  std::vector<Step> steps;                            // in order, those of groups too
  std::vector<Stage> stages;

  /// The step's place, or nothing.
  std::optional<std::size_t> find(std::string_view step) const;

  /// kErr: the message begins with a pointer to the place that is wrong.
  static Result<Definition> parse(std::string_view json);
};

/// Letters, digits, `_` and `-`: what workflows, steps and signals are called.
bool is_name(std::string_view text);

}  // namespace holdfast::workflow
