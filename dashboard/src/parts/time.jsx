// A time as people read it; the exact one is its title.

import { serverNow } from "../lib/clock.js";
import { NONE, localTime, moment, relative } from "../lib/format.js";

export function Time({ at, ago = false }) {
  const date = moment(at);

  if (!date) return NONE;

  const iso = date.toISOString();
  const title = ago ? `${localTime(date)} (${iso})` : iso;

  return (
    <time dateTime={iso} title={title}>
      {ago ? relative(date, serverNow()) : localTime(date)}
    </time>
  );
}
