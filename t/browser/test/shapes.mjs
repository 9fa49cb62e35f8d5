// The API's answers against the table that the page reads them by.

import assert from "node:assert/strict";
import { test as nodeTest } from "node:test";
import { check } from "../../../dashboard/src/lib/shapes.js";
import { ROUTER, api, chat, cookieOf } from "../lib/router.mjs";

const ANSWERS = [
  ["/auth/me", "me"], ["/version", "version"], ["/nodes", "nodes"],
  ["/keys", "keys"], ["/models", "models"], ["/history", "history"],
  ["/stats", "stats"], ["/stats/series?window=1h&step=60", "series"],
  ["/stats/series?window=6h&step=300", "series"],
  ["/stats/series?window=24h&step=900", "series"],
];

for (const [path, shape] of ANSWERS) {
  nodeTest(`shapes: GET ${path}`, async () => {
    await chat();
    assert.equal(check(shape, await api("GET", path)), null);
  });
}

nodeTest("shapes: one node, one request", async () => {
  await chat();
  const { data: [node] } = await api("GET", "/nodes");
  const { data: [record] } = await api("GET", "/history");

  assert.equal(check("node", await api("GET", `/nodes/${node.id}`)), null);
  assert.equal(check("record_detail",
                     await api("GET", `/history/${record.id}`)), null);
});

nodeTest("shapes: a login, a new key", async () => {
  const answer = await fetch(`${ROUTER}/api/auth/login`, {
    method: "POST", body: '{"username":"admin","password":"test"}',
  });
  const key = await api("POST", "/keys", { name: "of-a-shape" });

  assert.equal(check("login", await answer.json()), null);
  assert.equal(check("created_key", key), null);
  assert.equal(check("key", await api("GET", `/keys/${key.id}`)), null);
  await api("DELETE", `/keys/${key.id}`);
});

nodeTest("shapes: columns are of one length", async () => {
  const series = await api("GET", "/stats/series?window=1h&step=60");
  const lengths = Object.values(series).filter(Array.isArray)
    .map((column) => column.length);

  assert.equal(new Set(lengths).size, 1);
});

nodeTest("shapes: events", { timeout: 30_000 }, async () => {
  const control = new AbortController();
  const answer = await fetch(`${ROUTER}/api/events`, {
    headers: { cookie: await cookieOf() }, signal: control.signal,
  });
  const seen = new Set();
  let rest = "";

  assert.match(answer.headers.get("content-type"), /^text\/event-stream/);
  await chat();

  for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
    const events = (rest + chunk).split("\n\n");

    rest = events.pop();
    for (const event of events) {
      const [, type] = /^event: (.*)$/m.exec(event) ?? [];
      const [, data] = /^data: (.*)$/m.exec(event) ?? [];

      if (!type) continue;
      assert.equal(check(`event_${type}`, JSON.parse(data)), null, type);
      seen.add(type);
    }
    if (seen.has("stats") && seen.has("request")) break;
  }
  control.abort();
});

nodeTest("shapes: what differs is named", () => {
  assert.equal(check("version", { version: 1 }), "version is no string");
  assert.equal(check("nodes", { data: [{}], total: 1, next_cursor: null }),
               "data[0].id is no string");
  assert.equal(check("me", null), "the answer is no object");
});
