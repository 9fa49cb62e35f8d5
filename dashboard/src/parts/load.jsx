// Requests in flight against what may be at once, as a bar.

import { count } from "../lib/format.js";

export function Load({ inFlight, max }) {
  const share = max ? Math.min(inFlight / max, 1) : 0;
  const text = max ? `${count(inFlight)} / ${count(max)}` : count(inFlight);
  const tone = share >= 1 ? "bad" : share >= 0.8 ? "warn" : "good";

  return (
    <span class="load" title={max ? `${inFlight} of ${max} in flight`
                                  : `${inFlight} in flight, no limit`}>
      <span class="load-text">{text}</span>
      {max && (
        <span class={`load-bar ${tone}`} aria-hidden="true">
          <span style={{ width: `${share * 100}%` }} />
        </span>
      )}
    </span>
  );
}
