// Short messages of what was done, read out by screen readers too.

import { store, useStore } from "../lib/store.js";

const LASTS = 6000;         // ms
const current = store(null);
let timer = null;

export function say(text) {
  current.set({ text });
  clearTimeout(timer);
  timer = setTimeout(() => current.set(null), LASTS);
}

export function Toast() {
  const message = useStore(current);

  return (
    <div class="toast" role="status" aria-live="polite">
      {message && <p>{message.text}</p>}
    </div>
  );
}
