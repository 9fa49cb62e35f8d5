// The numbers at the top: the last 24 hours, and the last minute below.

import { count, duration, exact, percent } from "../lib/format.js";

export function Tiles({ now, minute, day, totals }) {
  const tokens = day.prompt_tokens + day.completion_tokens;
  const first = minute.ttft_ms ?? day.ttft_ms;

  return (
    <dl class="tiles" aria-label="The last 24 hours">
      <Tile label="Requests" name="requests" value={count(day.requests)}
            title={exact(day.requests)}
            below={`${count(round(minute.requests_per_s))} a second`} />
      <Tile label="Tokens" name="tokens" value={count(tokens)}
            title={`${exact(day.prompt_tokens)} read, `
                   + `${exact(day.completion_tokens)} written`}
            below={`${count(round(minute.tokens_per_s))} a second`} />
      <Tile label="Success rate" name="success"
            value={percent(success(day))}
            title={`${exact(day.errors)} errors, `
                   + `${exact(day.cancelled)} cancelled by clients`}
            below={day.errors === 1 ? "1 error"
                   : day.errors ? `${count(day.errors)} errors`
                   : "no errors"} />
      <Tile label="In flight" name="in-flight" value={count(now.in_flight)}
            title={exact(now.in_flight)}
            below={`${now.nodes.online}/${now.nodes.total} nodes online`} />
      <Tile label="Queued" name="queued" value={count(now.queued)}
            title={exact(now.queued)}
            below={`${count(totals.queued)} have waited`} />
      <Tile label="First token" name="ttft" value={duration(first?.p50)}
            title="Median time to the first token"
            below={first ? `p99 ${duration(first.p99)}` : "nothing yet"} />
    </dl>
  );
}

function Tile({ label, name, value, title, below }) {
  return (
    <div class="tile card" data-tile={name}>
      <dt>{label}</dt>
      <dd class="tile-value" title={title}>{value}</dd>
      <dd class="quiet">{below}</dd>
    </div>
  );
}

function success(day) {
  return day.requests ? 1 - day.errors / day.requests : null;
}

function round(n) {
  return n < 10 ? Math.round(n * 10) / 10 : Math.round(n);
}
