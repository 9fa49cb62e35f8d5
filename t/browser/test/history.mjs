// The request history.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { check } from "../../../dashboard/src/lib/shapes.js";
import { PHONE, test, until } from "../lib/browser.mjs";
import { chat } from "../lib/router.mjs";
import { historyPages, record, sendEvent,
         withEvents } from "../lib/fakes.mjs";

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
  await intoTable(page);
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
  assert.equal(await page.evaluate(() => document.activeElement
    .closest(".t-history") ? "" : document.activeElement.outerHTML), "",
    "the focus is back at the row");
});

async function intoTable(page) {
  await until(async () => {
    await page.keyboard.press("Tab");
    return page.evaluate(() => Boolean(document.activeElement
      .closest(".t-history")));
  });
}

test("history: a request that is no more is said so", async (visit) => {
  const page = await visit("#/history/none-0", { expected: /status of 404/ });

  await page.getByRole("dialog").getByRole("alert").waitFor();

  // nothing was typed or clicked before: a browser closes it without asking
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await until(() => page.url(), (url) => url.endsWith("#/history"));
});

test("history: bodies are shown, as text", async (visit) => {
  const id = "fake-1";
  const page = await visit(`#/history/${id}`, {
    routes: (one) => one.route(`**/api/history/${id}`, (route) =>
      route.fulfill({ json: { ...record(1), bodies: {
        request: '{"model":"m","messages":[]}',
        response: "<img src=x onerror=alert(1)> half an answ",
      } } })),
  });
  const dialog = page.getByRole("dialog");

  await dialog.locator("pre").first().waitFor();
  assert.deepEqual(await dialog.locator("pre").allTextContents(), [
    '{\n  "model": "m",\n  "messages": []\n}',
    "<img src=x onerror=alert(1)> half an answ",
  ]);
  assert.equal(await dialog.locator("img").count(), 0);
});

test("history: filters on a phone", async (visit) => {
  await chat();
  const page = await visit("#/history", PHONE);

  await rows(page).first().waitFor();
  await page.getByRole("button", { name: "Filters" }).click();
  await page.getByLabel("Model", { exact: true }).fill("no-such-model");
  await page.getByText("No request matches").waitFor();
  assert.equal(await page.getByRole("button", { name: "Filters (1)" })
    .getAttribute("aria-expanded"), "true");
});

test("history: export as JSON and CSV, with the filters", async (visit) => {
  for (const model of ["org/other:7b", "chat-model", "org/other:7b"]) {
    await chat({ model });
  }
  await chat({ model: "org/other:7b", mock: "status=400" });
  const page = await visit("#/history?model=org/other");

  await page.getByLabel("Status").selectOption("success");
  await until(() => page.url(), (url) => /status=success/.test(url));
  const json = await download(page, "JSON");
  const { data, total } = JSON.parse(json.text);
  assert.match(json.name, /\.json$/);
  assert.ok(data.length >= 2);
  assert.equal(total, data.length);
  for (const one of data) {
    assert.deepEqual([one.model, one.status], ["org/other:7b", "success"]);
    assert.equal(check("record", one), null);
  }

  const csv = await download(page, "CSV");
  const [head, ...lines] = csv.text.trim().split(/\r?\n/);
  assert.match(csv.name, /\.csv$/);
  assert.deepEqual(head.split(",").sort(), Object.keys(data[0]).sort());
  const at = head.split(",").indexOf("id");
  assert.deepEqual(
    lines.map((line) => line.split(",")[at].replaceAll('"', "")),
    data.map(({ id }) => id));
});

async function download(page, name) {
  const [file] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: `Export as ${name}` }).click(),
  ]);

  return { name: file.suggestedFilename(),
           text: await readFile(await file.path(), "utf8") };
}

for (const [name, look] of [["wide", {}], ["on a phone", PHONE]]) {
  test(`history: an error's code can be read, ${name}`, async (visit) => {
    const codes = ["rate_limit_exceeded", "service_unavailable",
                   "authentication_error"];
    const data = codes.map((error_code, i) => ({
      ...record(i), status: "error", http_status: 500, error_code }));
    const page = await visit("#/history", { ...look, routes: (one) =>
      one.route("**/api/history?*", (route) => route.fulfill({ json: {
        data, total: 3, next_cursor: null, source: "ring", stale: null,
      } })) });

    await rows(page).first().waitFor();
    assert.deepEqual(await page.locator(".t-history .badge-text")
      .evaluateAll((all) => all.map((one) =>
        [one.textContent, one.scrollWidth - one.clientWidth])),
      codes.map((code) => [`error ${code}`, 0]));
    for (const box of await page.locator(".t-history .badge, .t-history td")
      .evaluateAll((all) => all.map((one) => {
        const { left, right } = one.getBoundingClientRect();
        return { left, right };
      }))) assert.ok(box.left >= 0 && box.right <= (look.width ?? 1280));
  });
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

test("history: nothing moves while the keyboard is in a row",
     async (visit) => {
  const page = await visit("#/history", { routes: async (one) => {
    await withEvents(one);
    await historyPages(300)(one);
  } });

  await rows(page).first().waitFor();
  await page.getByRole("link", { name: "Export as JSON" }).focus();
  await intoTable(page);
  const before = await page.evaluate(() => document.activeElement.href);
  await sendEvent(page, "request", "live-3");
  await page.getByRole("button", { name: "1 new" }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.href), before);
  assert.equal(await page.getByText("live-3").count(), 0);
});

test("history: a row that comes while the list is asked for is not lost",
     async (visit) => {
  let asked, answer;
  const asking = new Promise((resolve) => { asked = resolve; });
  const held = new Promise((resolve) => { answer = resolve; });
  const page = await visit("#/history", { routes: async (one) => {
    await withEvents(one);
    await historyPages(50)(one);
    await one.route("**/api/history?*", async (route) => {
      asked();
      await held;
      await route.fallback();
    });
  } });

  await asking;
  await until(() => page.evaluate(() => Boolean(window.events)));
  await sendEvent(page, "request", "early");
  // longer than the page gathers events
  await page.evaluate(() => new Promise((done) => { setTimeout(done, 300); }));
  answer();
  await page.getByText("early", { exact: true }).waitFor();
  assert.match(await rows(page).nth(1).textContent(), /model-49/);
});
