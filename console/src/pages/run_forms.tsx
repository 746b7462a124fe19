// SPDX-License-Identifier: Apache-2.0
import { useState } from "preact/hooks";

import { api, request } from "../api";
import { ChangeDialog, Field } from "../parts/form";
import { new_request_id } from "../request_id";
import { go, link } from "../route";

function json_of(text: string): { value: unknown } | null {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return null;
  }
}

/** A run's id is what makes a retry safe: asked again, the node tells of the run that there is. */
export function StartRun({ workflow, close }: { workflow: string; close: () => void }) {
  const [run, set_run] = useState(() => `${workflow}-${new_request_id().slice(-12)}`);
  const [input, set_input] = useState("{}");
  const parsed = json_of(input);
  return (
    <ChangeDialog
      title={`Start a run of ${workflow}`}
      verb="Start"
      did={`Started run ${run}`}
      ready={run !== "" && parsed !== null}
      intent={`start ${run} ${input}`}
      send={(id) =>
        request("POST", `/v1/workflows/${encodeURIComponent(workflow)}/runs`, {
          body: { run, input: parsed?.value },
          id,
        })
      }
      close={close}
      done={() => go(link(["run", run]))}
    >
      <Field
        label="Run"
        hint="Its id, chosen by whoever starts it: the same id is the same run."
        value={run}
        set={set_run}
        required
      />
      <Field
        label="Input, as JSON"
        {...(parsed ? {} : { hint: "This is no JSON yet." })}
        value={input}
        set={set_input}
        rows={5}
        focus
      />
    </ChangeDialog>
  );
}

export function CancelRun({ run, close }: { run: string; close: () => void }) {
  return (
    <ChangeDialog
      title={`Cancel ${run}?`}
      verb="Cancel the run"
      did={`Asked ${run} to be cancelled`}
      danger
      intent={`cancel ${run}`}
      send={(id) => api.cancel_run(run, id)}
      close={close}
    >
      <p>What was done is undone, the last step first. The run ends cancelled, or stuck where an undo is refused.</p>
    </ChangeDialog>
  );
}

export function RetryRun({ run, close }: { run: string; close: () => void }) {
  return (
    <ChangeDialog
      title={`Retry ${run}`}
      verb="Retry"
      did={`${run} is tried again`}
      intent={`retry ${run}`}
      send={(id) => api.retry_run(run, id)}
      close={close}
    >
      <p>The undos that it is stuck at are tried anew. Mend first what refused them.</p>
    </ChangeDialog>
  );
}

export function SignalRun({ run, signals, close }: { run: string; signals: string[]; close: () => void }) {
  const [name, set_name] = useState(signals[0] ?? "");
  const [body, set_body] = useState("{}");
  const parsed = json_of(body);
  return (
    <ChangeDialog
      title={`Signal ${run}`}
      verb="Signal"
      did={`Signalled ${run}: ${name}`}
      ready={name !== "" && parsed !== null}
      intent={`signal ${run} ${name} ${body}`}
      send={(id) => api.signal_run(run, name, parsed?.value, id)}
      close={close}
    >
      <Field
        label="Signal"
        hint={signals.length > 0 ? `It waits for: ${signals.join(", ")}.` : "What a step waits for."}
        value={name}
        set={set_name}
        required
        focus
      />
      <Field
        label="What comes with it, as JSON"
        {...(parsed ? {} : { hint: "This is no JSON yet." })}
        value={body}
        set={set_body}
        rows={3}
      />
    </ChangeDialog>
  );
}
