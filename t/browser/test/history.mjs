// The request history.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test, until } from "../lib/browser.mjs";
import { chat } from "../lib/router.mjs";
import { historyPages, sendEvent, withEvents } from "../lib/fakes.mjs";

const rows = (page) => page.locator(".t-history tr[data-row]");

// the page asks for the list when it opens, then only events bring rows
test("history: rows come in as requests are made", async (visit) => {
  const page = await visit("#/history?model=org/other");
  const first = rows(page).first();

  await page.locator(".t-history, .empty").first().waitFor();
  const before = await rows(page).count();

  for (let n = 1; n <= 3; n++) {
    assert.equal(await chat({ model: "org/other:7b" }), 200);
    await until(() => rows(page).count(), (all) => all === before + n,
                `${n} more rows`);
  }
  assert.match(await first.textContent(), /org\/other:7b.*alpha.*success/);
  assert.match(await first.textContent(), /tester/);
});

test("history: a row comes live, without another question",
     async (visit) => {
  let asked = 0;
  const page = await visit("#/history", {
    routes: (one) => one.route("**/api/history?*", (route) => {
      asked++;
      return route.continue();
    }),
  });

  await page.locator(".t-history, .empty").first().waitFor();
  const newest = async () => (await rows(page).count()
    ? rows(page).first().locator("a").getAttribute("href") : null);
  const before = await newest();

  await chat();
  await until(newest, (now) => now !== before, "a new row on top");
  assert.equal(asked, 1);
});

test("history: filters", async (visit) => {
  await chat();
  await chat({ mock: "status=400" });
  const page = await visit("#/history");

  await page.getByLabel("Status").selectOption("error");
  await until(() => rows(page).locator(".c-status").allTextContents(),
              (all) => all.length > 0
                && all.every((text) => text.startsWith("error")));
  assert.match(page.url(), /status=error/);

  await page.getByLabel("Model", { exact: true }).fill("no-such-model");
  await page.getByText("No request matches").waitFor();

  await page.getByLabel("Model", { exact: true }).fill("");
  await page.getByLabel("Status").selectOption("");
  await page.getByLabel("From").fill("2099-01-01T00:00");
  await until(() => page.url(), (url) => /from=2/.test(url));
  await page.getByText("No request matches").waitFor();

  // what doesn't fit stays out
  await chat();
  assert.equal(await rows(page).count(), 0);
  await page.getByRole("button", { name: "Clear" }).click();
  await until(() => rows(page).count(), (n) => n >= 2);
  assert.match(page.url(), /#\/history$/);
});

test("history: one request by keyboard only", async (visit) => {
  await chat();
  const page = await visit("#/history");

  await rows(page).first().waitFor();
  await page.getByLabel("To", { exact: true }).focus();
  await until(async () => {
    await page.keyboard.press("Tab");
    return page.evaluate(() => Boolean(document.activeElement
      .closest(".t-history")));
  });
  await page.keyboard.press("Enter");

  const dialog = page.getByRole("dialog", { name: "Request" });
  await dialog.waitFor();
  await until(() => dialog.textContent(), (text) =>
    ["Tokens read", "Endpoint", "/v1/chat/completions", "chat-model", "tester",
     "Request id", "alpha"].every((part) => text.includes(part)));
  assert.match(page.url(), /#\/history\/[^?]+$/);

  // the focus stays inside
  for (let i = 0; i < 12; i++) {
    await page.keyboard.press("Tab");
    assert.ok(await page.evaluate(() => document.activeElement === document.body
      || Boolean(document.activeElement.closest("dialog"))));
  }

  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  assert.ok(await page.evaluate(() => Boolean(document.activeElement
    .closest(".t-history"))), "the focus is back at the row");
});

test("history: a request that is no more is said so", async (visit) => {
  const page = await visit("#/history/none-0", { expected: /status of 404/ });

  await page.getByRole("dialog").getByRole("alert").waitFor();
});

test("history: export as CSV and JSON, filtered", async (visit) => {
  await chat({ model: "org/other:7b" });
  const page = await visit("#/history?model=org/other:7b");

  await rows(page).first().waitFor();
  const csv = await download(page, "CSV");
  const [head, ...lines] = csv.trim().split(/\r?\n/);
  assert.match(head, /\bid\b.*\bmodel\b/);
  assert.ok(lines.length > 0);
  assert.ok(lines.every((line) => line.includes("org/other:7b")));

  const json = JSON.parse(await download(page, "JSON"));
  const records = json.data ?? json;
  assert.equal(records.length, lines.length);
  assert.ok(records.every((record) => record.model === "org/other:7b"));
}, "the API has no export yet, and the page no button");

async function download(page, name) {
  const [file] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: `Export as ${name}` }).click(),
  ]);

  return readFile(await file.path(), "utf8");
}

test("history: endless, with few rows in the page", async (visit) => {
  const page = await visit("#/history", { routes: historyPages(1500) });

  await rows(page).first().waitFor();
  await until(async () => {
    await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
    return rows(page).last().textContent();
  }, (text) => /model-0(?!\d)/.test(text));
  await page.getByText("This is the oldest one that is kept").waitFor();
  assert.ok(await rows(page).count() < 120);
  assert.equal(await page.locator(".t-history").getAttribute("aria-rowcount"),
               "1501");
});

test("history: what is read does not move; new rows are counted",
     async (visit) => {
  const page = await visit("#/history", { routes: async (one) => {
    await withEvents(one);
    await historyPages(300)(one);
  } });

  await rows(page).first().waitFor();
  await sendEvent(page, "request", "live-1");
  await page.getByText("live-1").waitFor();

  await page.evaluate(() => scrollTo(0, 2000));
  await page.getByText("live-1").waitFor({ state: "detached" });
  const before = await rows(page).first().textContent();
  await sendEvent(page, "request", "live-2");
  await page.getByRole("button", { name: "1 new" }).waitFor();
  assert.equal(await rows(page).first().textContent(), before);

  await page.getByRole("button", { name: "1 new" }).click();
  await until(() => page.evaluate(() => scrollY), (y) => y === 0);
});
