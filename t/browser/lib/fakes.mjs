// Answers of the API that no small router gives: long lists, events at will.

const START = Date.UTC(2026, 0, 1);

export function record(i, model = `model-${i}`) {
  return {
    id: `fake-${i}`, request_id: `r-${i}`,
    time: new Date(START + i * 1000).toISOString(), router: "host",
    endpoint: "/v1/chat/completions", model, requested_model: model,
    node: "alpha", node_id: "node-0", key: "tester", client_ip: "127.0.0.1",
    stream: true, status: "success", http_status: 200, error_code: null,
    duration_ms: 1234, ttft_ms: 210, queue_ms: 0, attempts: 1,
    prompt_tokens: 12, completion_tokens: 34, total_tokens: 46,
    estimated: false, request_bytes: 321, response_bytes: 4321,
  };
}

// a history of n records; each third page is empty, as a filter's may be
export function historyPages(n) {
  let asked = 0;

  return (page) => page.route("**/api/history?*", (route) => {
    const query = new URL(route.request().url()).searchParams;
    const from = Number(query.get("cursor") ?? n);
    const size = asked++ % 3 === 2 ? 0 : Number(query.get("limit"));
    const to = Math.max(0, from - size);
    const data = [];

    for (let i = from - 1; i >= to; i--) data.push(record(i));
    return route.fulfill({ json: {
      data, total: n, next_cursor: to ? String(to) : null, source: "ring",
      stale: null,
    } });
  });
}

// n nodes, page by page
export function nodePages(n) {
  return (page) => page.route("**/api/nodes?*", (route) => {
    const query = new URL(route.request().url()).searchParams;
    const from = Number(query.get("cursor") ?? 0);
    const to = Math.min(n, from + Number(query.get("limit")));
    const data = [];

    for (let i = from; i < to; i++) data.push(node(i));
    return route.fulfill({ json: {
      data, total: n, next_cursor: to < n ? String(to) : null,
    } });
  });
}

export function node(i, more = {}) {
  return {
    id: `node-${i}`, name: `gpu-${i}`, base_url: `http://10.0.0.1:${i}`,
    source: "api", state: i % 50 ? "online" : "offline",
    reason: i % 50 ? null : "no good answer to the last check", until: null,
    circuit: { state: "closed", failures_in_a_row: 0, opened: 0,
               until: null },
    cooldown: null, type: "vllm", models: ["llama"], models_total: 1,
    discovered: true, check: true, max_concurrent: 64, weight: 1, notes: "",
    has_api_key: false, addresses: ["10.0.0.1"], in_flight: i % 64,
    waiting: 0, requests: i, failures: 0, prompt_tokens: 0,
    completion_tokens: 0, tokens_per_second: 12.5, load: null,
    checked_at: null, last_heartbeat: null,
    created_at: "2026-01-01T00:00:00Z", ...more,
  };
}

const STATS = {
  time: new Date().toISOString(),
  totals: { requests: 1, errors: 0, cancelled: 0, failovers: 0, queued: 0,
            prompt_tokens: 1, completion_tokens: 1 },
  now: { in_flight: 0, queued: 0, nodes: { total: 1, online: 1 } },
  last_minute: { requests_per_s: 0, tokens_per_s: 0, error_rate: 0,
                 ttft_ms: null, duration_ms: null },
  history: { source: "ring", kept: 1, pending: 0, dropped: 0, written: 0,
             error: null },
};

// An EventSource that says what the test wants, and "stats" each second.
export async function withEvents(page, history = {}) {
  const stats = { ...STATS, history: { ...STATS.history, ...history } };

  await page.addInitScript((text) => {
    window.EventSource = class extends EventTarget {
      constructor() {
        super();
        window.events = this;
        this.say = (type, data) => this.dispatchEvent(
          new MessageEvent(type, { data }));
        this.timer = setInterval(() => this.say("stats", text), 500);
      }

      close() {
        clearInterval(this.timer);
      }
    };
  }, JSON.stringify(stats));
}

// a request whose model has this name
export async function sendEvent(page, type, model) {
  const data = JSON.stringify({ ...record(9000, model),
                                id: `event-${model}` });

  await page.evaluate(([name, text]) => window.events.say(name, text),
                      [type, data]);
}
