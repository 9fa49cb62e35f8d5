// The routers, asked without a browser.

export const ROUTER = process.env.BROWSER_ROUTER;
export const GUARDED = process.env.BROWSER_GUARDED;
export const SPARE = process.env.BROWSER_SPARE;
export const KEY = "sk-browser-test";

const sessions = new Map();

// the cookie of a user, logged in once
export async function cookieOf(router = ROUTER, username = "admin",
                               password = "test") {
  const who = `${router} ${username}`;

  if (!sessions.has(who)) {
    const answer = await fetch(`${router}/api/auth/login`, {
      method: "POST", body: JSON.stringify({ username, password }),
    });
    if (!answer.ok) throw new Error(`login: ${await answer.text()}`);
    sessions.set(who, answer.headers.get("set-cookie").split(";")[0]);
  }
  return sessions.get(who);
}

export async function api(method, path, body) {
  const answer = await fetch(`${ROUTER}/api${path}`, {
    method,
    body: body && JSON.stringify(body),
    headers: { cookie: await cookieOf(), "x-requested-with": "test" },
  });

  if (!answer.ok) {
    throw new Error(`${method} ${path}: ${await answer.text()}`);
  }
  return answer.status === 204 ? null : answer.json().catch(() => null);
}

// one chat completion, read to its end; gives the status
export async function chat({ model = "chat-model", key = KEY, mock,
                             stream } = {}) {
  const answer = await fetch(`${ROUTER}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`,
               "content-type": "application/json",
               ...(mock && { "x-mock": mock }) },
    body: JSON.stringify({ model, stream,
                           messages: [{ role: "user", content: "one two" }] }),
  });

  await answer.text();
  return answer.status;
}

export async function nodeByName(name) {
  const { data } = await api("GET", "/nodes?limit=1000");
  return data.find((node) => node.name === name);
}

export async function keyByName(name) {
  const { data } = await api("GET", "/keys?limit=1000");
  return data.find((key) => key.name === name);
}
