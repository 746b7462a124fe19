// SPDX-License-Identifier: Apache-2.0
#include "workflow/rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "command/glob.h"
#include "command/parse.h"

namespace holdfast::workflow {
namespace {

using command::equals_nocase;

void put(Reply& reply, std::string_view name, std::string_view value) {
  reply.bulk(name);
  reply.bulk(value);
}
void put(Reply& reply, std::string_view name, std::int64_t value) {
  reply.bulk(name);
  reply.integer(value);
}
// The epoch: none.
void put(Reply& reply, std::string_view name, Instant time) {
  reply.bulk(name);
  if (time == Instant{}) return reply.null();
  reply.integer(to_ms(time));
}

void put_summary(Reply& reply, const Run& run) {
  put(reply, "run", run.id);
  put(reply, "workflow", run.workflow);
  put(reply, "version", run.version);
  put(reply, "state", text_of(run.state));
  put(reply, "started-ms", run.started);
  put(reply, "ended-ms", run.ended);
}
constexpr std::size_t summary_fields = 6;

void tell(const Result<Run>& run, Reply& reply) {
  if (!run) return reply.error(run.error());
  reply.map(summary_fields);
  put_summary(reply, *run);
}

RunName named(Context& ctx, std::string_view id) {
  return {ctx.caller, std::string(id)};
}

void define(Context& ctx, Args args, Reply& reply) {
  const auto version = ctx.engine.define(ctx.caller, args[2]);
  if (!version) return reply.error(version.error());
  reply.integer(*version);
}

// WORKFLOW START run-id name input [VERSION n]
void start(Context& ctx, Args args, Reply& reply) {
  Engine::Start start{.id = args[2], .workflow = args[3], .input = args[4]};
  if (args.size() != 5) {
    const bool version = args.size() == 7 && equals_nocase(args[5], "VERSION");
    if (!version) return reply.raw_error(command::errors::syntax);
    const auto number = command::positive_argument(args[6], reply);
    if (!number) return;
    start.version = static_cast<std::uint32_t>(
        std::min<std::int64_t>(*number, limits::workflow_versions_max + 1));
  }
  tell(ctx.engine.start(ctx.caller, start, ctx.at, *ctx.functions), reply);
}

void cancel(Context& ctx, Args args, Reply& reply) {
  tell(ctx.engine.cancel(named(ctx, args[2]), ctx.at, *ctx.functions), reply);
}

void retry(Context& ctx, Args args, Reply& reply) {
  tell(ctx.engine.retry(named(ctx, args[2]), ctx.at, *ctx.functions), reply);
}

void signal(Context& ctx, Args args, Reply& reply) {
  if (args.size() > 5) return reply.raw_error(command::errors::syntax);
  const std::string_view payload = args.size() == 5 ? args[4] : "null";
  tell(ctx.engine.signal(named(ctx, args[2]), args[3], payload, ctx.at, *ctx.functions), reply);
}

template <typename Number>
Number number_of(std::string_view text) {
  Number number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);  // we wrote it ourselves
  return number;
}

// WORKFLOW REPORT service run step undo round number ending result error
void report(Context& ctx, Args args, Reply& reply) {
  const RunName name{ServiceId{number_of<std::uint32_t>(args[2])}, std::string(args[3])};
  const AttemptName attempt{.step = number_of<std::size_t>(args[4]),
                            .undo = args[5] == "1",
                            .round = number_of<std::uint32_t>(args[6]),
                            .number = number_of<std::uint32_t>(args[7])};
  const Outcome outcome{.ending = static_cast<Ending>(number_of<std::uint8_t>(args[8])),
                        .result = std::string(args[9]),
                        .error = std::string(args[10])};
  reply.integer(ctx.engine.report(name, attempt, outcome, ctx.at, *ctx.functions) ? 1 : 0);
}

// WORKFLOW GO-ON service run
void go_on(Context& ctx, Args args, Reply& reply) {
  const RunName name{ServiceId{number_of<std::uint32_t>(args[2])}, std::string(args[3])};
  reply.integer(ctx.engine.go_on(name, ctx.at, *ctx.functions) ? 1 : 0);
}

std::optional<Run> find(Context& ctx, std::string_view id, Reply& reply) {
  auto run = ctx.engine.find(named(ctx, id), ctx.at.now);
  if (!run) reply.error({Code::err, fmt::format("no such run '{}'", id)});
  return run;
}

void status(Context& ctx, Args args, Reply& reply) {
  const auto run = find(ctx, args[2], reply);
  if (!run) return;
  const Definition& definition = ctx.engine.definition_of(*run);
  reply.map(summary_fields + 4);
  put_summary(reply, *run);
  put(reply, "deadline-ms", run->deadline);
  put(reply, "why", run->why);
  put(reply, "input", run->input);
  reply.bulk("steps");
  reply.array(run->steps.size());
  for (std::size_t i = 0; i < run->steps.size(); ++i) {
    const StepRun& step = run->steps[i];
    const bool open = step.state == StepState::trying || step.state == StepState::undoing;
    reply.map(5);
    put(reply, "step", definition.steps[i].name);
    put(reply, "state", text_of(step.state));
    put(reply, "attempt", step.attempt);
    put(reply, "due-ms", open ? step.due : Instant{});
    reply.bulk("result");
    step.result.empty() ? reply.null() : reply.bulk(step.result);
  }
}

void history(Context& ctx, Args args, Reply& reply) {
  const auto run = find(ctx, args[2], reply);
  if (!run) return;
  const Definition& definition = ctx.engine.definition_of(*run);
  std::size_t attempts = 0;
  for (const StepRun& step : run->steps) attempts += step.attempts.size();
  reply.array(attempts);
  for (std::size_t i = 0; i < run->steps.size(); ++i) {
    for (const Attempt& attempt : run->steps[i].attempts) {
      reply.map(7);
      put(reply, "step", definition.steps[i].name);
      put(reply, "call", attempt.undo ? "undo" : "do");
      put(reply, "attempt", attempt.number);
      put(reply, "request-id",
          request_id_of(*run, definition.steps[i], attempt.undo, attempt.round));
      put(reply, "ended-ms", attempt.ended);
      put(reply, "outcome", text_of(attempt.ending));
      put(reply, "error", attempt.error);
    }
  }
}

void definitions(Context& ctx, Args args, Reply& reply) {
  const std::string_view pattern = args.size() == 3 ? args[2] : "*";
  if (args.size() > 3) return reply.raw_error(command::errors::syntax);
  std::vector<Engine::Defined> all = ctx.engine.definitions(ctx.caller);
  std::erase_if(all, [&](const auto& one) { return !command::glob_match(pattern, one.name); });
  reply.array(all.size());
  for (const Engine::Defined& one : all) {
    reply.map(3);
    put(reply, "workflow", one.name);
    put(reply, "version", one.version);
    put(reply, "definition", one.json);
  }
}

struct Wanted {
  std::optional<std::string_view> workflow, state;
  std::size_t count = 10;
};

std::optional<Wanted> wanted_runs(Args args, Reply& reply) {
  Wanted wanted;
  for (std::size_t i = 3; i < args.size(); i += 2) {
    if (i + 1 == args.size()) return reply.raw_error(command::errors::syntax), std::nullopt;
    if (equals_nocase(args[i], "WORKFLOW")) {
      wanted.workflow = args[i + 1];
    } else if (equals_nocase(args[i], "STATE")) {
      wanted.state = args[i + 1];
    } else if (equals_nocase(args[i], "COUNT")) {
      const auto count = command::positive_argument(args[i + 1], reply);
      if (!count) return std::nullopt;
      wanted.count = static_cast<std::size_t>(std::min<std::int64_t>(*count, 1'000));
    } else {
      return reply.raw_error(command::errors::syntax), std::nullopt;
    }
  }
  return wanted;
}

// WORKFLOW LIST cursor …: first what goes on, in the order of its ids, then what has ended, as a
// scan has it. A cursor is `0`, `>` and the last id of what goes on, or a scan's number.
void list(Context& ctx, Args args, Reply& reply) {
  const auto wanted = wanted_runs(args, reply);
  if (!wanted) return;
  std::vector<Run> found;
  const auto take = [&](Run run) {
    if (run.service != ctx.caller) return;
    if (wanted->workflow && run.workflow != *wanted->workflow) return;
    if (wanted->state && text_of(run.state) != *wanted->state) return;
    found.push_back(std::move(run));
  };
  std::string_view cursor = args[2];
  std::string next;
  if (cursor == "0" || cursor.starts_with('>')) {
    const std::string after(cursor == "0" ? std::string_view() : cursor.substr(1));
    auto at = ctx.engine.current().upper_bound({ctx.caller, after});
    std::size_t looked = 0;
    for (; at != ctx.engine.current().end() && at->first.service == ctx.caller; ++at) {
      if (found.size() == wanted->count || looked++ == 10 * wanted->count) break;
      next = ">" + at->first.id;
      if (auto run = ctx.engine.find(at->first, ctx.at.now)) take(std::move(*run));
    }
    if (at == ctx.engine.current().end() || at->first.service != ctx.caller) {
      const std::uint64_t ended = ctx.engine.scan_ended(0, wanted->count, ctx.at.now, take);
      next = fmt::format("{}", ended);
    }
  } else {
    const auto number = command::cursor_argument(cursor, reply);
    if (!number) return;
    next = fmt::format("{}", ctx.engine.scan_ended(*number, wanted->count, ctx.at.now, take));
  }
  reply.array(2);
  reply.bulk(next);
  reply.array(found.size());
  for (const Run& run : found) {
    reply.map(summary_fields);
    put_summary(reply, run);
  }
}

void help(Context&, Args, Reply& reply) {
  reply.array(rows().size());
  for (const Row& row : rows())
    reply.simple(fmt::format("{} {}: {}", row.name, row.syntax, row.summary));
}

constexpr std::uint32_t showing = flag_no_multi | flag_noscript;
constexpr std::uint32_t changing = showing | flag_write_catalog;

constexpr Row row(std::string_view name, int arity, std::uint32_t flags, WorkflowFunction function,
                  std::string_view syntax, std::string_view summary, std::uint16_t code = 0) {
  return {.name = name,
          .code = code,
          .arity = arity,
          .access = Access::workflow,
          .flags = flags,
          .workflow = function,
          .group = "workflow",
          .since = "0.1",
          .syntax = syntax,
          .summary = summary,
          .complexity = "O(N) in the run's or the definition's bytes"};
}

constexpr Row all_rows[] = {
    row("WORKFLOW DEFINE", 3, changing | flag_denyoom, define, "definition",
        "Declares a workflow, or its next version; which one", 700),
    row("WORKFLOW START", -5, changing | flag_denyoom, start,
        "run workflow input [VERSION version]", "Begins a run, or tells of the one of this id",
        701),
    row("WORKFLOW CANCEL", 3, changing, cancel, "run", "Undoes what a run has done", 702),
    row("WORKFLOW RETRY", 3, changing, retry, "run", "Tries the undos anew that a run is stuck at",
        703),
    row("WORKFLOW SIGNAL", -4, changing, signal, "run signal [json]",
        "What a step of the run waits for has happened", 704),
    row("WORKFLOW REPORT", 11, changing | flag_internal, report,
        "service run step undo round attempt ending result error",
        "What an attempt of a node's came to", 705),
    row("WORKFLOW GO-ON", 4, changing | flag_internal, go_on, "service run",
        "What of a run has come due by time", 706),
    row("WORKFLOW STATUS", 3, showing, status, "run", "Where a run stands, step by step"),
    row("WORKFLOW HISTORY", 3, showing, history, "run", "Every attempt of a run that has ended"),
    row("WORKFLOW LIST", -3, showing, list,
        "cursor [WORKFLOW workflow] [STATE state] [COUNT count]",
        "The caller's runs, some at a time"),
    row("WORKFLOW DEFINITIONS", -2, showing, definitions, "[pattern]",
        "The caller's workflows as they were declared last"),
    row("WORKFLOW HELP", 2, showing, help, "", "The subcommands of WORKFLOW"),
};

}  // namespace

std::span<const Row> rows() {
  return all_rows;
}

const Row& report_row() {
  return *std::find_if(std::begin(all_rows), std::end(all_rows),
                       [](const Row& row) { return row.workflow == report; });
}

const Row& go_on_row() {
  return *std::find_if(std::begin(all_rows), std::end(all_rows),
                       [](const Row& row) { return row.workflow == go_on; });
}

std::vector<std::string> report_command(const RunName& name, const AttemptName& attempt,
                                        const Outcome& outcome) {
  return {"WORKFLOW",
          "REPORT",
          fmt::format("{}", name.service.value),
          name.id,
          fmt::format("{}", attempt.step),
          attempt.undo ? "1" : "0",
          fmt::format("{}", attempt.round),
          fmt::format("{}", attempt.number),
          fmt::format("{}", static_cast<int>(outcome.ending)),
          outcome.result,
          outcome.error};
}

std::vector<std::string> go_on_command(const RunName& name) {
  return {"WORKFLOW", "GO-ON", fmt::format("{}", name.service.value), name.id};
}

}  // namespace holdfast::workflow
