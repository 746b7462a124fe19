// SPDX-License-Identifier: Apache-2.0
import { useState } from "preact/hooks";

import { api } from "../api";
import { duration, plural } from "../format";
import { useAsked, useLive, useLogPosition } from "../hooks";
import { Field } from "../parts/form";
import { Badge, Empty, Failed, Loading } from "../parts/notes";
import { Card, Moment, Page } from "../parts/page";
import { Table } from "../parts/table";
import { go, link } from "../route";
import { does } from "../timeline";
import { run_states, type Definition, type RunState, type Workflow } from "../types";
import { StartRun } from "./run_forms";

const page_size = 50;

const kinds: Record<RunState, "good" | "bad" | "warn" | "quiet" | "accent"> = {
  running: "accent",
  undoing: "warn",
  stuck: "bad",
  done: "good",
  undone: "quiet",
  cancelled: "quiet",
};

export const RunBadge = ({ state }: { state: RunState }) => <Badge kind={kinds[state] ?? "quiet"}>{state}</Badge>;

function Steps({ of }: { of: Definition }) {
  return (
    <ol class="chain">
      {of.steps.map((step, i) => (
        <li key={i}>
          {("together" in step ? step.together : [step]).map((one) => (
            <span key={one.name} class="chip" title={does(one)}>
              <span class="what">{one.name}</span>
              {one.undo && <span class="why">can be undone</span>}
            </span>
          ))}
        </li>
      ))}
    </ol>
  );
}

function Definitions({ of, start }: { of: Workflow[]; start: (name: string) => void }) {
  return (
    <Card title="Definitions">
      <Table
        caption="Workflows as they were declared last"
        rows={of}
        key_of={(w) => w.workflow}
        columns={[
          {
            name: "workflow",
            cell: (w) => (
              <>
                <a href={link(["workflows"], { workflow: w.workflow })}>{w.workflow}</a>
                {w.definition.description && <div class="dim sub">{w.definition.description}</div>}
              </>
            ),
          },
          { name: "version", number: true, cell: (w) => w.version },
          { name: "steps", cell: (w) => <Steps of={w.definition} /> },
          {
            name: <span class="spoken">start</span>,
            cell: (w) => (
              <button type="button" class="small" onClick={() => start(w.workflow)}>
                Start a run<span class="spoken"> of {w.workflow}</span>
              </button>
            ),
          },
        ]}
      />
    </Card>
  );
}

export function Workflows({ query }: { query: URLSearchParams }) {
  const { state } = useLive();
  const position = useLogPosition();
  const [wanted, set_wanted] = useState(page_size);
  const [starting, start] = useState<string | null>(null);
  const workflow = query.get("workflow") ?? "";
  const run_state = query.get("state") ?? "";
  const definitions = useAsked("workflows", api.workflows, position);
  const asked = new URLSearchParams({
    count: String(wanted),
    ...(workflow ? { workflow } : {}),
    ...(run_state ? { state: run_state } : {}),
  });
  const runs = useAsked(asked.toString(), (signal) => api.runs(asked, signal), position);
  const now_ms = state?.["at-ms"] ?? Date.now();
  const ask = (change: Record<string, string>) =>
    go(link(["workflows"], { workflow, state: run_state, ...change }), true);
  const all = definitions.value ?? [];
  if (definitions.error?.code === "UNSUPPORTED")
    return (
      <Page title="Workflows">
        <Empty>
          Workflows need an engine, embedded or etcd: this node has none. Start nodes with --engine to have them.
        </Empty>
      </Page>
    );
  return (
    <Page
      title="Workflows"
      lead="Durable steps, each with its effect once. A run ends done, or undone, or it is stuck until somebody has seen to it."
    >
      {definitions.error && <Failed error={definitions.error} again={definitions.again} />}
      {!definitions.value && !definitions.error && <Loading />}
      {definitions.value && all.length === 0 && (
        <Empty
          command={`redis-cli WORKFLOW DEFINE '{"name": "pay", "steps": [{"name": "debit", "call": "accounts.debit"}]}'`}
        >
          No workflow is declared. A definition is JSON:
        </Empty>
      )}
      {all.length > 0 && <Definitions of={all} start={start} />}
      <Card title="Runs">
        <form class="filters" role="search" aria-label="Runs" onSubmit={(event) => event.preventDefault()}>
          <Field
            label="Workflow"
            value={workflow}
            set={(v) => ask({ workflow: v })}
            options={[["", "every workflow"], ...all.map((w): [string, string] => [w.workflow, w.workflow])]}
          />
          <Field
            label="State"
            value={run_state}
            set={(v) => ask({ state: v })}
            options={[["", "every state"], ...run_states.map((s): [string, string] => [s, s])]}
          />
        </form>
        {runs.error && <Failed error={runs.error} again={runs.again} />}
        {runs.value && runs.value.runs.length === 0 && (
          <p class="empty">
            {workflow || run_state ? "No run of yours is like that." : "No run of yours has begun yet."}{" "}
            {state?.caller?.service && "Runs are each service's own. "}{" "}
            {all.length > 0 && !run_state && "Start one above, or WORKFLOW START <run> <workflow> <json>."}
          </p>
        )}
        {runs.value && runs.value.runs.length > 0 && (
          <>
            <Table
              caption="Runs"
              rows={runs.value.runs}
              key_of={(r) => r.run}
              columns={[
                { name: "run", cell: (r) => <a href={link(["run", r.run])}>{r.run}</a> },
                { name: "workflow", cell: (r) => `${r.workflow} v${r.version}` },
                { name: "state", cell: (r) => <RunBadge state={r.state} /> },
                { name: "began", cell: (r) => <Moment ms={r["started-ms"]} /> },
                {
                  name: "took",
                  number: true,
                  cell: (r) =>
                    duration(Math.max(0, (r["ended-ms"] ?? now_ms) - r["started-ms"])) +
                    (r["ended-ms"] === null ? " so far" : ""),
                },
              ]}
            />
            <p class="dim">
              {plural(runs.value.runs.length, "run")}
              {runs.value.cursor !== "0" && ", and more"}
            </p>
            {runs.value.cursor !== "0" && (
              <button type="button" onClick={() => set_wanted(wanted + page_size)}>
                Show more
              </button>
            )}
          </>
        )}
      </Card>
      {starting !== null && <StartRun workflow={starting} close={() => start(null)} />}
    </Page>
  );
}
