// See screenshots.sh.

import { statSync } from "node:fs";
import { chromium } from "./lib/modules.mjs";
import { KEY, ROUTER, api, chat, cookieOf, nodeByName } from "./lib/router.mjs";

const OUT = "dashboard/screenshots";
const LIMIT = 120_000;      // bytes of a file
const PORTS = process.env.BROWSER_NODES.split(" ");
const WORK = 20_000;        // ms

const SHOTS = [
  { name: "overview", hash: "#/overview", ready: ".chart canvas" },
  { name: "nodes", hash: "#/nodes", ready: ".t-nodes tr[data-row]",
    height: 520 },
  { name: "history", hash: "#/history", ready: ".t-history tr[data-row]" },
  { name: "playground", hash: "#/playground", ready: ".settings option",
    act: play, height: 620 },
  { name: "overview-dark", hash: "#/overview", ready: ".chart canvas",
    scheme: "dark" },
  { name: "history-phone", hash: "#/history", width: 390, height: 844,
    ready: ".t-history tr[data-row]" },
];

const keys = [];

await build();
const stop = work();
await new Promise((done) => setTimeout(done, WORK));

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM, args: ["--no-sandbox"],
});

for (const shot of SHOTS) await take(shot);
await browser.close();
await stop();

// nodes of each state, and keys
async function build() {
  for (const name of ["alpha", "slow"]) {
    await api("DELETE", `/nodes/${(await nodeByName(name)).id}`);
  }
  for (const [i, port] of PORTS.entries()) {
    await api("POST", "/nodes", { name: `gpu-${i + 1}`, max_concurrent: 8,
                                  base_url: `http://127.0.0.1:${port}` });
  }
  await api("POST", "/nodes", { name: "lab", models: ["mistral-small"],
                                base_url: "http://127.0.0.1:9" });
  for (const name of ["team-a", "team-b", "nightly"]) {
    const { key } = await api("POST", "/keys", { name });
    keys.push(key);
  }
  await new Promise((done) => setTimeout(done, 2500));
  await api("POST", `/nodes/${(await nodeByName("gpu-4")).id}/drain`);
}

// clients that ask one after another
function work() {
  let running = true;
  const models = ["llama-3.1-8b", "qwen3-32b"];
  const clients = Array.from({ length: 9 }, async (_, i) => {
    for (let n = i; running; n++) {
      await chat({
        model: models[n % 2], key: keys[n % 3], stream: true,
        mock: n % 23 === 22 ? "status=400"
          : `first=${80 + n * 37 % 240};tokens=${20 + n * 31 % 60};pace=24`,
      });
    }
  });

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
  await page.route("**/api/stats/series?*", anHour);
  await page.goto(`${ROUTER}/${hash}`);
  await page.locator(ready).first().waitFor({ state: "attached" });
  await act?.(page);
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

// the last hour of a router with more to do
async function anHour(route) {
  const answer = await route.fetch();
  const series = await answer.json();
  const n = series.time.length;
  const wave = (base, more, at) => series.time.map((_, i) => Math.max(0,
    Math.round(base + more * Math.sin(i / n * 5 + at)
    + more * 0.35 * Math.sin(i * 1.7 + at) * Math.cos(i * 0.9))));

  await route.fulfill({ response: answer, json: {
    ...series,
    requests: wave(190, 70, 0), errors: wave(4, 3, 2),
    prompt_tokens: wave(31_000, 9000, 0),
    completion_tokens: wave(24_000, 8000, 0.2),
    ttft_p50: wave(190, 30, 0), ttft_p90: wave(410, 60, 0.4),
    ttft_p99: wave(880, 160, 0.8), duration_p50: wave(1400, 200, 0),
    duration_p90: wave(2600, 300, 0.4), duration_p99: wave(4100, 500, 0.8),
    in_flight: wave(11, 5, 0.3), queued: wave(2, 2, 0.6),
  } });
}
