// The form of the API's answers, as the page reads them: one table, for the
// fetch layer, which says when an answer differs, and for the tests.
//
// A type is "string", "number", "boolean" or "time", with "?" where null may
// stand; maybe(shape) is a shape or null, optional(shape) may not be there at
// all, [shape] is a list, an object an object.  More members than these may be
// there.

const maybe = (shape) => ({ maybe: shape });
const optional = (shape) => ({ optional: shape });

const list = (row) => ({
  data: [row], total: "number?", next_cursor: "string?",
});

const percentiles = { p50: "number?", p90: "number?", p99: "number?" };

const user = { username: "string", role: "string" };

const node = {
  id: "string", name: "string", base_url: "string", source: "string",
  state: "string", reason: "string?", until: "time?", type: "string",
  models: ["string"], models_total: "number", discovered: "boolean",
  check: "boolean", max_concurrent: "number?", weight: "number",
  notes: "string", has_api_key: "boolean", addresses: ["string"],
  in_flight: "number", waiting: "number", requests: "number",
  failures: "number", prompt_tokens: "number", completion_tokens: "number",
  tokens_per_second: "number?", load: "number?", checked_at: "time?",
  last_heartbeat: "time?", created_at: "time?",
  circuit: {
    state: "string", failures_in_a_row: "number", opened: "number",
    until: "time?",
  },
};

const key = {
  id: "string", name: "string", prefix: "string", source: "string",
  scopes: ["string"], models: maybe(["string"]), rpm: "number?",
  tpm: "number?", max_concurrent: "number?", priority: "number?",
  expires_at: "time?", auto_approve: "boolean", state: "string",
  in_flight: "number", requests: "number", prompt_tokens: "number",
  completion_tokens: "number", created_at: "time?", last_used_at: "time?",
};

const model = {
  id: "string", owned_by: "string?", created: "number?",
  nodes: [{
    id: "string", name: "string", state: "string", in_flight: "number",
    max_concurrent: "number?", tokens_per_second: "number?",
  }],
  nodes_total: "number",
  capacity: {
    max_concurrent: "number?", in_flight: "number", online_nodes: "number",
  },
  tokens_per_second: "number?",
};

const record = {
  id: "string", request_id: "string?", time: "time", router: "string?",
  endpoint: "string", model: "string?", requested_model: "string?",
  node: "string?", node_id: "string?", key: "string?", client_ip: "string?",
  stream: "boolean", status: "string", http_status: "number",
  error_code: "string?", duration_ms: "number", ttft_ms: "number?",
  queue_ms: "number?", attempts: "number", prompt_tokens: "number?",
  completion_tokens: "number?", total_tokens: "number?",
  estimated: "boolean", request_bytes: "number", response_bytes: "number",
};

const totals = {
  requests: "number", errors: "number", cancelled: "number",
  failovers: "number", queued: "number", prompt_tokens: "number",
  completion_tokens: "number",
};

const now = {
  in_flight: "number", queued: "number",
  nodes: { total: "number", online: "number" },
};

const lastMinute = {
  requests_per_s: "number", tokens_per_s: "number", error_rate: "number?",
  ttft_ms: maybe(percentiles), duration_ms: maybe(percentiles),
};

const kept = {
  source: "string", kept: "number", pending: "number", dropped: "number",
  written: "number", error: "string?",
};

const share = {
  requests: "number", errors: "number", cancelled: "number",
  prompt_tokens: "number", completion_tokens: "number",
  ttft_ms: "number?", duration_ms: "number?",
};

const columns = {
  step: "number", time: ["number"], requests: ["number"], errors: ["number"],
  cancelled: ["number"], prompt_tokens: ["number"],
  completion_tokens: ["number"],
};

export const shapes = {
  login: { expires_in: "number", user },
  me: { ...user, expires_in: "number?", default_password: "boolean" },
  version: { version: "string" },
  nodes: list(node),
  node,
  keys: list(key),
  key,
  created_key: { ...key, key: "string" },
  models: list(model),
  record,
  record_detail: {
    ...record,
    bodies: optional(maybe({ request: "string?", response: "string?" })),
  },
  history: { ...list(record), source: "string", stale: "string?" },
  stats: {
    time: "time", version: "string", uptime_s: "number", totals, now,
    last_minute: lastMinute,
    day: {
      requests: "number", errors: "number", cancelled: "number",
      prompt_tokens: "number", completion_tokens: "number",
      ttft_ms: maybe(percentiles), duration_ms: maybe(percentiles),
    },
    models: [{ model: "string?", ...share }],
    nodes: [{ id: "string?", name: "string?", ...share }],
    history: kept,
  },
  series: {
    ...columns, ttft_p50: ["number?"], ttft_p90: ["number?"],
    ttft_p99: ["number?"], duration_p50: ["number?"],
    duration_p90: ["number?"], duration_p99: ["number?"],
    in_flight: ["number"], queued: ["number"],
  },
  event_stats: {
    time: "time", totals, now, last_minute: lastMinute, history: kept,
  },
  event_request: record,
  event_skipped: { requests: "number" },
  event_node: { id: "string", name: "string?", state: "string" },
};

const SAMPLE = 3;           // rows of a list that are looked at

// what is wrong with an answer, and where; null: nothing
export function check(name, value) {
  return compare(shapes[name], value, "");
}

function compare(shape, value, where) {
  if (typeof shape === "string") return scalar(shape, value, where);
  if (shape.optional) {
    return value === undefined ? null : compare(shape.optional, value, where);
  }
  if (shape.maybe) {
    return value === null ? null : compare(shape.maybe, value, where);
  }
  if (Array.isArray(shape)) return items(shape[0], value, where);
  return members(shape, value, where);
}

function scalar(type, value, where) {
  if (value === null && type.endsWith("?")) return null;

  const plain = type.replace("?", "");
  const fits = plain === "time"
    ? typeof value === "string" && !Number.isNaN(Date.parse(value))
    : typeof value === plain;

  return fits ? null : `${where || "the answer"} is no ${plain}`;
}

function items(shape, value, where) {
  if (!Array.isArray(value)) return `${where || "the answer"} is no list`;

  for (const [i, item] of value.slice(0, SAMPLE).entries()) {
    const wrong = compare(shape, item, `${where}[${i}]`);
    if (wrong) return wrong;
  }
  return null;
}

function members(shape, value, where) {
  if (value === null || typeof value !== "object") {
    return `${where || "the answer"} is no object`;
  }

  for (const name of Object.keys(shape)) {
    const wrong = compare(shape[name], value[name],
                          where ? `${where}.${name}` : name);
    if (wrong) return wrong;
  }
  return null;
}
