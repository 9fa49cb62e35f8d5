// From the columns of /api/stats/series to what the charts draw.

const ENOUGH = 10;          // s of the current step before it is drawn

export const WINDOWS = {
  "1h": { label: "1 hour", seconds: 3600, step: 60 },
  "6h": { label: "6 hours", seconds: 21_600, step: 300 },
  "24h": { label: "24 hours", seconds: 86_400, step: 900 },
};

// now: unix seconds.  The last step is still under way: its rates are of the
// seconds that it lasts yet, and it is left out when those are few.
export function charts(series, now) {
  const { step, time } = series;
  const n = time.length;
  const lasts = n ? Math.min(step, now - time[n - 1]) : step;
  const end = lasts < ENOUGH ? n - 1 : n;
  const seconds = (i) => (i === n - 1 ? lasts : step);
  const cut = (column) => column.slice(0, end);
  const rate = (column, per) =>
    cut(column).map((value, i) => value * per / seconds(i));
  const x = cut(time);

  return {
    requests: [x, rate(series.requests, 60), rate(series.errors, 60)],
    tokens: [x, rate(series.completion_tokens, 1),
             rate(series.prompt_tokens, 1)],
    ttft: [x, cut(series.ttft_p50), cut(series.ttft_p90),
           cut(series.ttft_p99)],
    duration: [x, cut(series.duration_p50), cut(series.duration_p90),
               cut(series.duration_p99)],
    load: [x, cut(series.in_flight), cut(series.queued)],
  };
}

// The day's numbers as of now: those of the last /api/stats, and what the live
// totals have grown by since.
export function today(stats, live) {
  if (!live) return stats.day;

  const grown = { ...stats.day };
  const names = ["requests", "errors", "cancelled", "prompt_tokens",
                 "completion_tokens"];

  for (const name of names) {
    const more = live.totals[name] - stats.totals[name];
    if (more > 0) grown[name] += more;
  }
  return grown;
}
