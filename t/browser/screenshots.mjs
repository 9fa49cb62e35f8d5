// The screenshots of README.md, of a router with some nodes and some requests.

import { mkdirSync, statSync } from "node:fs";
import { chromium } from "./lib/modules.mjs";
import { KEY, ROUTER, SPARE, api, chat, cookieOf } from "./lib/router.mjs";

const OUT = "dashboard/screenshots";
const LIMIT = 120_000;      // bytes of a file

const SHOTS = [
  { name: "overview", hash: "#/overview", ready: ".chart canvas" },
  { name: "nodes", hash: "#/nodes", ready: ".t-nodes tr[data-row]" },
  { name: "history", hash: "#/history", ready: ".t-history tr[data-row]" },
  { name: "playground", hash: "#/playground", ready: ".settings option",
    act: play },
  { name: "overview-dark", hash: "#/overview", ready: ".chart canvas",
    scheme: "dark" },
  { name: "history-phone", hash: "#/history", scheme: "light",
    ready: ".t-history tr[data-row]", width: 390, height: 844 },
];

mkdirSync(OUT, { recursive: true });
const end = await work();
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM, args: ["--no-sandbox"],
});

for (const shot of SHOTS) await take(shot);
await browser.close();
await end();

// nodes and requests, so that there is something to see; gives what ends it
async function work() {
  const names = ["gpu-a", "gpu-b"];
  let running = true;

  await api("POST", "/nodes", { name: "spare", base_url: SPARE,
                                max_concurrent: 4 });
  for (const name of names) {
    await api("POST", "/keys", { name, rpm: 600 }).catch(() => {});
  }

  const clients = ["chat-model", "org/other:7b", "spare-model", "slow-model"]
    .map(async (model, i) => {
      while (running) {
        await chat({ model, mock: `tokens=${8 + 20 * i};first=${40 + 30 * i};`
                                  + "pace=12" });
      }
    });

  await chat({ mock: "status=400" });
  await new Promise((done) => setTimeout(done, 75_000));
  return () => {
    running = false;
    return Promise.all(clients);
  };
}

async function take({ name, hash, ready, act, scheme = "light", width = 1280,
                      height = 700 }) {
  const context = await browser.newContext({
    viewport: { width, height }, colorScheme: scheme });
  const page = await context.newPage();
  const [cookie, value] = (await cookieOf()).split(/=(.*)/s);

  await context.addCookies([{ name: cookie, value, url: ROUTER }]);
  await context.addInitScript(() =>
    localStorage.setItem("llm-router-logged-in", "1"));
  await page.goto(`${ROUTER}/${hash}`);
  await page.locator(ready).first().waitFor({ state: "attached" });
  await act?.(page);
  await page.waitForLoadState("load");
  await page.waitForTimeout(1500);    // charts and live rows
  await page.screenshot({ path: `${OUT}/${name}.png` });
  await context.close();

  const { size } = statSync(`${OUT}/${name}.png`);
  if (size > LIMIT) throw new Error(`${name}.png has ${size} bytes`);
}

async function play(page) {
  await page.getByLabel("API key").fill(KEY);
  await page.getByLabel("System prompt").fill("You are a helpful assistant.");
  await page.getByLabel("Message", { exact: true })
    .fill("What does a router do?");
  await page.keyboard.press("Enter");
  await page.waitForSelector('.answer[data-state="done"]');
}
