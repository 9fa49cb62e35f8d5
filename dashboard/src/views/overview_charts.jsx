// The charts of the overview.

import { useMemo } from "preact/hooks";
import { serverNow } from "../lib/clock.js";
import { count, duration } from "../lib/format.js";
import { WINDOWS, charts } from "../lib/series.js";
import { useResource } from "../lib/use_resource.js";
import { Chart } from "../parts/chart.jsx";
import { ErrorNote } from "../parts/notes.jsx";

const EVERY = 5000;         // ms

const percentiles = [
  { label: "p50", color: 1, fill: true },
  { label: "p90", color: 2 },
  { label: "p99", color: 3 },
];

const CHARTS = [
  { key: "requests", title: "Requests a minute", format: count, series: [
    { label: "all", color: 1, fill: true }, { label: "errors", color: 4 }] },
  { key: "tokens", title: "Tokens a second", format: count, series: [
    { label: "written", color: 1, fill: true },
    { label: "read", color: 2 }] },
  { key: "ttft", title: "Time to first token", format: duration,
    series: percentiles },
  { key: "duration", title: "Duration", format: duration,
    series: percentiles },
  { key: "load", title: "In flight and queued", format: count, series: [
    { label: "in flight", color: 1, fill: true },
    { label: "queued", color: 3 }] },
];

export function Charts({ window }) {
  const { seconds, step } = WINDOWS[window];
  const { data, error, reload } = useResource(
    `/stats/series?window=${window}&step=${step}`, "series",
    { every: EVERY });
  const drawn = useMemo(() => data && charts(data, serverNow() / 1000),
                        [data]);

  if (!data) return error && <ErrorNote error={error} retry={reload} />;

  return (
    <section class="charts" aria-label="Charts">
      {CHARTS.map((chart) => (
        <Chart key={chart.key} title={chart.title} series={chart.series}
               format={chart.format} data={drawn[chart.key]}
               seconds={seconds} />
      ))}
    </section>
  );
}
