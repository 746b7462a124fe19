// SPDX-License-Identifier: Apache-2.0
// The console of a node among three.
import assert from "node:assert/strict";

import { ask, eventually, go, heading, live, look, open, other_client, other_request, row, run } from "./page.mjs";

async function three_nodes_with_etcd() {
  const page = await open(0, { expect_failures: true });
  await live(page);
  for (const name of ["node2", "node3"]) await row(page, name).getByText("connected").waitFor();
  await row(page, "node1").getByText("this node").waitFor();
  await page.getByText("All is well.").waitFor();
  await look(page, "cluster-etcd-well");

  await ask("kill 2");
  await page.getByText("node3 is away", { exact: false }).waitFor();
  await row(page, "node3").getByText("away").waitFor();
  await page.getByText("redis-cli NODE REMOVE node3").waitFor();
  await ask("start 2");
  await page.getByText("All is well.").waitFor();

  // Without a majority of etcd strong keyspaces refuse: that is said, and what is still there.
  await ask("etcd-away");
  await page.getByText("The engine (etcd) is not reachable").waitFor();
  await look(page, "cluster-etcd-engine-away");
  await ask("etcd-back");
  await page.getByText("All is well.").waitFor({ timeout: 60_000 });
}

/** One id at two nodes that cannot hear each other: the picture says that it counts once. */
async function three_nodes_without_an_engine() {
  await other_request("POST", "/v1/keyspaces", { name: "likes", guarantee: "eventual" });
  for (const node of [1, 2])
    await eventually(
      async () => (await other_request("GET", "/v1/keyspaces", undefined, { node })).includes("likes"),
      `node ${node} knows likes`,
    );
  await other_client(["INCRBY", "likes:42", "10"]);
  const page = await open(0, { expect_failures: true });
  await live(page);
  await page.getByText("none: eventual keyspaces only").waitFor();
  await go(page, "key/likes%3A42");
  await page.getByText("All replicas say the same.").waitFor();

  await ask("kill 2"); // so that nothing that follows is what every node has
  await ask("kill 1");
  const id = { headers: { "Idempotency-Key": "anna:42" } };
  await other_client(["INCRBY", "likes:42", "1"], { node: 0, ...id });
  await ask("kill 0");
  await ask("start 1");
  await other_client(["INCRBY", "likes:42", "1"], { node: 1, ...id });
  await other_client(["INCRBY", "likes:42", "5"], { node: 1 });
  await ask("start 0"); // the page goes on by itself
  await page.getByText("1 retry was recognised").waitFor({ timeout: 30_000 });
  const merged = page.getByRole("table", { name: "Request ids that reached more than one node" });
  await merged.getByText("node1, node2").waitFor();
  // Of an id the nodes keep a hash; who names it finds it.
  await page.getByLabel("A request id, to find it here").fill("anna:42");
  await merged.getByText("anna:42").waitFor();
  await page.locator("pre.value").getByText("16", { exact: true }).waitFor();
  await page.getByText("node3 did not answer").waitFor();
  await look(page, "explain");
  await ask("start 2");
  await page.getByText("All replicas say the same.").waitFor();
  await page.getByText("node3 did not answer").waitFor({ state: "detached" });
  await page.getByText("Every node has all that was written here").waitFor();
  await look(page, "explain-settled");

  // The other pages say what there is not without an engine.
  await go(page, "workflows");
  await page.getByText("Workflows need an engine").waitFor();
  await look(page, "workflows-without-an-engine");
  await go(page, "keyspaces");
  await heading(page, "Keyspaces");
  await page.getByRole("button", { name: "Create keyspace" }).click();
  assert.equal(await page.getByRole("dialog").getByLabel("Guarantee").inputValue(), "eventual");
}

run({ three_nodes_with_etcd, three_nodes_without_an_engine });
