// Who may only look sees nothing to change with.

import assert from "node:assert/strict";
import { test } from "../lib/browser.mjs";
import { GUARDED } from "../lib/router.mjs";

const VIEWER = { router: GUARDED, user: ["guest", "browser-guest"] };
const ADMIN = { router: GUARDED, user: ["boss", "browser-boss"] };
const CHANGES =
  /^(Add|Create|Drain|Resume|Check|Edit|Remove|Revoke|Approve)\b/;

async function changing(page) {
  const buttons = page.locator("main button, main a, dialog button");
  return (await buttons.allTextContents())
    .filter((text) => CHANGES.test(text.trim()));
}

async function everywhere(visit, who) {
  const found = [];

  for (const [view, ready] of [["nodes", "alpha"], ["keys", "tester"]]) {
    const page = await visit(`#/${view}`, who);

    await page.locator(`.t-${view}`).getByText(ready, { exact: true })
      .waitFor();
    found.push(...await changing(page));
    if (view !== "nodes") continue;
    await page.getByRole("link", { name: "alpha", exact: true }).click();
    await page.getByRole("dialog").getByText("Weight").waitFor();
    found.push(...await changing(page));
  }
  return found;
}

test("viewer: no button that changes something", async (visit) => {
  assert.deepEqual(await everywhere(visit, VIEWER), []);
});

test("viewer: an admin has them", async (visit) => {
  assert.ok((await everywhere(visit, ADMIN)).length >= 6);
});

test("viewer: the page of a new node is none for a viewer", async (visit) => {
  const page = await visit("#/nodes/new", VIEWER);

  await page.locator(".t-nodes").waitFor();
  assert.equal(await page.getByRole("dialog").count(), 0);
});
