// SPDX-License-Identifier: Apache-2.0
// The console of one node.
import assert from "node:assert/strict";

import { ask, base_of, eventually, go, heading, live, look, open, other_client, other_request, run } from "./page.mjs";

const button = (page, name) => page.getByRole("button", { name, exact: true });
const dialog = (page) => page.getByRole("dialog");
const row = (page, name) => page.getByRole("row").filter({ has: page.getByRole("rowheader", { name, exact: true }) });

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

async function services() {
  const page = await open(0, { expect_failures: true });
  await live(page);
  await go(page, "services");
  await page.getByText("No service is declared").waitFor();
  await look(page, "services-none");

  // The first one: its token is shown once, and the page has signed in with it.
  await button(page, "Create service").click();
  await dialog(page).getByLabel("Name").fill("root");
  await button(dialog(page), "Create").click();
  const root = await dialog(page).locator(".token code").innerText();
  assert.match(root, /^hf_/);
  await look(page, "service-token");
  await button(dialog(page), "I have it").click();
  await row(page, "root").waitFor();
  await page.getByText("live", { exact: true }).waitFor();
  assert.ok(!(await page.content()).includes(root), "the token is shown once");

  await button(page, "Create service").click();
  await dialog(page).getByLabel("Name").fill("shop");
  await button(dialog(page), "Create").click();
  const shop = await dialog(page).locator(".token code").innerText();
  await button(dialog(page), "I have it").click();
  await row(page, "shop").waitFor();

  // What another client makes shows; functions, and who called which.
  await other_request(
    "POST",
    "/v1/keyspaces",
    { name: "accounts", guarantee: "strong", owner: "shop" },
    { token: root },
  );
  await other_client(["FUNCTION", "LOAD", (await import("node:fs")).readFileSync(process.env.HOLDFAST_BANK, "utf8")], {
    token: shop,
  });
  await row(page, "shop").getByRole("link", { name: "accounts" }).waitFor();
  await row(page, "accounts.debit").first().getByText("Takes an amount out").waitFor();
  await other_client(["FCALL", "accounts.open", "1", "accounts:anna"], { token: shop });
  await page
    .getByRole("table", { name: "Who calls which function" })
    .getByRole("columnheader", { name: "shop" })
    .waitFor();
  await look(page, "services");

  // Rotated: the new token counts, the old one no longer.
  await button(page, "Rotate the token of shop").click();
  await dialog(page).getByLabel("The present token counts for").fill("0s");
  await button(dialog(page), "Rotate").click();
  const rotated = await dialog(page).locator(".token code").innerText();
  await button(dialog(page), "I have it").click();
  assert.notEqual(rotated, shop);

  // Log out; a wrong token is told so; a service that does not administer sees its own alone.
  await go(page, "settings");
  await page.getByText("Service root, which administers").waitFor();
  await button(page, "Log out").click();
  await heading(page, "Sign in");
  await look(page, "sign-in");
  await page.getByLabel("Token of a service").fill(shop);
  await button(page, "Sign in").click();
  await page.getByText("The node does not know this token.").waitFor();
  await page.getByLabel("Token of a service").fill(rotated);
  await button(page, "Sign in").click();
  await page.getByText("live", { exact: true }).waitFor();
  await go(page, "keyspaces");
  await row(page, "accounts").waitFor();
  assert.equal(await button(page, "Create keyspace").count(), 0);
  await go(page, "services");
  await row(page, "accounts.debit").first().waitFor();
  assert.equal(await button(page, "Create service").count(), 0);
  await look(page, "services-as-shop");

  // The token lives in its tab, over a reload, and nowhere else.
  await page.reload();
  await page.getByText("live", { exact: true }).waitFor();
  const stored = await page.evaluate(() => [JSON.stringify(localStorage), document.cookie].join());
  assert.ok(!stored.includes("hf_"));

  // Dropped elsewhere: the page asks to sign in by itself.
  await other_request("POST", "/v1/services", { name: "extra" }, { token: root });
  await other_request("PATCH", "/v1/keyspaces/accounts", { owner: "extra" }, { token: root });
  await other_request("DELETE", "/v1/services/shop", undefined, { token: root });
  await go(page, "keyspaces");
  await page.reload();
  await heading(page, "Sign in");
}

