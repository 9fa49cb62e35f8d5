// The overview.

import assert from "node:assert/strict";
import { test, until } from "../lib/browser.mjs";
import { chat } from "../lib/router.mjs";

test("overview: the numbers move as requests are made", async (visit) => {
  const page = await visit("#/overview");
  const value = page.locator('[data-tile="requests"] .tile-value');
  const read = async () =>
    Number((await value.getAttribute("title")).replace(/,/g, ""));
  const before = await read();

  await chat();
  await chat();
  await until(read, (n) => n >= before + 2, "two more requests");
});

test("overview: charts are drawn, for each window", async (visit) => {
  const page = await visit("#/overview");

  await until(() => page.locator(".chart canvas").count(), (n) => n === 5);
  for (const [label, window] of [["6 hours", "6h"], ["24 hours", "24h"]]) {
    await page.getByRole("radio", { name: label }).check();
    await until(() => page.url(), (url) => url.endsWith(`window=${window}`));
    await until(() => page.locator(".chart canvas").count(), (n) => n === 5);
  }
  assert.equal(await page.locator(".note.bad").count(), 0);
});

test("overview: tables by model and node lead to the history",
     async (visit) => {
  await chat();
  const page = await visit("#/overview");

  await page.getByRole("table", { name: "Models, last 24 hours" })
    .getByRole("link", { name: "chat-model" }).click();
  await page.getByRole("heading", { name: "Request History" }).waitFor();
  assert.match(page.url(), /#\/history\?model=chat-model$/);
  assert.equal(await page.getByLabel("Model", { exact: true }).inputValue(),
               "chat-model");
});
