// A browser for all tests, a page for each.  A page must have no console
// error, no violation of the Content-Security-Policy, no exception, no request
// to another host, and no answer that is not of the form it expects.

import assert from "node:assert/strict";
import { after, before, test as nodeTest } from "node:test";
import { axe, chromium } from "./modules.mjs";
import { ROUTER, cookieOf } from "./router.mjs";

const PATIENCE = 15_000;    // ms, for what is there at once on an idle machine

let browser;

before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
});

after(() => browser?.close());

// body(visit): visit() opens a page; skip: why it can't run
export function test(name, body, skip = false) {
  nodeTest(name, { timeout: 60_000, skip }, async () => {
    const open = [];

    try {
      await body(async (hash, options) => {
        const page = await visit(hash, options);
        open.push(page);
        return page;
      });
      for (const page of open) {
        await page.askShape();
        assert.deepEqual(page.problems, []);
      }
    } finally {
      for (const page of open) await page.context().close();
    }
  });
}

// user: [name, password], or null for nobody; routes(page) is called before
// anything is loaded; expected: console errors that the test brings about
export async function visit(hash = "", {
  width = 1280, height = 860, scheme = "light", router = ROUTER,
  user = ["admin", "test"], path = "/", routes, expected = null,
} = {}) {
  const context = await browser.newContext({
    viewport: { width, height }, colorScheme: scheme, acceptDownloads: true,
    permissions: ["clipboard-read", "clipboard-write"],
  });
  const page = await context.newPage();

  page.setDefaultTimeout(PATIENCE);
  page.problems = [];
  await watch(page, router, expected);
  if (user) await logIn(context, router, user);
  await routes?.(page);
  await page.goto(`${router}${path}${hash}`);
  if (user) await page.waitForSelector(".frame h1");
  return page;
}

async function watch(page, router, expected) {
  const problem = (text) => {
    if (!expected?.test(text)) page.problems.push(text);
  };

  page.askShape = async () => {
    const said = page.locator('[data-banner="shape"]');
    for (const text of await said.allTextContents()) problem(text);
  };
  page.on("console", (message) => {
    if (message.type() === "error") problem(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => problem(`exception: ${error.stack}`));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(`${router}/`) && !url.startsWith("data:")) {
      problem(`request to ${url}`);
    }
  });
  await page.exposeFunction("reportViolation", (text) => problem(text));
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) =>
      window.reportViolation(["CSP:", event.violatedDirective,
                              event.blockedURI, event.sourceFile,
                              event.lineNumber].join(" ")));
  });
}

// as a login in the page leaves it
async function logIn(context, router, [name, password]) {
  const [cookie, ...value] = (await cookieOf(router, name, password))
    .split("=");

  await context.addCookies([{ name: cookie, value: value.join("="),
                              url: router, httpOnly: true,
                              sameSite: "Strict" }]);
  await context.addInitScript(() =>
    localStorage.setItem("llm-router-logged-in", "1"));
}

// serious and critical findings of axe
export async function findings(page) {
  await page.evaluate(axe.source);

  const { violations } = await page.evaluate(() => globalThis.axe.run({
    resultTypes: ["violations"],
  }));

  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3)
      .map((node) => `${node.html.slice(0, 160)} (${node.any[0]?.message
        ?? node.all[0]?.message ?? ""})`).join("; ")}`);
}

// px that the page is wider than its window
export function overflow(page) {
  return page.evaluate(() =>
    document.documentElement.scrollWidth - innerWidth);
}

// asks until check(value) holds, and gives the value
export async function until(ask, check = Boolean, what = String(check)) {
  const end = Date.now() + PATIENCE;

  for (;;) {
    const value = await ask();
    if (check(value)) return value;
    if (Date.now() > end) {
      assert.fail(`not within ${PATIENCE} ms: ${what}, but ${
        JSON.stringify(value)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

// how a window narrower than that shows a page
export const PHONE = { width: 390, height: 844 };
