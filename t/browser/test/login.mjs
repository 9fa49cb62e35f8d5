// Logging in and out.

import assert from "node:assert/strict";
import { test } from "../lib/browser.mjs";
import { GUARDED } from "../lib/router.mjs";

const NOBODY = { user: null };

test("login: a wrong password is said so", async (visit) => {
  const page = await visit("", { ...NOBODY, expected: /status of 401/ });

  await page.fill("#username", "admin");
  await page.fill("#password", "wrong");
  await page.click("button[type=submit]");

  const alert = page.getByRole("alert");
  await alert.waitFor();
  assert.match(await alert.textContent(), /Wrong user name or password/);
  assert.equal(await page.locator("#password").inputValue(), "wrong");
});

test("login: admin / test, by keyboard only", async (visit) => {
  const page = await visit("", NOBODY);

  await page.waitForSelector("#username:focus");
  await page.keyboard.type("admin");
  await page.keyboard.press("Tab");
  await page.keyboard.type("test");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();

  // no script sees the session
  const kept = await page.evaluate(() =>
    JSON.stringify({ ...localStorage, ...sessionStorage })
    + document.cookie);
  const [cookie] = await page.context().cookies();
  assert.ok(cookie.httpOnly);
  assert.equal(cookie.sameSite, "Strict");
  assert.ok(!kept.includes(cookie.value));

  await page.reload();
  await page.getByRole("heading", { name: "Overview", level: 1 }).waitFor();
});

test("login: the skip link leads to the content", async (visit) => {
  const page = await visit("#/models");

  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent),
               "Skip to the content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id),
               "content");
});

test("logout: the session is over", async (visit) => {
  const page = await visit("", { ...NOBODY, expected: /status of 401/ });

  await page.fill("#username", "admin");
  await page.fill("#password", "test");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Log out" }).click();
  await page.waitForSelector("#username");

  await page.reload();
  await page.waitForSelector("#username");
  assert.equal(await page.locator(".frame").count(), 0);
});

test("a session that ended leads to the login", async (visit) => {
  const page = await visit("#/nodes", { expected: /status of 401/ });

  await page.context().clearCookies();
  await page.waitForSelector("#username");
});

test("a banner tells of the default password", async (visit) => {
  const page = await visit();

  await page.locator('[data-banner="password"]')
    .getByText("The default password is in use").waitFor();
});

test("... and is not there when another one is set", async (visit) => {
  const page = await visit("#/nodes", { router: GUARDED,
                                        user: ["boss", "browser-boss"] });

  await page.locator(".t-nodes tr[data-row]").first().waitFor();
  assert.equal(await page.locator(".banner").count(), 0);
});
