// Every view, wide and on a phone, light and dark: nothing is wider than the
// window, and axe finds nothing serious.

import assert from "node:assert/strict";
import { PHONE, findings, overflow, test, until } from "../lib/browser.mjs";
import { chat } from "../lib/router.mjs";

// a view, and what is there when it is ready
const VIEWS = [
  ["overview", ".chart canvas"],
  ["nodes", ".t-nodes tr[data-row]"],
  ["nodes/new", "dialog[open]"],
  ["models", ".t-models tr[data-row]"],
  ["history", ".t-history tr[data-row]"],
  ["keys", ".t-keys tr[data-row]"],
  ["playground", ".settings option"],
];

const LOOKS = [
  ["wide and light", { width: 1280, scheme: "light" }],
  ["phone and dark", { ...PHONE, scheme: "dark" }],
];

for (const [name, look] of LOOKS) {
  test(`look: ${name}`, async (visit) => {
    await chat();
    const page = await visit("", look);

    for (const [hash, ready] of VIEWS) {
      await page.evaluate((to) => { location.hash = `#/${to}`; }, hash);
      await page.locator(ready).first().waitFor({ state: "attached" });
      await settled(page);
      assert.ok(await overflow(page) <= 0, `${hash} is wider than the window`);
      assert.deepEqual(await findings(page), [], hash);
    }
  });

  test(`look: details, ${name}`, async (visit) => {
    await chat();
    const page = await visit("#/history", look);

    await page.locator(".t-history tr[data-row] a").first().click();
    await page.getByRole("dialog").getByText("Request id").waitFor();
    await settled(page);
    assert.ok(await overflow(page) <= 0);
    assert.deepEqual(await findings(page), []);
  });

  test(`look: the login, ${name}`, async (visit) => {
    const page = await visit("", { ...look, user: null });

    await page.waitForSelector("#username");
    assert.ok(await overflow(page) <= 0);
    assert.deepEqual(await findings(page), []);
  });
}

// colors are read when nothing fades in any more
async function settled(page) {
  await until(() => page.evaluate(() => document.getAnimations().length),
              (n) => n === 0);
}

test("look: other widths hold, too", async (visit) => {
  await chat();
  const page = await visit("#/history");

  for (const width of [320, 600, 961, 1100]) {
    await page.setViewportSize({ width, height: 800 });
    for (const [hash, ready] of VIEWS) {
      await page.evaluate((to) => { location.hash = `#/${to}`; }, hash);
      await page.locator(ready).first().waitFor({ state: "attached" });
      assert.ok(await overflow(page) <= 0, `${hash} at ${width}`);
    }
  }
});

test("look: the theme is chosen, and kept", async (visit) => {
  const page = await visit("#/nodes");
  const color = () => page.evaluate(() =>
    getComputedStyle(document.body).backgroundColor);
  const button = page.getByRole("button", { name: /Theme/ });
  const light = await color();

  await button.click();
  assert.match(await button.textContent(), /light/);
  assert.equal(await color(), light);
  await button.click();
  assert.match(await button.textContent(), /dark/);
  assert.notEqual(await color(), light);

  await page.reload();
  await page.waitForSelector(".frame");
  assert.notEqual(await color(), light);
});
