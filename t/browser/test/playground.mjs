// The playground.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { PHONE, test, until } from "../lib/browser.mjs";
import { KEY, api } from "../lib/router.mjs";

async function ask(page, model, text, key = KEY) {
  await page.getByLabel("API key").fill(key);
  await until(() => page.getByLabel("Model", { exact: true })
    .locator("option").allTextContents(), (all) => all.includes(model));
  await page.getByLabel("Model", { exact: true }).selectOption(model);
  await page.getByLabel("Message", { exact: true }).fill(text);
  await page.keyboard.press("Enter");
}

const figure = (page, name) =>
  page.locator(`.answer [data-figure="${name}"] dd`);

test("playground: an answer streams, with its figures", async (visit) => {
  const page = await visit("#/playground");

  await page.getByLabel("System prompt").fill("Be short.");
  await page.getByLabel("Temperature").fill("0.5");
  await page.getByLabel("Most tokens").fill("50");

  const [request] = await Promise.all([
    page.waitForRequest("**/v1/chat/completions"),
    ask(page, "chat-model", "one two three"),
  ]);
  const body = request.postDataJSON();
  assert.equal(body.stream, true);
  assert.equal(body.temperature, 0.5);
  assert.equal(body.max_tokens, 50);
  assert.deepEqual(body.messages, [
    { role: "system", content: "Be short." },
    { role: "user", content: "one two three" }]);

  await page.waitForSelector('.answer[data-state="done"]');
  assert.ok((await page.locator(".answer .text").textContent()).length > 0);
  assert.equal(await figure(page, "node").textContent(), "alpha");
  assert.match(await figure(page, "ttft").textContent(), /\d ms|\d s/);
  assert.match(await figure(page, "tokens").textContent(),
               /^3 read, \d+ written$/);
});

for (const [where, look] of [["", {}], [", on a phone", PHONE]]) {
  test(`playground: stops in the middle${where}`,
       async (visit) => stops(await visit("#/playground", look)));
}

async function stops(page) {
  await ask(page, "slow-model", "go on");
  const text = page.locator(".answer .text");
  await until(async () => (await text.count()) && text.textContent(),
              (now) => now && now.length > 20, "some of the answer");
  await page.getByRole("button", { name: "Stop" }).click();
  await page.waitForSelector('.answer[data-state="stopped"]');
  assert.equal(await figure(page, "node").textContent(), "slow");
  assert.match(await figure(page, "ttft").textContent(), /\d ms|\d s/);
  assert.match(await figure(page, "speed").textContent(), /^~\d/);
  await page.getByRole("button", { name: "Send" }).waitFor();

  const { data: [record] } = await until(
    () => api("GET", "/history?model=slow-model&status=cancelled"),
    ({ data }) => data.length > 0, "the router knows of it");
  assert.equal(record.stream, true);
}

test("playground: an error says what to do", async (visit) => {
  const page = await visit("#/playground", { expected: /status of 401/ });

  await ask(page, "chat-model", "hello", "sk-wrong");
  const alert = page.locator(".answer").getByRole("alert");
  await alert.waitFor();
  assert.match(await alert.textContent(), /Invalid API key.*API Keys page/);
  assert.match(await alert.textContent(), /invalid_api_key/);
  // a client's 401 is not the page's
  assert.equal(await page.locator("#username").count(), 0);
});

test("playground: copied as curl, without the key", async (visit) => {
  const page = await visit("#/playground");

  await ask(page, "chat-model", "it's me");
  await page.waitForSelector('.answer[data-state="done"]');
  await page.getByRole("button", { name: "Copy as curl" }).click();

  const text = await page.evaluate(() => navigator.clipboard.readText());
  assert.match(text, /\$API_KEY/);
  assert.ok(!text.includes(KEY));
  assert.match(text, /it'\\''s me/);

  // a shell takes it as it is
  const { stdout } = await promisify(execFile)("bash", ["-c", text], {
    env: { ...process.env, API_KEY: KEY } });
  assert.match(stdout, /chat\.completion\.chunk/);
  assert.match(stdout, /data: \[DONE\]/);
});

test("playground: the key is forgotten with the tab", async (visit) => {
  const page = await visit("#/playground");

  await page.getByLabel("API key").fill(KEY);
  const kept = await page.evaluate(() => JSON.stringify({ ...localStorage }));
  assert.ok(!kept.includes(KEY));
  await page.reload();
  await until(() => page.getByLabel("API key").inputValue(),
              (value) => value === KEY);
});
