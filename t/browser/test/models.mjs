// The models.

import { test, until } from "../lib/browser.mjs";

test("models: with their nodes, and ways to go on", async (visit) => {
  const page = await visit("#/models");
  const row = page.locator(".t-models tr[data-row]")
    .filter({ hasText: "chat-model" });

  await until(() => row.textContent(), (text) =>
    /alpha/.test(text) && /1 of 1/.test(text) && /0 \/ 8/.test(text));
  await row.getByRole("link", { name: "Try it with chat-model" }).click();
  await until(() => page.getByLabel("Model", { exact: true }).inputValue(),
              (value) => value === "chat-model");
});
