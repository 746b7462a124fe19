// SPDX-License-Identifier: Apache-2.0
// A run's steps laid out in time. A node writes down when each attempt ended,
// not when it began: a bar begins where what came before it ended, and is
// marked as open where nothing is known of its end.
import type { Attempt, Definition, RunStatus, StepDefinition } from "./types";

export interface Mark {
  /** 0 to 1 along the axis. */
  at: number;
  attempt: Attempt;
}

export interface Lane {
  step: string;
  state: string;
  /** What the step calls or waits for, where the definition is known. */
  does: string;
  /** 0 to 1; none where the step has not begun. */
  from: number | null;
  to: number | null;
  /** It goes on, or its end is not written down. */
  open: boolean;
  marks: Mark[];
}

export interface Timeline {
  from_ms: number;
  to_ms: number;
  lanes: Lane[];
}

const begun = (state: string) => state !== "waiting" && state !== "skipped";
const going_on = (state: string) => state === "trying" || state === "undoing";

/** Which steps go side by side: for each step the number of its place in the order. */
export function places(definition: Definition | null, steps: string[]): Map<string, number> {
  const found = new Map<string, number>();
  definition?.steps.forEach((step, place) => {
    const together = "together" in step ? step.together : [step];
    for (const one of together) found.set(one.name, place);
  });
  // A run may have begun with another version: then one after the other, as they stand.
  if (steps.every((step) => found.has(step))) return found;
  return new Map(steps.map((step, place) => [step, place]));
}

export function does(definition: StepDefinition | undefined): string {
  if (!definition) return "";
  if (definition.call) return definition.call;
  if (definition.http) return `${definition.http.method ?? "POST"} ${typeof definition.http.url === "string" ? definition.http.url : "…"}`;
  const wait = definition.wait;
  if (!wait) return "";
  return wait.signal ? `waits for signal ${wait.signal}${wait.for ? `, ${wait.for} at most` : ""}` : `waits ${wait.for ?? ""}`;
}

export function definition_of(definition: Definition | null, step: string): StepDefinition | undefined {
  for (const one of definition?.steps ?? []) {
    const found = ("together" in one ? one.together : [one]).find((s) => s.name === step);
    if (found) return found;
  }
  return undefined;
}

export function lay_out(run: RunStatus, history: Attempt[], definition: Definition | null, now_ms: number): Timeline {
  const from_ms = run["started-ms"];
  const last = Math.max(from_ms, ...history.map((a) => a["ended-ms"]));
  const to_ms = Math.max(run["ended-ms"] ?? Math.max(now_ms, last), last);
  const span = to_ms - from_ms;
  const at = (ms: number) => (span > 0 ? Math.min(1, Math.max(0, (ms - from_ms) / span)) : 0);
  const place = places(definition, run.steps.map((s) => s.step));
  const doings = (step: string) => history.filter((a) => a.step === step && a.call === "do").map((a) => a["ended-ms"]);

  // The last end known among the steps of all earlier places, for a step to begin at.
  const begins = (step: string): number => {
    const mine = place.get(step) ?? 0;
    const before = run.steps.filter((s) => (place.get(s.step) ?? 0) < mine).flatMap((s) => doings(s.step));
    return Math.max(from_ms, ...before);
  };
  // A wait leaves no attempt behind: it ended when something later first did.
  const ends = (step: string): number | null => {
    const own = doings(step);
    if (own.length > 0) return Math.max(...own);
    const mine = place.get(step) ?? 0;
    const later = run.steps.filter((s) => (place.get(s.step) ?? 0) > mine).flatMap((s) => doings(s.step));
    return later.length > 0 ? Math.min(...later) : null;
  };

  const lanes = run.steps.map((step): Lane => {
    const marks = history
      .filter((a) => a.step === step.step)
      .map((attempt) => ({ at: at(attempt["ended-ms"]), attempt }));
    const shown = { step: step.step, state: step.state, does: does(definition_of(definition, step.step)), marks };
    if (!begun(step.state)) return { ...shown, from: null, to: null, open: false };
    const end = going_on(step.state) && step.state === "trying" ? null : ends(step.step);
    return { ...shown, from: at(begins(step.step)), to: at(end ?? to_ms), open: end === null };
  });
  return { from_ms, to_ms, lanes };
}
