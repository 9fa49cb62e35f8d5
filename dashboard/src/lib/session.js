// Who is logged in.  The session itself is the server's HttpOnly cookie: no
// script ever sees it, and nothing of it is kept here.
//
//   undefined  it is being asked
//   null       nobody
//   { username, role, default_password }

import { get, onSignedOut, send } from "./api.js";
import { forgetKey } from "./playground_key.js";
import { store } from "./store.js";

const HINT = "llm-router-logged-in";    // says that there may be a cookie

export const session = store(undefined);

onSignedOut(() => {
  hint(false);
  session.set(null);
});

// who never logged in here needn't be asked for
export async function resume() {
  if (!hinted()) session.set(null);
  else await ask();
}

async function ask() {
  try {
    session.set(await get("/auth/me", "me"));
  } catch (error) {
    if (error.status !== 401) throw error;
  }
}

export async function login(username, password) {
  await send("POST", "/auth/login", { username, password }, "login");
  hint(true);
  await ask();
}

export async function logout() {
  try {
    await send("POST", "/auth/logout");
  } finally {
    forgetKey();
    hint(false);
    session.set(null);
  }
}

function hint(on) {
  try {
    if (on) localStorage.setItem(HINT, "1");
    else localStorage.removeItem(HINT);
  } catch {
    // no storage: it is asked each time
  }
}

function hinted() {
  try {
    return localStorage.getItem(HINT) !== null;
  } catch {
    return true;
  }
}

export function isAdmin() {
  return session.get()?.role === "admin";
}
