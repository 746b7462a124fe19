// SPDX-License-Identifier: Apache-2.0
import type { ComponentChildren } from "preact";

import { advice } from "../advice";
import type { ApiError } from "../api";
import type { Change } from "../hooks";
import { Copy } from "./copy";

/** A line to type, with a button that copies it. */
export function Command({ line }: { line: string }) {
  return (
    <span class="command">
      <code>{line}</code>
      <Copy text={line} what="command" />
    </span>
  );
}

/** Nothing is here yet: what to do. */
export function Empty({ children, command }: { children: ComponentChildren; command?: string }) {
  return (
    <div class="empty">
      <p>{children}</p>
      {command && <Command line={command} />}
    </div>
  );
}

export function Failed({ error, again }: { error: ApiError; again?: () => void }) {
  const next = advice(error);
  return (
    <div class="note bad" role="alert">
      <p>
        <strong>{error.text}</strong>
      </p>
      {next && <p>{next}</p>}
      {again && (
        <p>
          <button type="button" onClick={again}>
            Ask again
          </button>
        </p>
      )}
    </div>
  );
}

export const Loading = () => <p class="dim">Asking the node …</p>;

/** How a change went, said where it was asked for. */
export function ChangeNote({ change }: { change: Change }) {
  const { state } = change;
  if (state.is === "failed") {
    const next = advice(state.error);
    return (
      <div class="note bad" role="alert">
        <p>
          <strong>{state.error.text}</strong>
        </p>
        {state.may_have_happened ? (
          <p>
            It may have happened or not. Try again: the same request id <code>{change.id}</code> is sent, so it happens
            once.
          </p>
        ) : (
          <p>Nothing was changed. {next.replace(/^Nothing was changed[.:]? ?/, "")}</p>
        )}
      </div>
    );
  }
  return null;
}

export function Badge({
  kind,
  children,
}: {
  kind: "good" | "bad" | "warn" | "quiet" | "accent";
  children: ComponentChildren;
}) {
  return <span class={`badge ${kind}`}>{children}</span>;
}
