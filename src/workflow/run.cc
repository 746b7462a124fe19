// SPDX-License-Identifier: Apache-2.0
#include "workflow/run.h"

#include <fmt/format.h>

#include "base/checksum.h"
#include "base/limits.h"
#include "base/wire.h"

namespace holdfast::workflow {
namespace {

constexpr std::uint8_t encoding_version = 1;  // docs/formats/workflow-runs.md

void put_instant(std::string& out, Instant time) {
  wire::put_signed(out, to_ms(time));
}
Instant read_instant(wire::Reader& in) {
  return instant_from_ms(in.signed_varint());
}
std::uint32_t read_u32(wire::Reader& in) {
  return static_cast<std::uint32_t>(in.varint());
}

Json parsed(const std::string& text) {
  return parse_json(text).value_or(Json(nullptr));  // it was checked when it came
}

void put_step(std::string& out, const StepRun& step) {
  wire::put_u8(out, static_cast<std::uint8_t>(step.state));
  wire::put_varint(out, step.attempt);
  wire::put_varint(out, step.round);
  put_instant(out, step.due);
  wire::put_u8(out, step.in_doubt ? 1 : 0);
  wire::put_bytes(out, step.result);
  wire::put_varint(out, step.attempts_forgotten);
  wire::put_varint(out, step.attempts.size());
  for (const Attempt& attempt : step.attempts) {
    wire::put_u8(out, attempt.undo ? 1 : 0);
    wire::put_varint(out, attempt.round);
    wire::put_varint(out, attempt.number);
    put_instant(out, attempt.ended);
    wire::put_u8(out, static_cast<std::uint8_t>(attempt.ending));
    wire::put_bytes(out, attempt.error);
  }
}

StepRun read_step(wire::Reader& in) {
  StepRun step;
  step.state = static_cast<StepState>(in.u8());
  step.attempt = read_u32(in);
  step.round = read_u32(in);
  step.due = read_instant(in);
  step.in_doubt = in.u8() != 0;
  step.result = in.bytes();
  step.attempts_forgotten = read_u32(in);
  const std::uint64_t attempts = in.varint();
  for (std::uint64_t i = 0; i < attempts && in.ok(); ++i) {
    Attempt& attempt = step.attempts.emplace_back();
    attempt.undo = in.u8() != 0;
    attempt.round = read_u32(in);
    attempt.number = read_u32(in);
    attempt.ended = read_instant(in);
    attempt.ending = static_cast<Ending>(in.u8());
    attempt.error = in.bytes();
  }
  return step;
}

}  // namespace

std::string_view text_of(RunState state) {
  switch (state) {
    case RunState::running:
      return "running";
    case RunState::done:
      return "done";
    case RunState::undoing:
      return "undoing";
    case RunState::undone:
      return "undone";
    case RunState::stuck:
      return "stuck";
    case RunState::cancelled:
      return "cancelled";
  }
  return "?";
}

bool has_ended(RunState state) {
  return state != RunState::running && state != RunState::undoing;
}

std::string_view text_of(StepState state) {
  switch (state) {
    case StepState::waiting:
      return "waiting";
    case StepState::skipped:
      return "skipped";
    case StepState::trying:
      return "trying";
    case StepState::done:
      return "done";
    case StepState::refused:
      return "refused";
    case StepState::unsettled:
      return "unsettled";
    case StepState::undoing:
      return "undoing";
    case StepState::undone:
      return "undone";
    case StepState::stuck:
      return "stuck";
  }
  return "?";
}

std::string_view text_of(Ending ending) {
  switch (ending) {
    case Ending::succeeded:
      return "succeeded";
    case Ending::refused:
      return "refused";
    case Ending::unavailable:
      return "unavailable";
    case Ending::unknown:
      return "unknown";
    case Ending::unsendable:
      return "unsendable";
  }
  return "?";
}

std::string Run::encode() const {
  std::string out;
  wire::put_u8(out, encoding_version);
  wire::put_bytes(out, id);
  wire::put_varint(out, service.value);
  wire::put_bytes(out, workflow);
  wire::put_varint(out, version);
  wire::put_bytes(out, input);
  wire::put_u8(out, static_cast<std::uint8_t>(state));
  wire::put_u8(out, was_cancelled ? 1 : 0);
  put_instant(out, started);
  put_instant(out, ended);
  put_instant(out, deadline);
  wire::put_bytes(out, why);
  wire::put_varint(out, signals.size());
  for (const auto& [name, payload] : signals) {
    wire::put_bytes(out, name);
    wire::put_bytes(out, payload);
  }
  wire::put_varint(out, steps.size());
  for (const StepRun& step : steps) put_step(out, step);
  return out;
}

Result<Run> Run::decode(std::string_view bytes) {
  wire::Reader in(bytes);
  if (in.u8() != encoding_version)
    return fail(Code::corrupt, "a workflow's run of a version that this build does not know");
  Run run;
  run.id = in.bytes();
  run.service = ServiceId{read_u32(in)};
  run.workflow = in.bytes();
  run.version = read_u32(in);
  run.input = in.bytes();
  run.state = static_cast<RunState>(in.u8());
  run.was_cancelled = in.u8() != 0;
  run.started = read_instant(in);
  run.ended = read_instant(in);
  run.deadline = read_instant(in);
  run.why = in.bytes();
  const std::uint64_t signals = in.varint();
  for (std::uint64_t i = 0; i < signals && in.ok(); ++i) {
    const std::string_view name = in.bytes();
    run.signals.emplace(name, in.bytes());
  }
  const std::uint64_t steps = in.varint();
  for (std::uint64_t i = 0; i < steps && in.ok(); ++i) run.steps.push_back(read_step(in));
  if (!in.ok() || !in.at_end()) return fail(Code::corrupt, "a workflow's run is malformed");
  return run;
}

std::string request_id_of(const Run& run, const Step& step, bool undo, std::uint32_t round) {
  std::string id = fmt::format("{}/{}", run.id, step.name);
  if (undo) id += "/undo";
  if (undo && round != 0) id += fmt::format("/{}", round);
  if (id.size() <= limits::request_id_bytes_max) return id;
  const Hash128 hash = hash128(id);
  constexpr std::size_t hash_bytes = 33;  // with the mark in front
  id.resize(limits::request_id_bytes_max - hash_bytes);
  return id + fmt::format("#{:016x}{:016x}", hash.high, hash.low);
}

Document document_of(const Run& run) {
  return {{"input", parsed(run.input)},
          {"run", {{"id", run.id}, {"workflow", run.workflow}}},
          {"steps", Json::object()}};
}

void add_result(const Definition& definition, const Run& run, std::size_t step,
                Document& document) {
  const std::string& result = run.steps[step].result;
  if (!result.empty()) document["steps"][definition.steps[step].name] = parsed(result);
}

}  // namespace holdfast::workflow
