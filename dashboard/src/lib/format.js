// Numbers and times as people read them.  null and undefined are a dash.

export const NONE = "–";

export function count(n) {
  if (n == null) return NONE;
  if (n < 1000) return String(Number.isInteger(n) ? n : Number(n.toFixed(1)));
  if (n < 999_950) return `${trim(n / 1e3)}k`;
  if (n < 999_950_000) return `${trim(n / 1e6)}M`;
  return `${trim(n / 1e9)}G`;
}

// up to three digits
function trim(n) {
  return n < 100 ? n.toFixed(1).replace(/\.0$/, "") : n.toFixed(0);
}

export function exact(n) {
  return n == null ? NONE : n.toLocaleString("en-US");
}

export function duration(ms) {
  if (ms == null) return NONE;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${trim(ms / 1000)} s`;

  const s = Math.round(ms / 1000);

  if (s < 3600) return both(Math.floor(s / 60), "min", s % 60, "s");
  if (s < 86_400) {
    return both(Math.floor(s / 3600), "h", Math.floor(s / 60) % 60, "min");
  }
  return both(Math.floor(s / 86_400), "d", Math.floor(s / 3600) % 24, "h");
}

function both(large, unit, small, subunit) {
  return small ? `${large} ${unit} ${small} ${subunit}` : `${large} ${unit}`;
}

// 0 to 1; 100 % is said only when nothing is missing
export function percent(share) {
  if (share == null || Number.isNaN(share)) return NONE;
  if (share >= 1) return "100 %";
  return `${(Math.floor(share * 1000) / 10).toFixed(1)} %`;
}

export function bytes(n) {
  if (n == null) return NONE;
  if (n < 1000) return `${n} B`;
  if (n < 1e6) return `${trim(n / 1e3)} KB`;
  return `${trim(n / 1e6)} MB`;
}

// a time as the API writes it or as seconds, as a Date; null if it is none
export function moment(time) {
  if (time == null) return null;
  const date = new Date(typeof time === "number" ? time * 1000 : time);
  return Number.isNaN(date.getTime()) ? null : date;
}

const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit" };
const DAY = { day: "numeric", month: "short" };

// the clock for today, else the day with it
export function localTime(date, now = new Date()) {
  const clock = date.toLocaleTimeString("en-GB", CLOCK);

  if (date.toDateString() === now.toDateString()) return clock;
  return `${date.toLocaleDateString("en-GB", DAY)} ${clock}`;
}

export function localDay(date) {
  return date.toLocaleDateString("en-GB", { ...DAY, year: "numeric" });
}

// "3 min ago", "in 12 s"
// now: ms
export function relative(date, now) {
  const ms = date - now;
  const text = duration(coarse(Math.abs(ms)));

  if (Math.abs(ms) < 1500) return "now";
  return ms < 0 ? `${text} ago` : `in ${text}`;
}

function coarse(ms) {
  for (const unit of [86_400_000, 3_600_000, 60_000, 1000]) {
    if (ms >= unit) return Math.floor(ms / unit) * unit;
  }
  return ms;
}
