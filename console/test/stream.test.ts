// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";

import { EventReader } from "../src/sse";
import { samples_max, span_of, with_state, type Live } from "../src/store";
import type { State } from "../src/types";

const sent = 'retry: 1000\n\nevent: state\ndata: {"at-ms":1}\n\nevent: state\r\ndata: {"at-ms":2}\r\n\r\n: nothing\n\n';

test("events are the same however the bytes are cut", () => {
  const whole = new EventReader().take(sent);
  assert.deepEqual(
    whole.map((e) => e.data),
    ['{"at-ms":1}', '{"at-ms":2}'],
  );
  for (let cut = 1; cut < sent.length; cut++) {
    if (sent[cut - 1] === "\r") continue; // a node sends \n alone; a cut between \r and \n is not told apart from two ends
    const reader = new EventReader();
    assert.deepEqual([...reader.take(sent.slice(0, cut)), ...reader.take(sent.slice(cut))], whole, `cut at ${cut}`);
  }
});

test("an event is told only when its empty line is there", () => {
  const reader = new EventReader();
  assert.deepEqual(reader.take("event: state\ndata: {}\n"), []);
  assert.deepEqual(reader.take("\n"), [{ event: "state", data: "{}" }]);
});

const state = (at_ms: number): State => ({
  "at-ms": at_ms,
  node: {
    id: "1",
    state: "member",
    resp: "",
    http: "",
    mesh: "",
    "durable-position": 0,
    "joined-ms": 0,
    "heard-ms": 0,
  },
  load: { "commands-a-second": at_ms },
  latency: { count: at_ms % 2, "p50-us": 5 },
});

test("samples are bounded, and the oldest makes room", () => {
  let live: Live = { status: { is: "connecting" }, state: null, samples: [], tick: 0 };
  for (let i = 1; i <= samples_max + 10; i++) live = with_state(live, state(i * 1000));
  assert.equal(live.samples.length, samples_max);
  assert.equal(live.samples[0]?.at_ms, 11_000);
  assert.equal(live.tick, samples_max + 10);
  assert.equal(live.status.is, "live");
});

test("a second without requests has no latency: it is a gap, not a zero", () => {
  let live: Live = { status: { is: "connecting" }, state: null, samples: [], tick: 0 };
  live = with_state(with_state(live, state(1)), state(2));
  assert.deepEqual(
    live.samples.map((s) => s.p50_us),
    [5, null],
  );
});

test("a chart shows a minute at least and five at most", () => {
  let live: Live = { status: { is: "connecting" }, state: null, samples: [], tick: 0 };
  live = with_state(live, state(1_000_000));
  assert.deepEqual(span_of(live), { from_ms: 940_000, to_ms: 1_000_000 });
  live = with_state(live, state(1_200_000));
  assert.deepEqual(span_of(live), { from_ms: 1_000_000, to_ms: 1_200_000 });
  live = with_state(live, state(9_000_000));
  assert.equal(span_of(live).from_ms, 9_000_000 - samples_max * 1000);
});

test("the first second that somebody listens has no rates: no zero is drawn for it", () => {
  let live: Live = { status: { is: "connecting" }, state: null, samples: [], tick: 0 };
  live = with_state(live, { ...state(1), load: { requests: 9 } });
  assert.deepEqual([live.samples[0]?.commands, live.samples[0]?.refused], [null, null]);
});
