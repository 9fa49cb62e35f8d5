// What the page says when what it shows is old.

import assert from "node:assert/strict";
import { findings, test, until } from "../lib/browser.mjs";
import { historyPages, withEvents } from "../lib/fakes.mjs";

const banner = (page, name) => page.locator(`[data-banner="${name}"]`);

test("stale: the API goes away and comes back", async (visit) => {
  const page = await visit("#/nodes", { expected: /Failed to load|ERR_/ });

  await page.locator(".t-nodes").waitFor();
  await page.route("**/api/**", (route) => route.abort());
  await banner(page, "api").waitFor();
  assert.match(await banner(page, "api").textContent(),
               /does not answer.*Check that nginx runs/);
  assert.ok(await page.locator(".t-nodes tr[data-row]").count() >= 2,
            "the last rows stay");

  assert.equal(await page.getByRole("alert").count(), 0, "it is said once");
  assert.deepEqual(await findings(page), []);

  await page.unroute("**/api/**");
  await banner(page, "api").waitFor({ state: "detached" });
});

test("stale: the events are lost and come back", async (visit) => {
  let broken = true;
  const page = await visit("#/models", {
    expected: /Failed to load|ERR_|status of 503/,
    routes: (one) => one.route("**/api/events", (route) => (broken
      ? route.fulfill({ status: 503, body: "" }) : route.continue())),
  });

  await banner(page, "events").waitFor();
  broken = false;
  await banner(page, "events").waitFor({ state: "detached" });
});

test("stale: Redis is away", async (visit) => {
  const page = await visit("#/overview", {
    routes: (one) => withEvents(one, { error: "connection refused" }),
  });

  await banner(page, "history").waitFor();
  assert.match(await banner(page, "history").textContent(),
               /Redis is away \(connection refused\)/);
});

test("stale: the history says that it is of the ring", async (visit) => {
  const page = await visit("#/history", {
    routes: async (one) => {
      await withEvents(one);
      await one.route("**/api/history?*", (route) => route.fulfill({ json: {
        data: [], total: 0, next_cursor: null, source: "ring",
        stale: "redis: timed out",
      } }));
    },
  });

  await until(() => banner(page, "history").allTextContents(),
              (all) => all.some((text) => text.includes("timed out")));
});

test("stale: an answer of another form is said so", async (visit) => {
  const page = await visit("#/history", {
    expected: /version is no string/,
    routes: async (one) => {
      await historyPages(3)(one);
      await one.route("**/api/version", (route) =>
        route.fulfill({ json: { version: 7 } }));
    },
  });

  await banner(page, "shape").waitFor();
  await page.locator(".t-history").waitFor();
});
