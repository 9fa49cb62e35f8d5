// Light, dark, or as the system has it; what was chosen stays in this browser.

import { store } from "./store.js";

const KEY = "llm-router-theme";

const THEMES = ["auto", "light", "dark"];
export const theme = store(read());

apply(theme.get());

export function nextTheme() {
  const next = THEMES[(THEMES.indexOf(theme.get()) + 1) % THEMES.length];

  apply(next);
  keep(next);
  theme.set(next);
}

function apply(name) {
  document.documentElement.dataset.theme = name;
}

// a browser may have no storage for us: then it lasts as long as the page
function read() {
  try {
    const name = localStorage.getItem(KEY);
    return THEMES.includes(name) ? name : "auto";
  } catch {
    return "auto";
  }
}

function keep(name) {
  try {
    localStorage.setItem(KEY, name);
  } catch {
    // as above
  }
}
