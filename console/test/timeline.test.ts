// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";

import { does, lay_out, places } from "../src/timeline";
import type { Attempt, Definition, RunStatus } from "../src/types";

const attempt = (step: string, ended: number, more: Partial<Attempt> = {}): Attempt => ({
  step,
  call: "do",
  attempt: 1,
  "request-id": `r/${step}`,
  "ended-ms": ended,
  outcome: "succeeded",
  error: "",
  ...more,
});
const run = (states: [string, string][], more: Partial<RunStatus> = {}): RunStatus => ({
  run: "r",
  workflow: "w",
  version: 1,
  state: "running",
  "started-ms": 1000,
  "ended-ms": null,
  "deadline-ms": null,
  why: "",
  input: null,
  steps: states.map(([step, state]) => ({ step, state, attempt: 1, "due-ms": null, result: null })),
  ...more,
});

test("a step begins where the one before it ended", () => {
  const at = lay_out(
    run(
      [
        ["a", "done"],
        ["b", "done"],
      ],
      { "ended-ms": 2000, state: "done" },
    ),
    [attempt("a", 1250), attempt("b", 2000)],
    null,
    9999,
  );
  assert.deepEqual(
    at.lanes.map((l) => [l.from, l.to, l.open]),
    [
      [0, 0.25, false],
      [0.25, 1, false],
    ],
  );
  assert.equal(at.to_ms, 2000);
});

test("a step that goes on is open up to now; one that waits its turn has no bar", () => {
  const at = lay_out(
    run([
      ["a", "done"],
      ["b", "trying"],
      ["c", "waiting"],
    ]),
    [attempt("a", 1500)],
    null,
    2000,
  );
  assert.deepEqual(
    at.lanes.map((l) => [l.from, l.to, l.open]),
    [
      [0, 0.5, false],
      [0.5, 1, true],
      [null, null, false],
    ],
  );
});

test("steps side by side begin together", () => {
  const definition: Definition = { name: "w", steps: [{ name: "a" }, { together: [{ name: "b" }, { name: "c" }] }] };
  const at = lay_out(
    run(
      [
        ["a", "done"],
        ["b", "done"],
        ["c", "done"],
      ],
      { "ended-ms": 3000 },
    ),
    [attempt("a", 2000), attempt("b", 2500), attempt("c", 3000)],
    definition,
    0,
  );
  assert.deepEqual(
    at.lanes.map((l) => [l.from, l.to]),
    [
      [0, 0.5],
      [0.5, 0.75],
      [0.5, 1],
    ],
  );
});

test("a wait leaves no attempt: it ended when something later did", () => {
  const at = lay_out(
    run(
      [
        ["rest", "done"],
        ["b", "done"],
      ],
      { "ended-ms": 2000 },
    ),
    [attempt("b", 2000)],
    null,
    0,
  );
  assert.deepEqual([at.lanes[0]?.to, at.lanes[0]?.open], [1, false]);
});

test("a wait of a known time ends when that is up, and the next step begins there", () => {
  const definition: Definition = {
    name: "w",
    steps: [{ name: "rest", wait: { for: "250ms" } }, { name: "b" }, { name: "last", wait: { for: "500ms" } }],
  };
  const at = lay_out(
    run(
      [
        ["rest", "done"],
        ["b", "done"],
        ["last", "done"],
      ],
      { "ended-ms": 2000 },
    ),
    [attempt("b", 1500)],
    definition,
    0,
  );
  assert.deepEqual(
    at.lanes.map((l) => [l.from, l.to, l.open]),
    [
      [0, 0.25, false],
      [0.25, 0.5, false],
      [0.5, 1, false],
    ],
  );
});

test("a signal comes when it comes: its wait ends with what follows", () => {
  const definition: Definition = {
    name: "w",
    steps: [{ name: "paid", wait: { signal: "paid", for: "100ms" } }, { name: "b" }],
  };
  const at = lay_out(
    run(
      [
        ["paid", "done"],
        ["b", "done"],
      ],
      { "ended-ms": 2000 },
    ),
    [attempt("b", 1500)],
    definition,
    0,
  );
  assert.deepEqual(
    at.lanes.map((l) => [l.from, l.to]),
    [
      [0, 0.5],
      [0.5, 0.5],
    ],
  );
});

test("undos are marks at their own time, and do not stretch what the step did", () => {
  const history = [
    attempt("a", 1100),
    attempt("a", 2000, { call: "undo" }),
    attempt("b", 1900, { outcome: "refused" }),
  ];
  const at = lay_out(
    run(
      [
        ["a", "undone"],
        ["b", "refused"],
      ],
      { "ended-ms": 2000, state: "undone" },
    ),
    history,
    null,
    0,
  );
  assert.deepEqual(
    at.lanes[0]?.marks.map((m) => [m.at, m.attempt.call]),
    [
      [0.1, "do"],
      [1, "undo"],
    ],
  );
  assert.equal(at.lanes[0]?.to, 0.1);
});

test("a run that took no time at all has all at its beginning", () => {
  const at = lay_out(run([["a", "done"]], { "ended-ms": 1000 }), [attempt("a", 1000)], null, 0);
  assert.deepEqual([at.lanes[0]?.from, at.lanes[0]?.to, at.lanes[0]?.marks[0]?.at], [0, 0, 0]);
});

test("a definition of another version does not order the steps", () => {
  const other: Definition = { name: "w", steps: [{ name: "x" }] };
  assert.deepEqual(
    [...places(other, ["a", "b"])],
    [
      ["a", 0],
      ["b", 1],
    ],
  );
});

test("what a step does, in words", () => {
  assert.equal(does({ name: "a", call: "accounts.debit" }), "accounts.debit");
  assert.equal(does({ name: "a", http: { method: "POST", url: "https://ship.example" } }), "POST https://ship.example");
  assert.equal(does({ name: "a", http: { url: { from: "/input/url" } } }), "POST …");
  assert.equal(does({ name: "a", wait: { for: "10m" } }), "waits 10m");
  assert.equal(does({ name: "a", wait: { signal: "paid", for: "1d" } }), "waits for signal paid, 1d at most");
  assert.equal(does(undefined), "");
});

test("marks at one moment stand side by side, in their order", () => {
  const history = [
    attempt("a", 1000),
    attempt("a", 1000, { call: "undo" }),
    attempt("a", 2000, { call: "undo", attempt: 2 }),
  ];
  const at = lay_out(run([["a", "undone"]], { "ended-ms": 2000 }), history, null, 0);
  assert.deepEqual(
    at.lanes[0]?.marks.map((m) => [m.at, m.aside, m.attempt.call]),
    [
      [0, 0, "do"],
      [0, 1, "undo"],
      [1, 0, "undo"],
    ],
  );
});
