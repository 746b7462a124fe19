// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";

import { presence, troubles } from "../src/trouble";
import type { Keyspace, NodeFacts, State } from "../src/types";

const node = (id: string, more: Partial<NodeFacts> = {}): NodeFacts => ({
  id,
  state: "member",
  resp: "",
  http: "",
  mesh: "",
  "durable-position": 0,
  "joined-ms": 0,
  "heard-ms": 0,
  ...more,
});
const keyspace = (more: Partial<Keyspace>): Keyspace => ({
  name: "likes",
  id: 1,
  guarantee: "eventual",
  owner: "",
  "retain-ids": "3d",
  "require-id": "no",
  durability: "always",
  "max-ids-bytes": "0",
  "created-ms": 1,
  keys: 0,
  "memory-bytes": 0,
  ids: 0,
  "ids-bytes": 0,
  replayed: 0,
  ...more,
});
const well: State = {
  "at-ms": 1,
  node: node("1", { here: "ok" }),
  nodes: [node("1"), node("2")],
  links: [{ node: "2", connected: true, "behind-ms": 3 }],
  engine: { name: "etcd", reachable: true },
  load: { "commands-a-second": 0, "memory-bytes": 10, "memory-limit-bytes": 100 },
  runs: { running: 3, undoing: 1, stuck: 0 },
  keyspaces: [keyspace({ "behind-ms": { "2": 3 } })],
};

test("a cluster that is well has nothing to see to", () => {
  assert.deepEqual(troubles(well), []);
  // Nor has one of whose fields an older node tells none.
  assert.deepEqual(troubles({ "at-ms": 1, node: node("1") }), []);
});

test("a node without a connection is away, and it is said what to do about it", () => {
  const away: State = { ...well, links: [{ node: "2", connected: false }] };
  assert.equal(presence(away, node("2")), "away");
  assert.equal(presence(away, node("1")), "here");
  const [found, ...more] = troubles(away);
  assert.equal(more.length, 0);
  assert.match(found?.what ?? "", /^Node 2 is away/);
  assert.equal(found?.command, "redis-cli NODE REMOVE 2");
});

test("two away are told together, in the plural", () => {
  const found = troubles({
    ...well,
    links: [
      { node: "2", connected: false },
      { node: null, address: "10.0.0.3:7381", connected: false, trouble: "refused" },
    ],
  });
  assert.match(
    found[0]?.what ?? "",
    /^Node 2 and @10\.0\.0\.3:7381 are away: this node has no connection to them \(refused\)\.$/,
  );
});

test("what is bad stands before what only warns", () => {
  const found = troubles({
    ...well,
    node: node("1", { here: "strong keyspaces: etcd is out of reach" }),
    engine: { name: "etcd", reachable: false },
    runs: { running: 0, undoing: 0, stuck: 2 },
    load: { "commands-a-second": 0, "memory-bytes": 91, "memory-limit-bytes": 100, "refused-a-second": 5 },
  });
  assert.deepEqual(
    found.map((t) => t.level),
    ["bad", "bad", "warn", "warn"],
  );
  assert.match(found[0]?.what ?? "", /engine \(etcd\) is not reachable/);
  assert.match(found[1]?.what ?? "", /2 workflow runs are stuck/);
  assert.equal(found[1]?.href, "#/workflows?state=stuck");
});

test("a cluster without an engine does not miss it", () => {
  assert.deepEqual(troubles({ ...well, engine: { name: "none", reachable: false } }), []);
});

test("memory at its limit is bad, near it a warning, below it nothing", () => {
  const at = (used: number) =>
    troubles({ ...well, load: { "commands-a-second": 0, "memory-bytes": used, "memory-limit-bytes": 100 } }).map(
      (t) => t.level,
    );
  assert.deepEqual(at(100), ["bad"]);
  assert.deepEqual(at(90), ["warn"]);
  assert.deepEqual(at(89), []);
});

test("request ids near their bound, and a replica behind although it is connected", () => {
  const found = troubles({
    ...well,
    keyspaces: [keyspace({ "max-ids-bytes": "100", "ids-bytes": 95, "behind-ms": { "2": 60_000 } })],
  });
  assert.equal(found.length, 2);
  assert.equal(found[0]?.href, "#/keyspaces/likes");
  assert.match(found[1]?.what ?? "", /60 s behind node 2/);
});

test("a node that is not ready for another reason than its engine says so", () => {
  const [found] = troubles({ ...well, node: node("1", { here: "it waits for node 2", http: "10.0.0.1:7380" }) });
  assert.match(found?.what ?? "", /not ready: it waits for node 2/);
  assert.equal(found?.command, "curl -s 10.0.0.1:7380/readyz");
});
