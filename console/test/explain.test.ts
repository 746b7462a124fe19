// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  agreement,
  effect_words,
  id_words,
  lag,
  retried,
  sentences,
  settled_parts,
  sum_of,
  why_not,
  type Effect,
  type Explanation,
} from "../src/explain_model";

const effect = (what: string, more: Partial<Effect> = {}): Effect => ({
  what,
  id: null,
  covered: false,
  counts: true,
  ...more,
});
const counter: Explanation = {
  key: "likes:42",
  guarantee: "eventual",
  type: "string",
  value: "20",
  digest: "a",
  origins: [
    {
      origin: "node1",
      position: 12,
      sum: 5,
      effects: [effect("add 5", { id: "anna:42" }), effect("add 2", { covered: true, counts: false })],
    },
    { origin: "node2", position: 7, sum: 3, effects: [effect("add 3")] },
    { origin: "node3", position: 7, sum: null, effects: [] },
  ],
  stable: { sum: 12, covered: false, counts: true, "left-out": 0, note: "" },
  ids: [
    { id: "anna:42", "merged-from": ["node1", "node2"], "counted-from": "node1", suppressed: 1 },
    { id: "hash:0123456789abcdef", "merged-from": ["node1"], "counted-from": "node1", suppressed: 0 },
  ],
  replicas: [
    { node: "node1", answered: true, value: "20", digest: "a" },
    { node: "node2", answered: true, value: "19", digest: "b", "behind-ms": 40 },
    { node: "node3", answered: false, why: "it is away" },
  ],
};

test("a counter is the sum of what is settled and what each node added", () => {
  assert.deepEqual(sum_of(counter), {
    total: 20,
    terms: [
      { from: "settled before", amount: 12 },
      { from: "node1", amount: 5 },
      { from: "node2", amount: 3 },
    ],
  });
});

test("a number that was set is a term of who set it", () => {
  const origins = [
    {
      origin: "1",
      position: 1,
      sum: 2,
      effects: [effect('set "7"'), effect("add 2"), effect('set "1"', { counts: false })],
    },
    { origin: "2", position: 1, sum: 1, effects: [effect("add 1")] },
  ];
  assert.deepEqual(sum_of({ ...counter, value: "10", stable: { "left-out": 0 }, origins }), {
    total: 10,
    terms: [
      { from: "node 1", amount: 9 },
      { from: "node 2", amount: 1 },
    ],
  });
});

test("one part that is all is no sum", () => {
  assert.equal(sum_of({ ...counter, value: "12", origins: [] }), null);
});

test("parts that do not add up are no sum: nothing is drawn that is not so", () => {
  assert.equal(sum_of({ ...counter, value: "21" }), null);
  assert.equal(sum_of({ ...counter, value: "hello" }), null);
  assert.equal(sum_of({ ...counter, type: "hash" }), null);
  assert.equal(sum_of({ ...counter, value: "9007199254740993" }), null); // no double holds it
});

test("it is said who wrote, what was merged, and who says otherwise", () => {
  const said = sentences(counter);
  assert.match(
    said[0] ?? "",
    /^node1 and node2 have written here, and not every node is known to have it yet; what was written before is settled\.$/,
  );
  assert.match(said[1] ?? "", /^1 retry was recognised by its request id/);
  assert.match(said[2] ?? "", /^1 effect is crossed out/);
  assert.match(said[3] ?? "", /^node2 says something else at this moment/);
  assert.match(said[4] ?? "", /^node3 did not answer/);
  assert.equal(said.length, 5);
});

test("a key that is settled says so, and that all agree", () => {
  const of: Explanation = {
    ...counter,
    origins: [],
    ids: [],
    replicas: [
      { node: "1", answered: true, digest: "a" },
      { node: "2", answered: true, digest: "a" },
    ],
  };
  assert.deepEqual(sentences(of), [
    "Every node has all that was written here: it is settled, and no longer told apart by who wrote it.",
    "All replicas say the same.",
  ]);
  assert.match(
    sentences({ ...of, type: "none", value: null, stable: { "left-out": 0 } })[0] ?? "",
    /^Nothing is known/,
  );
});

test("replicas agree by digest: one value in one line may stand for two", () => {
  assert.deepEqual(
    counter.replicas?.map((r) => agreement(counter, r)),
    ["agrees", "differs", "silent"],
  );
  assert.equal(lag(0), "known up to now");
  assert.equal(lag(40), "known up to 40 ms ago");
  assert.equal(lag(null), "");
});

test("effects in words, and why one is no part of the value", () => {
  assert.equal(effect_words(effect('set "x"', { field: "name" })), 'name: set "x"');
  assert.equal(effect_words(effect("add", { member: "m" })), "add m");
  assert.equal(why_not(effect("add 2", { covered: true, counts: false })), "removed since");
  assert.equal(why_not(effect('set "x"', { counts: false })), "a later one wins");
  assert.equal(why_not(effect("remove all", { counts: false })), "");
  assert.equal(why_not(effect("add 2")), "");
});

test("what is settled, by element", () => {
  const parts = settled_parts({
    fields: [
      { field: "f", value: '"x"', covered: false, counts: true },
      { field: "n", sum: 3, covered: true, counts: false },
    ],
    members: [{ member: "m", covered: false, counts: true }],
    "left-out": 0,
  });
  assert.deepEqual(parts, [
    { words: 'f: "x"', why: "" },
    { words: "n: 3", why: "removed since" },
    { words: "m", why: "" },
  ]);
  assert.deepEqual(settled_parts({ "left-out": 0 }), []);
});

test("ids: only what was tried twice is merged; of an unnamed one the hash is shown", () => {
  assert.deepEqual(
    retried(counter).map((id) => id.id),
    ["anna:42"],
  );
  assert.equal(id_words("hash:0123456789abcdef"), "#01234567");
  assert.equal(id_words("anna:42"), "anna:42");
});
