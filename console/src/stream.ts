// SPDX-License-Identifier: Apache-2.0
// Keeps GET /v1/events open for as long as the page is looked at, and opens it
// again whenever it ends. Nothing else decides whether the node is there.
import { headers_of, on_sign_in_wanted, refusal_of, sign_in_wanted } from "./api";
import { EventReader } from "./sse";
import { live, with_state } from "./store";
import type { State } from "./types";

/** A node sends a state a second; one that is silent for so long is gone, whatever its socket says. */
const silence_ms = 5_000;
/** A browser keeps six connections to a host: a tab that nobody looks at gives its own back. */
const hidden_ms = 30_000;
const waits_ms = [500, 1_000, 2_000, 4_000, 5_000] as const;

let running: AbortController | null = null;
let timer = 0;
let failures = 0;

type End = "ended" | "silent" | "unreachable" | "sign-in" | "busy" | { refused: string };

const reasons: Record<Exclude<End, "sign-in" | object>, string> = {
  ended: "The node ended the stream: it stops, or starts again.",
  silent: "The node is connected but has said nothing for five seconds.",
  unreachable: "The node does not answer.",
  busy: "The node serves as many streams as it may: close other tabs with the console.",
};

async function read(abort: AbortController): Promise<End> {
  let guard = 0;
  let silent = false;
  const heard = () => {
    clearTimeout(guard);
    guard = window.setTimeout(() => {
      silent = true;
      abort.abort();
    }, silence_ms);
  };
  try {
    heard();
    const response = await fetch("/v1/events", { headers: headers_of(), signal: abort.signal, cache: "no-store" });
    if (response.status === 401) return "sign-in";
    if (response.status === 503) return "busy";
    if (!response.ok || !response.body) return { refused: `The node refuses: ${(await refusal_of(response)).text}.` };
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const events = new EventReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return "ended";
      heard();
      for (const { event, data } of events.take(value)) {
        if (event !== "state") continue;
        failures = 0;
        live.set(with_state(live.get(), JSON.parse(data) as State));
      }
    }
  } catch {
    return silent ? "silent" : "unreachable";
  } finally {
    clearTimeout(guard);
  }
}

async function run(): Promise<void> {
  clearTimeout(timer);
  running?.abort();
  const abort = new AbortController();
  running = abort;
  const end = await read(abort);
  if (running !== abort) return; // another has taken its place, or nobody looks
  abort.abort();
  running = null;
  if (end === "sign-in") {
    sign_in_wanted();
    return;
  }
  const wait = waits_ms[Math.min(failures++, waits_ms.length - 1)] ?? 5_000;
  const was = live.get();
  const since_ms = was.status.is === "lost" ? was.status.since_ms : Date.now();
  live.set({
    ...was,
    status: {
      is: "lost",
      since_ms,
      again_ms: Date.now() + wait,
      why: typeof end === "string" ? reasons[end] : end.refused,
    },
  });
  timer = window.setTimeout(run, wait);
}

/** Asks the node now, without waiting for the next try. */
export function ask_now(): void {
  failures = 0;
  void run();
}

export function start_stream(): void {
  on_sign_in_wanted(() => {
    clearTimeout(timer);
    running?.abort();
    running = null;
    live.set({ status: { is: "sign-in" }, state: null, samples: [], tick: live.get().tick + 1 });
  });
  let hidden = 0;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hidden);
    if (document.hidden) {
      hidden = window.setTimeout(() => {
        clearTimeout(timer);
        running?.abort();
        running = null;
      }, hidden_ms);
    } else if (!running && live.get().status.is !== "sign-in") {
      ask_now();
    }
  });
  window.addEventListener("online", () => running || ask_now());
  void run();
}
