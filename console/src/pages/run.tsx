// SPDX-License-Identifier: Apache-2.0
import { useState } from "preact/hooks";

import { api, type Outcome } from "../api";
import { duration, moment } from "../format";
import { useAsked, useLive, useLogPosition } from "../hooks";
import { Badge, Empty, Failed, Loading } from "../parts/notes";
import { Card, Facts, Page } from "../parts/page";
import { Table } from "../parts/table";
import { link } from "../route";
import { definition_of, lay_out, type Lane, type Timeline } from "../timeline";
import type { Attempt, Definition, RunStatus } from "../types";
import { CancelRun, RetryRun, SignalRun } from "./run_forms";
import { RunBadge } from "./workflows";

interface Told {
  run: RunStatus;
  history: Attempt[];
  definition: Definition | null;
}

async function ask(run: string, signal: AbortSignal): Promise<Outcome<Told>> {
  const [status, history] = await Promise.all([api.run(run, signal), api.history(run, signal)]);
  if (!status.ok) return status;
  if (!history.ok) return history;
  const workflow = await api.workflow(status.value.workflow, signal);
  // The run may be of an earlier version, which is not told any more.
  const definition = workflow.ok && workflow.value.version === status.value.version ? workflow.value.definition : null;
  return { ...status, value: { run: status.value, history: history.value, definition } };
}

const kinds: Record<string, "good" | "bad" | "warn" | "quiet" | "accent"> = {
  waiting: "quiet",
  skipped: "quiet",
  trying: "accent",
  done: "good",
  refused: "bad",
  unsettled: "warn",
  undoing: "warn",
  undone: "quiet",
  stuck: "bad",
};

const part = (n: number) => `${(100 * n).toFixed(2)}%`;
const good = (outcome: string) => outcome === "succeeded";

function LaneRow({ lane }: { lane: Lane }) {
  const kind = kinds[lane.state] ?? "quiet";
  return (
    <li class="time-lane">
      <div class="time-name">
        <b>{lane.step}</b> <Badge kind={kind}>{lane.state}</Badge>
        {lane.does && <div class="dim sub">{lane.does}</div>}
      </div>
      <div class="time-track" aria-hidden="true">
        {lane.from !== null && lane.to !== null && (
          <span
            class={`bar ${kind} ${lane.open ? "open" : ""}`}
            style={{ left: part(lane.from), width: part(Math.max(0, lane.to - lane.from)) }}
          />
        )}
        {lane.marks.map(({ at, aside, attempt }, i) => (
          <span
            key={i}
            class={`mark ${attempt.call} ${good(attempt.outcome) ? "good" : "bad"}`}
            style={{ left: part(at), marginLeft: `${20 * aside - 4}px` }}
            title={`${attempt.call} ${attempt.attempt}: ${attempt.outcome}${attempt.error ? `, ${attempt.error}` : ""}`}
          >
            {attempt.call === "undo" ? "↶" : good(attempt.outcome) ? "✓" : "✕"}
          </span>
        ))}
      </div>
    </li>
  );
}

function Steps({ of }: { of: Timeline }) {
  return (
    <Card title="Steps in time">
      <ol class="timeline">
        {of.lanes.map((lane) => (
          <LaneRow key={lane.step} lane={lane} />
        ))}
      </ol>
      <div class="time-axis" aria-hidden="true">
        <span>{moment(of.from_ms)}</span>
        <span>+ {duration(of.to_ms - of.from_ms)}</span>
      </div>
      <p class="dim sub" aria-hidden="true">
        ✓ done, ✕ refused or unanswered, ↶ undone
      </p>
    </Card>
  );
}

function Attempts({ of, from_ms }: { of: Attempt[]; from_ms: number }) {
  return (
    <Card title="Attempts">
      {of.length === 0 ? (
        <p class="dim">No attempt has ended yet.</p>
      ) : (
        <Table
          caption="Attempts that have ended"
          rows={of.map((attempt, i) => ({ ...attempt, i })).sort((a, b) => a["ended-ms"] - b["ended-ms"])}
          key_of={(a) => String(a.i)}
          columns={[
            { name: "step", cell: (a) => a.step },
            { name: "call", cell: (a) => a.call },
            { name: "number", number: true, cell: (a) => a.attempt },
            { name: "ended after", number: true, cell: (a) => duration(Math.max(0, a["ended-ms"] - from_ms)) },
            { name: "outcome", cell: (a) => <Badge kind={good(a.outcome) ? "good" : "bad"}>{a.outcome}</Badge> },
            { name: "error", cell: (a) => a.error || "–" },
            { name: "request id", cell: (a) => <code>{a["request-id"]}</code> },
          ]}
        />
      )}
    </Card>
  );
}

