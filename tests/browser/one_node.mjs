// SPDX-License-Identifier: Apache-2.0
// The console of one node.
import assert from "node:assert/strict";

import {
  ask,
  base_of,
  button,
  dialog,
  go,
  heading,
  live,
  look,
  open,
  other_client,
  other_request,
  row,
  run,
} from "./page.mjs";

async function keyspaces() {
  const page = await open(0, { expect_failures: true }); // one change is refused
  await live(page);
  await go(page, "keyspaces");
  await button(page, "Create keyspace").click();
  await dialog(page).getByLabel("Name").fill("likes");
  await dialog(page).getByLabel("Guarantee").selectOption("eventual");
  await dialog(page).getByLabel("Remember request ids for").fill("2h");
  await look(page, "keyspace-create");
  await button(dialog(page), "Create").click();
  await heading(page, "likes"); // the form leads to what it made
  assert.equal((await other_request("GET", "/v1/keyspaces/likes"))["retain-ids"], "2h");

  // Only what was changed is altered: what another client altered meanwhile stays.
  await button(page, "Alter").click();
  await other_request("PATCH", "/v1/keyspaces/likes", { durability: "everysec" });
  await dialog(page).getByLabel("Require a request id").check();
  await button(dialog(page), "Alter").click();
  await page.getByText("Altered keyspace likes").waitFor();
  const altered = await other_request("GET", "/v1/keyspaces/likes");
  assert.deepEqual([altered["require-id"], altered.durability], ["yes", "everysec"]);

  // What another client makes and takes away shows by itself.
  await go(page, "keyspaces");
  await other_request("POST", "/v1/keyspaces", { name: "accounts", guarantee: "strong" });
  await row(page, "accounts").getByText("strong").waitFor();
  await other_request("DELETE", "/v1/keyspaces/accounts");
  await row(page, "accounts").waitFor({ state: "detached" });

  // Ids: one remembered, replayed and reused.
  for (const words of [
    ["SET", "likes:a", "1"],
    ["SET", "likes:a", "1"],
  ])
    await other_client(words, { headers: { "Idempotency-Key": "one" } });
  await go(page, "keyspaces/likes");
  await page.getByText("1: retries that got the first reply").waitFor();
  await look(page, "keyspace");

  // Dropping asks for the name.
  await button(page, "Drop").click();
  const drop = button(dialog(page), "Drop likes");
  assert.ok(await drop.isDisabled());
  await dialog(page).getByLabel("Type likes to confirm").fill("like");
  assert.ok(await drop.isDisabled());
  await dialog(page).getByLabel("Type likes to confirm").fill("likes");
  await look(page, "keyspace-drop");
  await drop.click();
  await page.getByText("Dropped keyspace likes").waitFor();
  await row(page, "likes").waitFor({ state: "detached" });
  assert.deepEqual(await other_request("GET", "/v1/keyspaces"), ["default"]);

  // A refusal says why, and that nothing was changed.
  await button(page, "Create keyspace").click();
  await dialog(page).getByLabel("Name").fill("x");
  await dialog(page).getByLabel("Owner").fill("nobody-knows");
  await button(dialog(page), "Create").click();
  await dialog(page).getByRole("alert").getByText("Nothing was changed.").waitFor();
  await page.keyboard.press("Escape");
  await dialog(page).waitFor({ state: "detached" });
}

