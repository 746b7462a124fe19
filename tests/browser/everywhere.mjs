// SPDX-License-Identifier: Apache-2.0
// What holds for every page: width, light and dark, keys alone, weight, nobody else asked.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { base_of, eventually, go, live, look, open, other_client, other_request, run } from "./page.mjs";

async function filled() {
  await other_request("POST", "/v1/keyspaces", { name: "likes", guarantee: "eventual" });
  await other_request("POST", "/v1/keyspaces", { name: "accounts", guarantee: "strong" });
  await other_client(["FUNCTION", "LOAD", readFileSync(process.env.HOLDFAST_BANK, "utf8")]);
  await other_client(["FCALL", "accounts.open", "1", "accounts:anna"]);
  await other_client(["FCALL", "accounts.credit", "1", "accounts:anna", "1000"]);
  await other_client(["INCRBY", "likes:42", "5"]);
  await other_client([
    "HSET",
    "accounts:profile",
    "name",
    "anna",
    "a-field-with-a-rather-long-name",
    "a value that is long ".repeat(20),
  ]);
  await other_client(["SADD", "likes:s", "one", "two"]);
  await other_client(["SET", "accounts:motd", "Open until six"]);
  await other_request("PUT", "/v1/workflows/pay", {
    name: "pay",
    steps: [
      {
        name: "debit",
        call: "accounts.debit",
        keys: ["accounts:anna"],
        args: ["1"],
        undo: { call: "accounts.credit", keys: ["accounts:anna"], args: ["1"] },
      },
      { name: "paid", wait: { signal: "paid", for: "1h" } },
    ],
  });
  await other_request("POST", "/v1/workflows/pay/runs", { run: "order-17", input: { to: "bert" } });
  await other_client(["CONFIG", "SET", "slowlog-log-slower-than", "0"]);
  await other_client(["KEYS", "accounts:*"]);
  await other_client(["CONFIG", "SET", "slowlog-log-slower-than", "10000000"]);
}

const pages = {
  overview: "",
  keyspaces: "keyspaces",
  keyspace: "keyspaces/likes",
  data: "data/accounts",
  string: "key/accounts%3Amotd",
  hash: "key/accounts%3Aprofile",
  counter: "key/likes%3A42",
  services: "services",
  workflows: "workflows",
  run: "run/order-17",
  slow: "slow",
  settings: "settings",
  "no-page": "no/such/page",
};

async function every_page_in_light_and_dark_wide_and_narrow() {
  await filled();
  for (const [width, dark] of [
    [1280, false],
    [1280, true],
    [360, false],
    [360, true],
  ]) {
    const page = await open(0, { width, dark, height: width === 360 ? 740 : 900 });
    await live(page);
    for (const [name, address] of Object.entries(pages)) {
      await go(page, address);
      await page.getByRole("heading", { level: 1 }).waitFor();
      await eventually(async () => (await page.getByText("Asking the node").count()) === 0, `${name} is asked for`);
      await page.waitForTimeout(300);
      assert.equal(
        await page.getByRole("alert").count(),
        0,
        `${name}: ${await page.getByRole("alert").allInnerTexts()}`,
      );
      await look(page, `${name}-${width}-${dark ? "dark" : "light"}`);
      // Each page has a name of its own, for tabs and for who listens.
      assert.match(await page.title(), /^.+ · Holdfast$/);
    }
    await page.close();
  }
}

/** What has the focus, and whether one sees that. */
const focus = (page) =>
  page.evaluate(() => {
    const at = document.activeElement;
    const style = at && getComputedStyle(at);
    return {
      tag: at?.tagName ?? "",
      name: at?.getAttribute("aria-label") ?? at?.textContent?.trim() ?? "",
      seen: !!style && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
      dialog: !!at?.closest("dialog"),
      box: at?.getBoundingClientRect().toJSON(),
    };
  });

