// Where the page is: #/view/id?filters.  Needs nothing of the server.

import { store } from "./store.js";

export const route = store(parse(location.hash));

addEventListener("hashchange", () => route.set(parse(location.hash)));

export function parse(hash) {
  const [path, search] = hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const [view, id] = path.split("/");

  return {
    view: view || "overview",
    id: id ? decode(id) : null,
    query: Object.fromEntries(new URLSearchParams(search ?? "")),
  };
}

// a hash that somebody typed may hold a lone %
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// what is empty is left out
export function href(view, { id, query = {} } = {}) {
  const set = Object.entries(query).filter(([, value]) => value);
  const search = new URLSearchParams(set).toString();

  return `#/${view}${id ? `/${encodeURIComponent(id)}` : ""}`
    + (search ? `?${search}` : "");
}

export function go(view, to) {
  location.hash = href(view, to);
}

// the same place said otherwise: no step for the Back button
export function replace(view, to) {
  history.replaceState(null, "", href(view, to));
  route.set(parse(location.hash));
}
