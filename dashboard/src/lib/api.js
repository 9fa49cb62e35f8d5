// The admin API: one function sends, whatever goes wrong is an ApiError.

import { mark } from "./health.js";
import { check } from "./shapes.js";

export const API = "/api";

const SILENCE = 20_000;     // ms until a request counts as failed
const signedOut = new Set();

export class ApiError extends Error {
  constructor(status, error = {}, retryAfter = null) {
    super(error.message || `The router answered with status ${status}`);
    this.status = status;           // 0: there was no answer
    this.code = error.code ?? null;
    this.param = error.param ?? null;
    this.retryAfter = retryAfter;   // seconds
  }
}

// calls back when a session turns out to have ended
export function onSignedOut(callback) {
  signedOut.add(callback);
}

// shape: a name in shapes.js that the answer is held against
export function get(path, shape, signal) {
  return request("GET", path, { shape, signal });
}

export function send(method, path, body, shape) {
  return request(method, path, { body, shape });
}

async function request(method, path, { body, shape, signal }) {
  const answer = await reach(method, path, body, signal);
  const json = await read(answer, signal);

  if (!answer.ok) throw failure(answer, json, path);

  const wrong = shape && check(shape, json);
  if (wrong) mark("shape", `${method} ${API}${path.split("?")[0]}: ${wrong}`);
  return json;
}

async function reach(method, path, body, signal) {
  const limit = AbortSignal.timeout(SILENCE);

  try {
    return await fetch(API + path, {
      method,
      body: body === undefined ? undefined : JSON.stringify(body),
      headers: headers(method, body),
      credentials: "same-origin",
      cache: "no-store",
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
  } catch {
    throw unreachable(signal);
  }
}

// the session's cookie alone changes nothing: another site's page could send
// it, but not this header
function headers(method, body) {
  const set = { Accept: "application/json" };

  if (method !== "GET") set["X-Requested-With"] = "llm-router";
  if (body !== undefined) set["Content-Type"] = "application/json";
  return set;
}

// null: there was no body, or no JSON
async function read(answer, signal) {
  let text;

  try {
    text = await answer.text();
  } catch {
    throw unreachable(signal);
  }

  try {
    const json = text ? JSON.parse(text) : null;
    mark("api", answer.status < 500 ? null : trouble(answer.status));
    return json;
  } catch {
    mark("api", trouble(answer.status));
    throw new ApiError(answer.status, {
      message: "What answers here is not the router's admin API",
    });
  }
}

function unreachable(signal) {
  if (signal?.aborted) return signal.reason;

  mark("api", { since: new Date(), message: "The router does not answer" });
  return new ApiError(0, { message: "The router does not answer" });
}

function trouble(status) {
  return {
    since: new Date(),
    message: `The admin API answers with status ${status}`,
  };
}

function failure(answer, json, path) {
  const after = Number(answer.headers.get("retry-after")) || null;

  if (answer.status === 401 && path !== "/auth/login") {
    for (const callback of signedOut) callback();
  }
  return new ApiError(answer.status, json?.error, after);
}