const together = {
  name: "order",
  description: "Takes the money, then tells everybody",
  steps: [
    {
      name: "debit",
      call: "accounts.debit",
      keys: ["accounts:anna"],
      args: [{ from: "/input/amount" }],
      undo: { call: "accounts.credit", keys: ["accounts:anna"], args: [{ from: "/input/amount" }] },
    },
    { name: "rest", wait: { for: "200ms" } },
    { name: "paid", wait: { signal: "paid", for: "1h" } },
    {
      together: [
        {
          name: "credit",
          call: "accounts.credit",
          keys: [{ text: ["accounts:", { from: "/input/to" }] }],
          args: [{ from: "/input/amount" }],
        },
        { name: "pause", wait: { for: "100ms" } },
      ],
    },
  ],
};
const sticking = {
  name: "sticking",
  steps: [
    {
      name: "credit",
      call: "accounts.credit",
      keys: ["accounts:anna"],
      args: ["1"],
      undo: { call: "accounts.debit", keys: ["accounts:nobody"], args: ["1"] },
    },
    { name: "debit", call: "accounts.debit", keys: ["accounts:anna"], args: ["1000000"] },
  ],
};

async function workflows() {
  const page = await open(0, { expect_failures: true }); // one run is not there
  await live(page);
  await go(page, "workflows");
  await page.getByText("No workflow is declared.").waitFor();
  await look(page, "workflows-none");

  await other_request("POST", "/v1/keyspaces", { name: "accounts", guarantee: "strong" });
  await other_client(["FUNCTION", "LOAD", (await import("node:fs")).readFileSync(process.env.HOLDFAST_BANK, "utf8")]);
  for (const name of ["anna", "bert"]) await other_client(["FCALL", "accounts.open", "1", `accounts:${name}`]);
  await other_client(["FCALL", "accounts.credit", "1", "accounts:anna", "1000"]);
  for (const definition of [together, sticking])
    await other_request("PUT", `/v1/workflows/${definition.name}`, definition);
  await page.getByText("Takes the money, then tells everybody").waitFor();

  // A run is started here, waits for a signal, and goes on when it comes.
  await button(page, "Start a run of order").click();
  await dialog(page).getByLabel("Run", { exact: true }).fill("order-17");
  await dialog(page).getByLabel("Input, as JSON").fill('{"amount": 300, "to": ');
  assert.ok(await button(dialog(page), "Start").isDisabled(), "no JSON, no start");
  await dialog(page).getByLabel("Input, as JSON").fill('{"amount": 300, "to": "bert"}');
  await button(dialog(page), "Start").click();
  await heading(page, "order-17");
  await page.getByText("It waits for the signal paid.").waitFor();
  await look(page, "run-waits");
  await button(page, "Signal").click();
  await dialog(page).getByLabel("What comes with it").fill('{"by": "card"}');
  await button(dialog(page), "Signal").click();
  await page.locator(".facts").getByText("done", { exact: true }).waitFor();
  await page.getByText('"by": "card"').waitFor();
  assert.equal(await other_client(["FCALL_RO", "accounts.balance", "1", "accounts:bert"]), 300);
  await look(page, "run-done");

  // Cancelled here, begun elsewhere.
  await other_request("POST", "/v1/workflows/order/runs", { run: "order-18", input: { amount: 100, to: "bert" } });
  await go(page, "run/order-18");
  await button(page, "Cancel").click();
  await button(dialog(page), "Cancel the run").click();
  await page.locator(".facts").getByText("cancelled", { exact: true }).waitFor();
  await page.getByRole("rowheader", { name: "debit" }).first().waitFor();
  await look(page, "run-cancelled");

  // Stuck: the overview says so and leads there; retried, once the cause is mended, it ends.
  await other_request("POST", "/v1/workflows/sticking/runs", { run: "s-1", input: {} });
  await go(page, "");
  await page.getByText("1 workflow run is stuck").waitFor();
  await look(page, "overview-stuck");
  await page.getByRole("link", { name: "Show stuck runs" }).click();
  await row(page, "s-1").waitFor();
  assert.equal(await row(page, "order-17").count(), 0, "only the stuck ones");
  await look(page, "workflows");
  await page.getByRole("link", { name: "s-1" }).click();
  await page.getByText("An undo failed for good").waitFor();
  await look(page, "run-stuck");
  await other_client(["FCALL", "accounts.open", "1", "accounts:nobody"]);
  await other_client(["FCALL", "accounts.credit", "1", "accounts:nobody", "5"]);
  await button(page, "Retry").click();
  await button(dialog(page), "Retry").click();
  await page.locator(".facts").getByText("undone", { exact: true }).waitFor();
  await go(page, "");
  await page.getByText("All is well.").waitFor();
  await go(page, "run/nosuch");
  await page.getByText("There is no run nosuch").waitFor();
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

run({
  keyspaces,
  data,
  a_lost_answer_is_retried_under_its_id,
  services,
  workflows,
  slow_and_settings,
  the_node_goes_and_comes_back,
});