async function data() {
  await other_request("POST", "/v1/keyspaces", { name: "likes", guarantee: "eventual" });
  await other_request("POST", "/v1/keyspaces", { name: "accounts", guarantee: "strong" });
  await other_client(["MSET", "plain", "1", "other", "2"]);
  for (let i = 0; i < 250; i++) await other_client(["SET", `accounts:${i}`, "0"]);
  const page = await open(0, { expect_failures: true });
  await live(page);

  await go(page, "data/accounts");
  await page.getByText("200 keys, and perhaps more").waitFor();
  await button(page, "Look for more").click();
  await page.getByText("250 keys", { exact: true }).waitFor();
  await page.getByLabel("Key begins with, or pattern").fill("24");
  await page.getByText("11 keys", { exact: true }).waitFor();
  assert.match(page.url(), /#\/data\/accounts\?pattern=24$/); // can be kept and sent
  await look(page, "data");
  await page.getByLabel("Type").selectOption("hash");
  await page.getByText("No key is like that.").waitFor();
  // Keys without a declared keyspace are default's, and no others.
  await go(page, "data/default");
  await page.getByText("2 keys", { exact: true }).waitFor();

  // A key is made; what another client writes shows by itself.
  await go(page, "data/accounts");
  await button(page, "New key").click();
  await dialog(page).getByLabel("Key").fill("accounts:motd");
  await dialog(page).getByLabel("Value").fill("Open until six");
  await button(dialog(page), "Set").click();
  await heading(page, "accounts:motd");
  await page.getByText("Open until six", { exact: true }).waitFor();
  await other_client(["SET", "accounts:motd", "Closed"]);
  await page.getByText("Closed", { exact: true }).waitFor();

  // A change of a strong value depends on the version that one looked at.
  await button(page, "Edit").click();
  await other_client(["SET", "accounts:motd", "Closed today"]);
  await dialog(page).getByLabel("Value").fill("mine");
  await button(dialog(page), "Save").click();
  await dialog(page).getByText("Somebody changed the value meanwhile.").waitFor();
  await look(page, "value-changed-meanwhile");
  await page.keyboard.press("Escape");
  await page.getByText("Closed today", { exact: true }).waitFor();
  await button(page, "Edit").click();
  await dialog(page).getByLabel("Value").fill("ä & <b>\n2");
  await button(dialog(page), "Save").click();
  await page.getByText("Saved accounts:motd").waitFor();
  assert.equal(await other_client(["GET", "accounts:motd"]), "ä & <b>\n2");
  await look(page, "value-strong");

  // Bytes are shown as bytes, and not offered for editing.
  await fetch(`${base_of(0)}/v1/values/accounts:bytes`, {
    method: "PUT",
    body: new Uint8Array([0, 255, 65]),
    headers: { "Content-Type": "application/octet-stream" },
  });
  await go(page, "key/accounts%3Abytes");
  await page.getByText("00 ff 41").waitFor();
  assert.equal(await button(page, "Edit").count(), 0);

  // Every type: fields and members.
  await other_client(["HSET", "accounts:h", "name", "anna", "n", "3"]);
  await go(page, "key/accounts%3Ah");
  await button(page, "Add to field n").click();
  await dialog(page).getByLabel("Number").fill("4");
  await button(dialog(page), "Add").click();
  await row(page, "n").getByText("7", { exact: true }).waitFor();
  await button(page, "Remove field name").click();
  await button(dialog(page), "Remove").click();
  await row(page, "name").waitFor({ state: "detached" });
  await look(page, "value-hash");
  await other_client(["SADD", "likes:s", "a", "b"]);
  await go(page, "key/likes%3As");
  await button(page, "Add a member").click();
  await dialog(page).getByLabel("Member").fill("c");
  await button(dialog(page), "Add").click();
  await row(page, "c").waitFor();
  await button(page, "Remove member a").click();
  await button(dialog(page), "Remove").click();
  await row(page, "a").waitFor({ state: "detached" });
  assert.deepEqual((await other_client(["SMEMBERS", "likes:s"])).sort(), ["b", "c"]);
  await look(page, "value-set");
  await other_client(["ZADD", "likes:top", "3", "anna", "1.5", "bert"]);
  await go(page, "key/likes%3Atop");
  await button(page, "Add a member").click();
  await dialog(page).getByLabel("Member").fill("carl");
  await dialog(page).getByLabel("Score").fill("2");
  await button(dialog(page), "Save").click();
  await row(page, "carl").waitFor();
  await button(page, "Edit the score of bert").click();
  await dialog(page).getByLabel("Score").fill("7");
  await button(dialog(page), "Save").click();
  await row(page, "bert").getByText("7", { exact: true }).waitFor();
  await button(page, "Remove member anna").click();
  await button(dialog(page), "Remove").click();
  await row(page, "anna").waitFor({ state: "detached" });
  assert.deepEqual(await other_client(["ZRANGE", "likes:top", "0", "-1"]), ["carl", "bert"]);
  await look(page, "value-zset");
  await other_client(["RPUSH", "queue", "one", "two", "one"]);
  await go(page, "key/queue");
  await button(page, "Add an item").click();
  await dialog(page).getByLabel("Item").fill("zero");
  await dialog(page).getByLabel("Where").selectOption("LPUSH");
  await button(dialog(page), "Add").click();
  await row(page, "zero").waitFor();
  await button(page, "Remove item two").click();
  await button(dialog(page), "Remove").click();
  await row(page, "two").waitFor({ state: "detached" });
  assert.deepEqual(await other_client(["LRANGE", "queue", "0", "-1"]), ["zero", "one", "one"]);
  await look(page, "value-list");
  await go(page, "key/likes%3As");
  await button(page, "Remove").click();
  await button(dialog(page), "Remove").click();
  await page.getByText("There is no such key now.").waitFor();
  await look(page, "value-none");
}

/** The answer is lost on its way: the page says that nobody knows, and the next try carries the same request id. */
async function a_lost_answer_is_retried_under_its_id() {
  await other_request("POST", "/v1/keyspaces", { name: "accounts", guarantee: "strong" });
  await other_client(["SET", "accounts:n", "10"]);
  const page = await open(0, { expect_failures: true });
  await live(page);
  await go(page, "key/accounts%3An");
  const keys = [];
  let lose = true;
  await page.route("**/v1/command", async (route) => {
    if (!/INCRBY/.test(route.request().postData() ?? "")) return route.continue();
    keys.push(route.request().headers()["idempotency-key"]);
    if (!lose) return route.continue();
    lose = false;
    await route.fetch(); // it arrives, and takes effect
    return route.abort();
  });
  await button(page, "Add to it").click();
  await dialog(page).getByLabel("Number").fill("5");
  await button(dialog(page), "Add").click();
  await dialog(page).getByText("It may have happened or not.").waitFor();
  await look(page, "lost-answer");
  await button(dialog(page), "Try again").click();
  await page.getByText("An earlier try had arrived").waitFor();
  assert.equal(keys.length, 2);
  assert.match(keys[0], /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  assert.equal(keys[0], keys[1]);
  assert.equal(await other_client(["GET", "accounts:n"]), "15");
  // The next change is another one.
  await button(page, "Add to it").click();
  await dialog(page).getByLabel("Number").fill("5");
  await button(dialog(page), "Add").click();
  await page.getByText("20", { exact: true }).first().waitFor();
  assert.notEqual(keys[2], keys[0]);
}

async function slow_and_settings() {
  const page = await open();
  await live(page);
  await go(page, "slow");
  await page.getByText("No command was slow.").waitFor();
  await look(page, "slow-none");
  await other_client(["CONFIG", "SET", "slowlog-log-slower-than", "0"]);
  await other_client(["KEYS", "motd*"]);
  await page.getByText("KEYS motd*").first().waitFor();
  await look(page, "slow");
  await other_client(["CONFIG", "SET", "slowlog-log-slower-than", "10000000"]);
  await button(page, "Forget them").click();
  await button(dialog(page), "Forget").click();
  await page.getByText("No command was slow.").waitFor();

  await go(page, "settings");
  await page.getByText("Nobody signs in here").waitFor();
  await page.getByLabel("Name contains").fill("slowlog");
  await row(page, "slowlog-log-slower-than").getByText("10000000").waitFor();
  await other_client(["CONFIG", "SET", "slowlog-log-slower-than", "20000000"]);
  await row(page, "slowlog-log-slower-than").getByText("20000000").waitFor();
  // The theme is switched, and kept.
  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await ground();
  await page.getByRole("radio", { name: "dark" }).check();
  assert.notEqual(await ground(), light);
  await look(page, "settings-dark-by-switch");
  await page.reload();
  await live(page);
  assert.notEqual(await ground(), light);
}

/** Killed and started again while the page is open: it says so plainly, and goes on by itself. */
async function the_node_goes_and_comes_back() {
  const page = await open(0, { expect_failures: true });
  await live(page);
  await ask("kill 0");
  await page.getByRole("alert").getByText("This page goes on by itself when the node is back.").waitFor();
  await page.getByText("not answering").waitFor();
  await look(page, "node-gone");
  await ask("start 0");
  await page.getByText("All is well.").waitFor();
  await live(page);
  assert.equal(await page.getByRole("alert").count(), 0);
  // Stopped gracefully the stream ends at once.
  await ask("stop 0");
  await page.getByText("not answering").waitFor();
  await ask("start 0");
  await live(page);
  // Alive, but silent: it stands still.
  await ask("pause 0");
  await page.getByRole("alert").getByText("has said nothing for five seconds").waitFor();
  await ask("resume 0");
  await live(page);
}

run({ keyspaces, data, a_lost_answer_is_retried_under_its_id, slow_and_settings, the_node_goes_and_comes_back });
