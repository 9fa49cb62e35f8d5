// What is said instead of content: nothing here yet, something went wrong.

import { hint } from "../lib/hints.js";

export function Empty({ title, children, action }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      <p>{children}</p>
      {action}
    </div>
  );
}

export function Loading() {
  return <p class="loading" role="status">Loading…</p>;
}

// retry: what the button does
export function ErrorNote({ error, retry }) {
  const advice = hint(error);

  return (
    <div class="note bad" role="alert">
      <p>
        <strong>{sentence(error.message)}</strong> {advice}
        {error.code && <code class="code">{error.code}</code>}
      </p>
      {retry && <button type="button" onClick={retry}>Try again</button>}
    </div>
  );
}

// the banner says it, and of when the rows are that still stand there
export function toldByBanner(error) {
  return error.status === 0;
}

function sentence(text) {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
