// SPDX-License-Identifier: Apache-2.0
import type { ComponentChildren } from "preact";
import { useId, useState } from "preact/hooks";

import type { Outcome } from "../api";
import { useChange } from "../hooks";
import { tell } from "../told";
import { Dialog } from "./dialog";
import { ChangeNote } from "./notes";

interface FieldProps {
  label: string;
  hint?: ComponentChildren;
  value: string;
  set: (value: string) => void;
  required?: boolean;
  pattern?: string;
  type?: "text" | "password" | "search";
  rows?: number;
  options?: [value: string, says: string][];
  autocomplete?: string;
  focus?: boolean;
}

export function Field(p: FieldProps) {
  const id = useId();
  const shared = {
    id,
    value: p.value,
    required: p.required ?? false,
    ...(p.hint ? { "aria-describedby": `${id}-hint` } : {}),
    ...(p.focus ? { autofocus: true } : {}),
  };
  const heard = (event: Event) => p.set((event.currentTarget as HTMLInputElement).value);
  return (
    <div class="field">
      <label for={id}>{p.label}</label>
      {p.options ? (
        <select {...shared} onChange={heard}>
          {p.options.map(([value, says]) => (
            <option key={value} value={value}>
              {says}
            </option>
          ))}
        </select>
      ) : p.rows ? (
        <textarea {...shared} rows={p.rows} spellcheck={false} onInput={heard} />
      ) : (
        <input
          {...shared}
          type={(p.type ?? "text") as "text"} // one of three, of which the types take one at a time
          {...(p.pattern ? { pattern: p.pattern } : {})}
          autocomplete={p.autocomplete ?? "off"}
          spellcheck={false}
          onInput={heard}
        />
      )}
      {p.hint && (
        <p class="hint" id={`${id}-hint`}>
          {p.hint}
        </p>
      )}
    </div>
  );
}

export function Check({ label, checked, set }: { label: string; checked: boolean; set: (on: boolean) => void }) {
  return (
    <label class="check">
      <input type="checkbox" checked={checked} onChange={(event) => set(event.currentTarget.checked)} /> {label}
    </label>
  );
}

/** What a form in a dialog ends with. */
export function DialogButtons(p: { verb: string; danger?: boolean; ready: boolean; busy: boolean; close: () => void }) {
  return (
    <div class="buttons">
      <button type="submit" class={p.danger ? "danger" : "primary"} disabled={!p.ready} aria-busy={p.busy}>
        {p.verb}
      </button>
      <button type="button" onClick={p.close}>
        Cancel
      </button>
    </div>
  );
}

interface ChangeDialogProps {
  title: string;
  verb: string;
  /** What was done, told when it was. */
  did: string;
  danger?: boolean;
  /** False: not all is there that has to be. */
  ready?: boolean;
  /** What is asked for: the same text is the same operation, and goes with the same request id. */
  intent: string;
  send: (id: string) => Promise<Outcome<unknown>>;
  close: () => void;
  done?: () => void;
  children: ComponentChildren;
}

/** A form that asks for one change. It stays open until the node has said yes. */
export function ChangeDialog(p: ChangeDialogProps) {
  const change = useChange();
  const busy = change.state.is === "under-way";
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy || p.ready === false) return;
    const answer = await change.run(p.intent, p.send);
    if (!answer) return;
    tell(
      `${p.did}.${answer.replayed ? " An earlier try had arrived: the node answered it again and changed nothing twice." : ""}`,
    );
    p.done?.();
    p.close();
  };
  return (
    <Dialog title={p.title} close={p.close}>
      <form onSubmit={submit}>
        {p.children}
        <ChangeNote change={change} />
        <DialogButtons
          verb={change.state.is === "failed" && change.state.again ? "Try again" : p.verb}
          danger={p.danger ?? false}
          ready={p.ready !== false}
          busy={busy}
          close={p.close}
        />
      </form>
    </Dialog>
  );
}

/** For what cannot be taken back: the name has to be typed. */
export function DropDialog(p: {
  kind: string;
  name: string;
  send: ChangeDialogProps["send"];
  close: () => void;
  done?: () => void;
  children: ComponentChildren;
}) {
  const [typed, set] = useState("");
  return (
    <ChangeDialog
      title={`Drop ${p.kind} ${p.name}?`}
      verb={`Drop ${p.name}`}
      did={`Dropped ${p.kind} ${p.name}`}
      danger
      ready={typed === p.name}
      intent={`drop ${p.kind} ${p.name}`}
      send={p.send}
      close={p.close}
      {...(p.done ? { done: p.done } : {})}
    >
      {p.children}
      <Field label={`Type ${p.name} to confirm`} value={typed} set={set} required focus />
    </ChangeDialog>
  );
}
