// SPDX-License-Identifier: Apache-2.0
// What the page knows: the last state of the stream, the minutes before it for
// the charts, and how the stream itself fares.
import type { State } from "./types";

/** Five minutes at a state a second. */
export const samples_max = 300;

export interface Sample {
  at_ms: number;
  /** Null: not counted yet, in the first second that somebody listens. */
  commands: number | null;
  refused: number | null;
  p50_us: number | null;
  p95_us: number | null;
  p99_us: number | null;
  memory_bytes: number | null;
  /** Commands a second of each keyspace. */
  keyspaces: Record<string, number>;
}

export type Status =
  | { is: "connecting" }
  | { is: "live" }
  /** Nobody answers; asked again at `again_ms`. */
  | { is: "lost"; since_ms: number; again_ms: number; why: string }
  | { is: "sign-in" };

export interface Live {
  status: Status;
  state: State | null;
  samples: Sample[];
  /** Counts the states: what asks the node again follows this. */
  tick: number;
}

export function sample_of(state: State): Sample {
  const busy = (state.latency?.count ?? 0) > 0;
  const keyspaces: Record<string, number> = {};
  for (const k of state.keyspaces ?? []) {
    const rate = k["commands-a-second"];
    if (rate !== undefined) keyspaces[k.name] = rate;
  }
  return {
    at_ms: state["at-ms"],
    commands: state.load?.["commands-a-second"] ?? null,
    refused: state.load?.["refused-a-second"] ?? null,
    p50_us: busy ? (state.latency?.["p50-us"] ?? null) : null,
    p95_us: busy ? (state.latency?.["p95-us"] ?? null) : null,
    p99_us: busy ? (state.latency?.["p99-us"] ?? null) : null,
    memory_bytes: state.load?.["memory-bytes"] ?? null,
    keyspaces,
  };
}

/** With another state; the oldest sample makes room. */
export function with_state(live: Live, state: State): Live {
  const samples = [...live.samples.slice(-(samples_max - 1)), sample_of(state)];
  return { status: { is: "live" }, state, samples, tick: live.tick + 1 };
}

/** What charts show: all samples, but a minute at least, so that the line does not race through the first seconds. */
export function span_of(live: Live): { from_ms: number; to_ms: number } {
  const to_ms = live.samples[live.samples.length - 1]?.at_ms ?? Date.now();
  const first = live.samples[0]?.at_ms ?? to_ms;
  return { from_ms: Math.max(to_ms - samples_max * 1000, Math.min(first, to_ms - 60_000)), to_ms };
}

type Listener = () => void;

export class Store<T> {
  #value: T;
  #listeners = new Set<Listener>();

  constructor(value: T) {
    this.#value = value;
  }
  get(): T {
    return this.#value;
  }
  set(value: T): void {
    this.#value = value;
    for (const listener of [...this.#listeners]) listener();
  }
  /** Calls back at every change; the answer ends that. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

export const live = new Store<Live>({ status: { is: "connecting" }, state: null, samples: [], tick: 0 });
