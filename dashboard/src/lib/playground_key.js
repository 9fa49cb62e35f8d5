// The API key of the Playground, for as long as this tab is open.

const NAME = "llm-router-key";
let key = null;

export function currentKey() {
  try {
    key ??= sessionStorage.getItem(NAME);
  } catch {
    // no storage: it lasts as long as the page
  }
  return key ?? "";
}

export function rememberKey(text) {
  key = text;
  try {
    sessionStorage.setItem(NAME, text);
  } catch {
    // as above
  }
}

export function forgetKey() {
  key = null;
  try {
    sessionStorage.removeItem(NAME);
  } catch {
    // as above
  }
}
