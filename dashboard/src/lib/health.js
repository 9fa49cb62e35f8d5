// What the page knows to be out of order; the banners show it.  null: well.
//
//   api      { since, message }  the last request to the API failed
//   events   { since }           no live events come
//   history  "why"               Redis is away
//   shape    "what"              an answer is not of the form expected

import { store } from "./store.js";

export const health = store({
  api: null, events: null, history: null, shape: null,
});

export function mark(what, value) {
  const now = health.get();

  if (same(now[what], value)) return;
  health.set({ ...now, [what]: value });
}

// the first failure of a row says since when
function same(old, value) {
  if (old === value) return true;
  return Boolean(old && value && old.since && old.message === value.message);
}
