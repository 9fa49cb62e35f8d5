// The API keys.

import assert from "node:assert/strict";
import { PHONE, test, until } from "../lib/browser.mjs";
import { chat, keyByName } from "../lib/router.mjs";

const row = (page, name) => page.locator(".t-keys tr[data-row]")
  .filter({ hasText: name });
const field = (page, label) =>
  page.getByRole("dialog").getByLabel(label, { exact: true });

for (const [name, look] of [["by-browser", {}], ["by-phone", PHONE]]) {
  test(`keys: one is made, used, changed, revoked, ${name}`,
       async (visit) => wholeLife(await visit("#/keys", look), name));
}

async function wholeLife(page, name) {
  await page.getByRole("button", { name: "Create a key" }).click();
  await field(page, "Name").fill(name);
  await field(page, "Requests a minute").fill("600");
  await field(page, "Models").fill("chat*, org/*");
  await page.getByRole("button", { name: "Create", exact: true }).click();

  const dialog = page.getByRole("dialog", { name: `The key ${name}` });
  const key = await dialog.locator(".secret").textContent();
  assert.match(key, /^sk-/);
  await dialog.getByRole("button", { name: "Copy the key" }).click();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), key);
  await dialog.getByRole("button", { name: "Done" }).click();
  assert.ok(!(await page.content()).includes(key), "it is shown once");

  const made = await keyByName(name);
  assert.equal(made.rpm, 600);
  assert.deepEqual(made.models, ["chat*", "org/*"]);
  assert.equal(await chat({ key }), 200);
  await until(() => row(page, name).locator(".c-requests")
    .textContent(), (text) => text.startsWith("1"));

  await page.getByRole("button", { name: `Edit ${name}` }).click();
  await field(page, "Requests a minute").fill("");
  await field(page, "Valid until").fill("2099-12-31T23:59");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  const changed = await keyByName(name);
  assert.equal(changed.rpm, null);
  assert.match(changed.expires_at, /^(2099|2100)/);
  assert.deepEqual(changed.models, ["chat*", "org/*"]);

  await page.getByRole("button", { name: `Revoke ${name}` }).click();
  await page.getByRole("dialog", { name: `Revoke ${name}?` })
    .getByRole("button", { name: `Revoke ${name}` }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.equal(await chat({ key }), 401);
  const left = await keyByName(name);
  assert.ok(left === undefined || left.state === "revoked");
}

test("keys: an error stands at its field", async (visit) => {
  const page = await visit("#/keys", { expected: /status of 400/ });

  await page.getByRole("button", { name: "Create a key" }).click();
  await field(page, "Name").fill("bad");
  await field(page, "Priority").fill("1000");
  await page.getByRole("button", { name: "Create", exact: true }).click();
  await page.waitForSelector("[name=priority][aria-invalid=true]:focus");
});
