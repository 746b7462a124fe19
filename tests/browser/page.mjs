// SPDX-License-Identifier: Apache-2.0
// A browser that looks at a node's console, and what every case needs of it.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

import { chromium } from "playwright-core";

const require = createRequire(import.meta.url);
const axe_source = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

/** Ports of the nodes, and where pictures go; console_test.py tells. */
export const told = JSON.parse(process.argv[3] ?? "{}");
export const base_of = (node) => `http://127.0.0.1:${told.nodes[node]}`;

// -- what only the one who started the nodes can do: a line out, a line back

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
export async function ask(what) {
  process.stdout.write(`@${what}\n`);
  const { value } = await lines.next();
  assert.equal(value, "done", what);
}

/** Another client than the page. */
export async function other_client(words, { node = 0, token, headers = {} } = {}) {
  const response = await fetch(`${base_of(node)}/v1/command`, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...(token ? { Authorization: `Bearer ${token}` } : {}), ...headers },
    body: JSON.stringify(words),
  });
  const told = await response.json();
  assert.ok(response.ok, `${words.join(" ")}: ${JSON.stringify(told)}`);
  return told.result;
}
export async function other_request(method, path, body, { node = 0, token } = {}) {
  const response = await fetch(base_of(node) + path, {
    method,
    headers: { "Content-Type": "application/json", ...(token ? { Authorization: `Bearer ${token}` } : {}) },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${text}`);
  return text ? JSON.parse(text) : null;
}

// -- the browser

let browser = null;
const complaints = [];

/** A tab of its own session. What a page complains of, or asks of another host, fails the case. */
export async function open(node = 0, { width = 1280, height = 900, dark = false, expect_failures = false } = {}) {
  // Root cannot have chromium's sandbox; the page is our own.
  browser ??= await chromium.launch({ executablePath: told.chromium, args: ["--no-sandbox"] });
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: dark ? "dark" : "light",
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const base = base_of(node);
  page.on("pageerror", (error) => complaints.push(`an exception: ${error.message}`));
  page.on("console", (message) => {
    const network = /Failed to load resource/.test(message.text());
    if (message.type() === "error" && !(network && expect_failures))
      complaints.push(`the page's log: ${message.text()} ${message.location().url}`);
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(base) && !request.url().startsWith("data:"))
      complaints.push(`a request to another host: ${request.url()}`);
  });
  await page.goto(`${base}/`);
  return page;
}

export const go = (page, address) => page.evaluate((to) => (location.hash = to), `#/${address}`);
export const heading = (page, name) => page.getByRole("heading", { level: 1, name, exact: true }).waitFor();
export const live = (page) => page.getByText("live", { exact: true }).waitFor();

export const button = (page, name) => page.getByRole("button", { name, exact: true });
export const dialog = (page) => page.getByRole("dialog");
export const row = (page, name) =>
  page.getByRole("row").filter({ has: page.getByRole("rowheader", { name, exact: true }) });

/** Waits until `done` answers true. */
export async function eventually(done, what, seconds = 15) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    if (await done()) return;
    assert.ok(Date.now() < end, `${what}: not within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The page as it is goes to the folder of pictures, and must have nothing that axe finds serious. */
export async function look(page, name) {
  if (told.screenshots) {
    mkdirSync(told.screenshots, { recursive: true });
    await page.screenshot({ path: `${told.screenshots}/${name}.png`, fullPage: true });
  }
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  assert.ok(overflow <= 0, `${name}: ${overflow} pixels wider than the screen`);
  await page.evaluate(axe_source);
  const found = await page.evaluate(() =>
    globalThis.axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    }),
  );
  const serious = found.violations
    .filter((v) => ["serious", "critical"].includes(v.impact))
    .map((v) => `${v.id}: ${v.help}, ${v.nodes.map((n) => n.html.slice(0, 120)).join(" | ")}`);
  assert.deepEqual(serious, [], `${name}: axe`);
}

/** Runs the case that was named; what the pages complained of meanwhile fails it. */
export async function run(cases) {
  const name = process.argv[2];
  try {
    assert.ok(cases[name], `no case ${name}`);
    await cases[name]();
    assert.deepEqual(complaints, []);
  } catch (error) {
    console.log(error);
    for (const context of browser?.contexts() ?? [])
      for (const page of context.pages()) {
        console.log(
          `--- ${page.url()}\n${(
            await page
              .locator("body")
              .innerText()
              .catch(() => "")
          ).slice(0, 2500)}`,
        );
        if (told.screenshots) await page.screenshot({ path: `${told.screenshots}/failed-${name}.png` }).catch(() => {});
      }
    process.exitCode = 1;
  }
  await browser?.close();
  process.exit();
}
