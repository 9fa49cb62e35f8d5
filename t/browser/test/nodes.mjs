// The nodes: adding, changing, draining, removing; long lists.

import assert from "node:assert/strict";
import { PHONE, test, until } from "../lib/browser.mjs";
import { node, nodePages } from "../lib/fakes.mjs";
import { ROUTER, SPARE, api, nodeByName } from "../lib/router.mjs";

const row = (page, name) => page.locator(".t-nodes tr[data-row]")
  .filter({ has: page.getByRole("link", { name, exact: true }) });
const field = (page, label) => page.getByRole("dialog").getByLabel(label);

for (const [where, look] of [["", {}], [", on a phone", PHONE]]) {
  test(`nodes: one is added, drained, resumed, edited, removed${where}`,
       async (visit) => wholeLife(await visit("#/nodes", look)));
}

async function wholeLife(page) {
  await page.getByRole("button", { name: "Add a node" }).click();
  await field(page, "URL").fill(SPARE);
  await field(page, "Name").fill("spare");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });

  await until(() => row(page, "spare").textContent(), (text) =>
    /online/.test(text) && /spare-model/.test(text), "it is online");

  await page.getByRole("button", { name: "Drain spare" }).click();
  await row(page, "spare").getByText("draining", { exact: true }).waitFor();
  assert.equal((await nodeByName("spare")).state, "draining");
  await page.getByRole("button", { name: "Resume spare" }).click();
  await row(page, "spare").getByText("online", { exact: true }).waitFor();

  await row(page, "spare").getByRole("link").click();
  const panel = page.getByRole("dialog", { name: "spare" });
  await panel.getByRole("button", { name: "Check now spare" }).click();
  await page.getByText("spare was looked at.").waitFor();

  await panel.getByRole("button", { name: "Edit" }).click();
  await field(page, "Weight").fill("3");
  await field(page, "Notes").fill("rack 7");
  await page.getByRole("button", { name: "Save" }).click();
  await panel.getByText("rack 7").waitFor();
  const changed = await nodeByName("spare");
  assert.equal(changed.weight, 3);
  assert.equal(changed.discovered, true);

  await panel.getByRole("button", { name: "Remove" }).click();
  await page.getByRole("dialog", { name: "Remove spare?" })
    .getByRole("button", { name: "Remove spare" }).click();
  await row(page, "spare").waitFor({ state: "detached" });
  assert.equal(await nodeByName("spare"), undefined);
}

// the first try fails, and the second one's answer takes its time
test("nodes: one that is being removed is not asked for", async (visit) => {
  const { id } = await api("POST", "/nodes", { base_url: SPARE, name: "brief" });
  const asked = [];
  let tries = 0;
  const page = await visit(`#/nodes/${id}`, {
    expected: /status of 503/,
    routes: (one) => one.route(`**/api/nodes/${id}`, async (route) => {
      asked.push(route.request().method());
      if (asked.at(-1) !== "DELETE") return route.continue();
      if (++tries === 1) {
        return route.fulfill({ status: 503, json: {
          error: { message: "Not now.", code: "not_now" } } });
      }

      const response = await route.fetch();
      await page.waitForTimeout(2500);
      return route.fulfill({ response });
    }),
  });

  await page.getByRole("button", { name: "Remove", exact: true }).click();
  const sure = page.getByRole("dialog", { name: "Remove brief?" });
  await sure.getByRole("button", { name: "Remove brief" }).click();
  await sure.getByText("Not now").waitFor();
  await until(() => asked.lastIndexOf("GET") > asked.indexOf("DELETE"));

  await sure.getByRole("button", { name: "Remove brief" }).click();
  await row(page, "brief").waitFor({ state: "detached" });
  await page.getByText("brief is removed.").waitFor();
  assert.deepEqual(asked.slice(asked.lastIndexOf("DELETE")), ["DELETE"]);
});