async function by_keys_alone() {
  await filled();
  const page = await open();
  await live(page);
  // The first key leads past the navigation.
  await page.keyboard.press("Tab");
  assert.match((await focus(page)).name, /^Skip to the page/);
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement?.id), "main");
  await go(page, "settings");
  await page.waitForTimeout(600);
  for (const address of Object.values(pages)) {
    await go(page, address);
    await page.waitForTimeout(600);
    // Another page: the focus is at its heading.
    assert.equal((await focus(page)).tag, "H1", address);
    // What lies behind the heading and takes the focus; of radio buttons the chosen one.
    const wanted = await page.evaluate(() => {
      const all = document.querySelectorAll(
        "main :is(a[href], button:not(:disabled), input, select, textarea, [tabindex='0'])",
      );
      const behind = (e) => document.querySelector("h1").compareDocumentPosition(e) & Node.DOCUMENT_POSITION_FOLLOWING;
      return [...all].filter((e) => behind(e) && !(e.type === "radio" && !e.checked)).length;
    });
    let met = 0;
    for (let i = 0; i < wanted; i++) {
      await page.keyboard.press("Tab");
      const at = await focus(page);
      assert.ok(at.seen, `${address}: one does not see that ${at.tag} ${at.name} has the focus`);
      met++;
    }
    assert.equal(met, wanted);
    // Nothing that is clicked is other than a link, a button or a field.
    const odd = await page.locator("main [onclick], main div[role=button], main span[role=button]").count();
    assert.equal(odd, 0, address);
  }
  // A dialog: opened, filled and closed by keys; the focus stays inside and goes back.
  await go(page, "keyspaces");
  const open_it = page.getByRole("button", { name: "Create keyspace" });
  await open_it.focus();
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  assert.equal(await page.evaluate(() => document.activeElement?.tagName), "INPUT", "it begins at the first field");
  for (let i = 0; i < 25; i++) {
    await page.keyboard.press("Tab");
    const at = await focus(page);
    assert.ok(at.dialog || at.tag === "BODY", `the focus left the dialog for ${at.tag} ${at.name}`);
  }
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  await eventually(async () => (await focus(page)).name === "Create keyspace", "the focus goes back to what opened it");
  await page.keyboard.press("Enter");
  await dialog.waitFor();
  await page.keyboard.type("bykeys");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "bykeys" }).waitFor();
}

async function weight_and_strictness() {
  const answer = await fetch(`${base_of(0)}/`);
  const policy = answer.headers.get("content-security-policy") ?? "";
  assert.match(policy, /default-src 'self'/);
  assert.doesNotMatch(policy, /unsafe/);
  const html = await answer.text();
  assert.doesNotMatch(html, /<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=/, "nothing inline");

  const page = await open();
  await live(page);
  // The body's bytes as they came, packed where they were.
  const measured = await page.evaluate(() => {
    const all = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")].filter(
      (e) => !new URL(e.name).pathname.startsWith("/v1/"),
    );
    return {
      files: all.map((e) => `${new URL(e.name).pathname} ${e.transferSize}`),
      bytes: all.reduce((sum, e) => sum + e.transferSize, 0),
      first_paint_ms: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null,
    };
  });
  console.log(JSON.stringify(measured));
  assert.ok(measured.bytes > 5_000 && measured.bytes < 60_000, `${measured.bytes} bytes`);
  assert.ok(
    measured.first_paint_ms !== null && measured.first_paint_ms < 1000,
    `first paint after ${measured.first_paint_ms} ms`,
  );
  // Loaded again, the files come from the browser.
  await page.reload();
  await live(page);
  const again = await page.evaluate(() =>
    performance
      .getEntriesByType("resource")
      .filter((e) => new URL(e.name).pathname.startsWith("/console/"))
      .reduce((sum, e) => sum + e.transferSize, 0),
  );
  assert.equal(again, 0, "hashed files are kept");
}

run({ every_page_in_light_and_dark_wide_and_narrow, by_keys_alone, weight_and_strictness });
