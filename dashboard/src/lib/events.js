// The live events, /api/events: one connection for the whole page, opened
// anew when it is lost.  Nothing comes to a page that nobody sees.

import { API, get } from "./api.js";
import { setServerTime } from "./clock.js";
import { mark } from "./health.js";
import { check } from "./shapes.js";
import { store } from "./store.js";

const SILENCE = 5000;       // ms; "stats" comes each second
const FIRST_WAIT = 1000;
const LONGEST_WAIT = 10_000;
const TYPES = ["stats", "request", "skipped", "node"];

// the last "stats", and how often the connection was made: what was missed
// before is to be asked for
export const live = store(null);
export const connected = store(0);

const readers = { stats: new Set(), request: new Set(), skipped: new Set(),
                  node: new Set() };

let source = null;
let heard = 0;
let up = false;             // this connection has brought something
let wait = 0;
let again = null;
let watch = null;
let wanted = false;

export function on(type, reader) {
  readers[type].add(reader);
  return () => readers[type].delete(reader);
}

export function start() {
  wanted = true;
  watch ??= setInterval(look, 1000);
  document.addEventListener("visibilitychange", turn);
  turn();
}

export function stop() {
  wanted = false;
  clearInterval(watch);
  watch = null;
  document.removeEventListener("visibilitychange", turn);
  close();
  live.set(null);
  mark("events", null);
}

// a browser has few connections for a host: tabs behind others use none
function turn() {
  if (document.hidden) close();
  else if (wanted && !source) open();
}

function open() {
  close();
  heard = Date.now();
  up = false;
  source = new EventSource(`${API}/events`);
  source.addEventListener("error", lost);

  for (const type of TYPES) {
    source.addEventListener(type, (event) => receive(type, event.data));
  }
}

function close() {
  source?.close();
  source = null;
  clearTimeout(again);
  again = null;
}

function receive(type, text) {
  const data = parse(type, text);

  if (!up) {
    up = true;
    wait = 0;
    mark("events", null);
    connected.set(connected.get() + 1);
  }

  heard = Date.now();
  if (data === null) return;

  if (type === "stats") {
    setServerTime(data.time);
    live.set(data);
    mark("history", data.history?.error ?? null);
  }
  for (const reader of [...readers[type]]) reader(data);
}

function parse(type, text) {
  try {
    const data = JSON.parse(text);
    const wrong = check(`event_${type}`, data);

    if (wrong) mark("shape", `event ${type}: ${wrong}`);
    return data;
  } catch {
    mark("shape", `event ${type} is no JSON`);
    return null;
  }
}

function look() {
  if (source && Date.now() - heard > SILENCE) lost();
}

function lost() {
  if (!source) return;

  close();
  wait = Math.min(Math.max(wait * 2, FIRST_WAIT), LONGEST_WAIT);
  mark("events", { since: new Date(heard) });
  again = setTimeout(retry, wait);
}

// An EventSource doesn't tell why it ended; this does, and shows the login
// when that is why.
async function retry() {
  again = null;

  try {
    await get("/auth/me", "me");
  } catch {
    // said by the banner
  }
  if (wanted && !document.hidden && !source) open();
}
