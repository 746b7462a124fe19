// SPDX-License-Identifier: Apache-2.0
// A run's steps laid out in time. A node writes down when each attempt ended,
// not when it began: a bar begins where what came before it ended, and is
// marked as open where nothing is known of its end.
import type { Attempt, Definition, RunStatus, StepDefinition } from "./types";

export interface Mark {
  /** 0 to 1 along the axis. */
  at: number;
  /** How many marks of the lane stand so near before it that it has to move aside. */
  aside: number;
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

/** Of the axis; a mark is about as wide. */
const near = 0.03;
const begun = (state: string) => state !== "waiting" && state !== "skipped";
const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** "200ms", "10m": as definitions write durations. */
function duration_ms(text: string): number | null {
  const parts = /^(\d+)(ms|s|m|h|d)$/.exec(text);
  return parts ? Number(parts[1]) * (units[parts[2] ?? ""] ?? 0) : null;
}

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
  if (definition.http)
    return `${definition.http.method ?? "POST"} ${typeof definition.http.url === "string" ? definition.http.url : "…"}`;
  const wait = definition.wait;
  if (!wait) return "";
  return wait.signal
    ? `waits for signal ${wait.signal}${wait.for ? `, ${wait.for} at most` : ""}`
    : `waits ${wait.for ?? ""}`;
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
  const place = places(
    definition,
    run.steps.map((s) => s.step),
  );
  const doings = (step: string) => history.filter((a) => a.step === step && a.call === "do").map((a) => a["ended-ms"]);

  const place_of = (step: string) => place.get(step) ?? 0;
  const later = (step: string): number | null => {
    const ends = run.steps.filter((s) => place_of(s.step) > place_of(step)).flatMap((s) => doings(s.step));
    return ends.length > 0 ? Math.min(...ends) : null;
  };
  // In the order of their places, since each begins where those before it ended.
  const spans = new Map<string, { begin: number; end: number | null }>();
  for (const step of [...run.steps].sort((a, b) => place_of(a.step) - place_of(b.step))) {
    const before = [...spans]
      .filter(([name]) => place_of(name) < place_of(step.step))
      .map(([, span]) => span.end ?? span.begin);
    const begin = Math.max(from_ms, ...before);
    const own = doings(step.step);
    const wait = definition_of(definition, step.step)?.wait;
    let end: number | null = own.length > 0 ? Math.max(...own) : null;
    // A wait leaves no attempt behind: it ended when its time was up, or when something later first ended.
    if (end === null && step.state !== "trying") {
      const up = wait?.for && !wait.signal ? begin + (duration_ms(wait.for) ?? Infinity) : Infinity;
      const most = Math.min(up, later(step.step) ?? Infinity);
      end = Number.isFinite(most) ? Math.max(begin, most) : null;
    }
    if (step.state === "trying") end = null;
    spans.set(step.step, { begin, end });
  }

  const lanes = run.steps.map((step): Lane => {
    const marks: Mark[] = [];
    for (const attempt of history.filter((a) => a.step === step.step).sort((a, b) => a["ended-ms"] - b["ended-ms"])) {
      const here = at(attempt["ended-ms"]);
      marks.push({ at: here, aside: marks.filter((m) => here - m.at < near).length, attempt });
    }
    const shown = { step: step.step, state: step.state, does: does(definition_of(definition, step.step)), marks };
    if (!begun(step.state)) return { ...shown, from: null, to: null, open: false };
    const { begin, end } = spans.get(step.step) ?? { begin: from_ms, end: null };
    return { ...shown, from: at(begin), to: at(end ?? to_ms), open: end === null };
  });
  return { from_ms, to_ms, lanes };
}