test("nodes: one that announced itself is approved", async (visit) => {
  const page = await visit("#/nodes");
  const { key } = await api("POST", "/keys", { name: "announcer",
                                               scopes: ["node"] });
  const answer = await fetch(`${ROUTER}/api/nodes/register`, {
    method: "POST", headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({ base_url: SPARE, name: "announced" }),
  });
  assert.ok(answer.ok, await answer.text());

  await row(page, "announced").getByText("pending", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Approve announced" }).click();
  await row(page, "announced").getByText("online", { exact: true }).waitFor();

  await api("DELETE", `/nodes/${(await nodeByName("announced")).id}`);
  await row(page, "announced").waitFor({ state: "detached" });
});

test("nodes: an error stands at its field", async (visit) => {
  const page = await visit("#/nodes/new", { expected: /status of 400/ });

  await field(page, "URL").fill("ftp://nowhere");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.waitForSelector("[name=base_url][aria-invalid=true]:focus");

  await field(page, "URL").fill("http://127.0.0.1:1");
  await field(page, "Requests at once").fill("many");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.waitForSelector("[name=max_concurrent][aria-invalid=true]:focus");
  assert.match(await field(page, "Requests at once").evaluate((input) =>
    input.getAttribute("aria-describedby").split(" ").map((id) =>
      document.getElementById(id).textContent).join(" ")), /number/);

  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
});

test("nodes: what others change shows by itself", async (visit) => {
  const page = await visit("#/nodes");
  const { id } = await nodeByName("alpha");

  await row(page, "alpha").getByText("online", { exact: true }).waitFor();
  await api("POST", `/nodes/${id}/drain`);
  try {
    await row(page, "alpha").getByText("draining", { exact: true }).waitFor();
  } finally {
    await api("POST", `/nodes/${id}/resume`);
  }
  await row(page, "alpha").getByText("online", { exact: true }).waitFor();
});

test("nodes: 10,000 of them, with few rows in the page", async (visit) => {
  const page = await visit("#/nodes", { routes: nodePages(10_000) });
  const rows = page.locator(".t-nodes tr[data-row]");

  await page.getByText("10,000 nodes", { exact: true }).waitFor();
  assert.ok(await rows.count() < 120);

  await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
  await page.getByText("gpu-9999").waitFor();
  assert.ok(await rows.count() < 120);

  await page.getByLabel("Filter nodes").fill("gpu-77");
  await page.getByText("111 of 10,000 nodes").waitFor();
  await page.getByLabel("State", { exact: true }).selectOption("offline");
  await page.getByText("2 of 10,000 nodes").waitFor();

  await page.getByLabel("State", { exact: true }).selectOption("");
  await page.getByLabel("Filter nodes").fill("");
  await page.getByText("10,000 nodes", { exact: true }).waitFor();
  await page.locator(".c-load button.sort").click();
  await page.locator('th.c-load[aria-sort="ascending"]').waitFor();
  await page.locator(".c-load button.sort").click();
  await page.locator('th.c-load[aria-sort="descending"]').waitFor();
  await until(() => rows.first().locator(".c-load").textContent(),
              (text) => text.includes("63 / 64"));
  assert.ok(await rows.count() < 120);
});

test("nodes: what a name holds is text", async (visit) => {
  const name = "<img src=x onerror=alert(1)><b>bold</b>";
  const page = await visit("#/nodes", {
    routes: (one) => one.route("**/api/nodes?*", (route) => route.fulfill({
      json: { data: [node(1, { name, notes: name, models: [name] })],
              total: 1, next_cursor: null },
    })),
  });

  await page.getByRole("link", { name }).waitFor();
  assert.equal(await page.locator("td img, td b").count(), 0);
});

test("nodes: without any the page says what to do", async (visit) => {
  const page = await visit("#/nodes", { routes: nodePages(0) });

  await page.getByText("No nodes yet").waitFor();
});
