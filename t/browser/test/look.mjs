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

// where Tab leads, until it leaves the page: is it after the stop before, is it
// in sight, is it marked?
async function stops(page) {
  const found = [];

  await page.evaluate(() => { window.before = null; });
  for (;;) {
    await page.keyboard.press("Tab");
    const stop = await page.evaluate(() => {
      const now = document.activeElement;
      const { outlineStyle, outlineWidth } = getComputedStyle(now);
      const box = now.getBoundingClientRect();
      const follows = !window.before
        || Boolean(window.before.compareDocumentPosition(now)
                   & Node.DOCUMENT_POSITION_FOLLOWING);
      const same = now === window.before;

      window.before = now;
      return now === document.body ? null : {
        name: now.textContent.trim() || now.getAttribute("aria-label")
          || now.name, same, follows,
        seen: box.bottom > 0 && box.top < innerHeight && box.right > 0
          && box.left < innerWidth,
        marked: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2,
      };
    });

    if (!stop || found.length > 150) return found;
    if (!stop.same) found.push(stop);   // a date has more than one
  }
}

for (const [view, ready] of VIEWS.filter(([name]) => !name.includes("/"))) {
  test(`look: by keyboard through ${view}`, async (visit) => {
    await chat();
    const page = await visit(`#/${view}`);

    await page.locator(ready).first().waitFor({ state: "attached" });
    await page.evaluate(() => document.activeElement.blur());
    const all = await stops(page);
    assert.ok(all.length > 8 && all.length < 150, `${all.length} stops`);
    assert.equal(all[0].name, "Skip to the content");
    assert.deepEqual(all.filter(({ follows, seen, marked }) =>
      !(follows && seen && marked)), []);
  });
}

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
