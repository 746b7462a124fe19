// SPDX-License-Identifier: Apache-2.0
// The lab's page: every scene as it plays by itself, and a cluster that is broken by click and by keys.
import assert from "node:assert/strict";

import { eventually, look, open, run } from "./page.mjs";

const verdict = (page) => page.locator("#verdict").innerText();
const says = (page, what, seconds = 60) =>
  eventually(async () => what.test(await verdict(page)), `the verdict says ${what}`, seconds);
const thing = (page, name) => page.locator(`#picture [data-name="${name}"]`);
const act = (page, name) => page.locator("#panel").getByRole("button", { name, exact: true }).click();

async function there(page) {
  await page.locator("#cluster").filter({ hasText: "nodes" }).waitFor();
  await thing(page, "node3").waitFor();
}

/** The end of a scene, as it is told. */
async function result(page) {
  await page.locator("#result").waitFor({ timeout: 120_000 });
  return page.locator("#result-loads").innerText();
}

/** Each breaks and heals by itself, holds what it promises, and says so in words. */
async function every_scene() {
  const page = await open();
  await there(page);
  const strong = await page.locator("[data-scene=accounts]").isEnabled();
  const scenes = {
    likes: [/cut off: it accepted [\d,]+ likes/, /none lost, none twice/],
    ...(strong ? { accounts: [/refused [\d,]+ strong/, /sum of all accounts never changed/] } : {}),
    ...(strong ? { both: [/accepted [\d,]+ likes, refused [\d,]+ strong/, /no strong read was stale/] } : {}),
    retry: [/cut .*accepted [\d,]+ counts/, /with request ids .* exact; without ids .* too many/],
  };
  for (const [scene, [broken, end]] of Object.entries(scenes)) {
    await page.locator(`[data-scene=${scene}]`).click();
    await says(page, broken);
    await page.waitForTimeout(2_500); // for a picture in which something has happened
    await look(page, `lab-${scene}-broken`);
    const told = await result(page);
    assert.match(told, end, scene);
    assert.doesNotMatch(told, /broken/, scene);
    await look(page, `lab-${scene}-end`);
  }
}

/** A link cut by click, a node killed by keys alone; the page shows it at once, and all is mended by one button. */
async function broken_by_hand() {
  const page = await open();
  await there(page);
  await page.getByLabel("breaks and heals by itself").uncheck();
  await page.locator("[data-scene=likes]").click();
  await thing(page, "node1-node2").click({ force: true });
  await act(page, "Cut");
  await says(page, /node1-node2 is cut/);
  await thing(page, "node3").focus();
  await page.keyboard.press("Enter");
  await page.locator("#panel-title").filter({ hasText: "node3" }).waitFor();
  await page.keyboard.press("Tab"); // Pause
  await page.keyboard.press("Tab"); // Kill
  await page.keyboard.press("Enter");
  await says(page, /node3 is killed/);
  await look(page, "lab-broken-by-hand");
  await page.getByRole("button", { name: "Mend everything" }).click();
  await says(page, /healed/);
  await page.getByRole("button", { name: "End it" }).click();
  assert.match(await result(page), /held/);
}

async function narrow_and_dark() {
  const page = await open(0, { width: 360, height: 780, dark: true });
  await there(page);
  await look(page, "lab-narrow-dark");
}

await run({ every_scene, broken_by_hand, narrow_and_dark });
