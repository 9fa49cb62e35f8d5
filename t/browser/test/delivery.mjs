// How the page is delivered: small, strict, from anywhere.

import assert from "node:assert/strict";
import { test as nodeTest } from "node:test";
import { test } from "../lib/browser.mjs";
import { ROUTER } from "../lib/router.mjs";

const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; "
  + "img-src 'self' data:; connect-src 'self'; font-src 'self'; "
  + "base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

nodeTest("delivery: the policy is strict, nothing is inline", async () => {
  const answer = await fetch(`${ROUTER}/`);
  const html = await answer.text();

  assert.equal(answer.headers.get("content-security-policy"), POLICY);
  assert.ok(!/<style|style=|<script(?![^>]*src=)|\son\w+=/.test(html));
  assert.ok(!/https?:/.test(html));
});

test("delivery: the first load is below 150 KB", async (visit) => {
  let total = 0;
  const page = await visit("", { user: null, routes: async (one) => {
    const session = await one.context().newCDPSession(one);
    await session.send("Network.enable");
    session.on("Network.loadingFinished", (event) => {
      total += event.encodedDataLength;
    });
  } });

  await page.waitForSelector("#username");
  await page.waitForLoadState("networkidle");
  assert.ok(total > 10_000 && total < 150_000, `${total} bytes`);
});

test("delivery: below another path", async (visit) => {
  const page = await visit("#/nodes", { path: "/panel/" });

  await page.locator(".t-nodes tr[data-row]").first().waitFor();
  assert.match(page.url(), /\/panel\/#\/nodes$/);
});