const json = (value: unknown) => JSON.stringify(value, null, 2) ?? "null";

export function RunPage({ run: name }: { run: string }) {
  const { state } = useLive();
  const position = useLogPosition();
  const [form, open] = useState<"cancel" | "retry" | "signal" | null>(null);
  const told = useAsked(`run ${name}`, (signal) => ask(name, signal), position);
  const above = { href: link(["workflows"]), text: "Workflows" };
  if (!told.value)
    return (
      <Page title={name} above={above}>
        {told.error?.status === 404 ? (
          <Empty>
            There is no run {name}: it never began, was begun by another service, or has been forgotten after its
            workflow's <code>retain</code>.
          </Empty>
        ) : told.error ? (
          <Failed error={told.error} again={told.again} />
        ) : (
          <Loading />
        )}
      </Page>
    );
  const { run, history, definition } = told.value;
  const ended = run["ended-ms"] !== null;
  const now_ms = Math.max(state?.["at-ms"] ?? 0, run["started-ms"]);
  const signals = run.steps
    .filter((s) => s.state === "trying")
    .flatMap((s) => definition_of(definition, s.step)?.wait?.signal ?? []);
  const results = run.steps.filter((s) => s.result !== null && s.result !== undefined);
  return (
    <Page
      title={name}
      above={above}
      actions={
        <>
          {run.state === "running" && (
            <button type="button" class={signals.length > 0 ? "primary" : ""} onClick={() => open("signal")}>
              Signal
            </button>
          )}
          {run.state === "stuck" && (
            <button type="button" class="primary" onClick={() => open("retry")}>
              Retry
            </button>
          )}
          {run.state === "running" && (
            <button type="button" class="danger" onClick={() => open("cancel")}>
              Cancel
            </button>
          )}
        </>
      }
    >
      {run.why && (
        <div class={`note ${run.state === "stuck" ? "bad" : "warn"}`}>
          <p>
            <strong>{run.state === "running" ? "It says: " : "Why it is undone: "}</strong>
            {run.why}
          </p>
          {run.state === "stuck" && (
            <p>An undo failed for good: the attempts below say which. Mend the cause, then retry.</p>
          )}
        </div>
      )}
      {signals.length > 0 && (
        <div class="note quiet">
          <p>
            It waits for the signal <b>{signals.join(", ")}</b>.
          </p>
        </div>
      )}
      <Card>
        <Facts
          across
          of={[
            ["state", <RunBadge state={run.state} />],
            [
              "workflow",
              <a href={link(["workflows"], { workflow: run.workflow })}>{`${run.workflow}, version ${run.version}`}</a>,
            ],
            ["began", moment(run["started-ms"])],
            [ended ? "took" : "running for", duration((run["ended-ms"] ?? now_ms) - run["started-ms"])],
            ["deadline", run["deadline-ms"] === null ? "none" : moment(run["deadline-ms"])],
          ]}
        />
      </Card>
      <Steps of={lay_out(run, history, definition, now_ms)} />
      <Attempts of={history} from_ms={run["started-ms"]} />
      <div class="columns">
        <Card title="Input">
          <pre class="value">{json(run.input)}</pre>
        </Card>
        <Card title="Results">
          {results.length === 0 ? (
            <p class="dim">No step has a result yet.</p>
          ) : (
            <pre class="value">{json(Object.fromEntries(results.map((s) => [s.step, s.result])))}</pre>
          )}
        </Card>
      </div>
      {form === "cancel" && <CancelRun run={name} close={() => open(null)} />}
      {form === "retry" && <RetryRun run={name} close={() => open(null)} />}
      {form === "signal" && <SignalRun run={name} signals={signals} close={() => open(null)} />}
    </Page>
  );
}
