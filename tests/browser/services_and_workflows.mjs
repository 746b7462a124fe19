// SPDX-License-Identifier: Apache-2.0
// The console of one node: who calls, and durable steps.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { button, dialog, go, heading, live, look, open, other_client, other_request, row, run } from "./page.mjs";

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
  await other_client(["FUNCTION", "LOAD", readFileSync(process.env.HOLDFAST_BANK, "utf8")], {
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
  await other_client(["FUNCTION", "LOAD", readFileSync(process.env.HOLDFAST_BANK, "utf8")]);
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

run({ services, workflows });
