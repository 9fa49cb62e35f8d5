// A chart over time: uPlot draws it on a canvas, outside of the virtual DOM.
// The legend is the page's own: it shows the values under the cursor, or the
// last ones.

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { serverNow } from "../lib/clock.js";
import { NONE } from "../lib/format.js";
import { useStore } from "../lib/store.js";
import { theme } from "../lib/theme.js";

const HEIGHT = 180;
const TOGETHER = uPlot.sync("charts");

// series: [{ label, color: 1 to 4, fill? }]; data: [x, y, …]; format writes a
// value; seconds: how far back the chart goes
export function Chart({ title, series, data, format, seconds }) {
  const box = useRef(null);
  const legend = useRef(null);
  const plot = useRef(null);
  const chosen = useStore(theme);

  useEffect(() => {
    const colors = [...legend.current.querySelectorAll(".swatch")]
      .map((swatch) => getComputedStyle(swatch).color);
    const tell = (i) => values(legend.current, plot.current, format, i);

    plot.current = draw(box.current, series, colors, format, tell);
    const end = follow(box.current, plot.current);

    return () => {
      end();
      plot.current.destroy();
      plot.current = null;
    };
  }, [chosen, series, format]);

  useEffect(() => {
    const now = serverNow() / 1000;

    plot.current.batch(() => {
      plot.current.setData(data, false);
      plot.current.setScale("x", { min: now - seconds, max: now });
    });
    values(legend.current, plot.current, format, null);
  }, [chosen, series, format, data, seconds]);

  return (
    <figure class="chart card">
      <figcaption>
        <span class="chart-title">{title}</span>
        <span class="legend" ref={legend}>
          {series.map((one) => (
            <span class="legend-item" key={one.label}>
              <span class={`swatch series-${one.color}`} aria-hidden="true" />
              {one.label} <output class="legend-value" aria-live="off" />
            </span>
          ))}
        </span>
      </figcaption>
      <div class="chart-box" ref={box} aria-hidden="true" />
    </figure>
  );
}

function draw(box, series, colors, format, tell) {
  const style = getComputedStyle(box);
  const axis = { stroke: style.color, grid: { stroke: style.borderTopColor,
                                              width: 1 },
                 ticks: { show: false }, font: "11px system-ui, sans-serif" };

  return new uPlot({
    width: box.clientWidth || 300,
    height: HEIGHT,
    padding: [8, 20, 0, 0],
    legend: { show: false },
    cursor: { y: false, sync: { key: TOGETHER.key },
              drag: { x: false, y: false }, points: { size: 6 } },
    scales: { x: { time: true }, y: { range: (u, min, max) =>
      [0, max > 0 ? max * 1.1 : 10] } },
    axes: [
      { ...axis, space: 60, size: 28, values: clocks },
      { ...axis, space: 34, size: 58,
        values: (u, ticks) => ticks.map(format) },
    ],
    series: [{}, ...series.map((one, i) => ({
      stroke: colors[i], width: 1.75, spanGaps: false,
      fill: one.fill ? fade(colors[i]) : undefined, points: { size: 4 },
    }))],
    hooks: { setCursor: [(u) => tell(u.cursor.idx)] },
  }, [[], ...series.map(() => [])], box);
}

// rgb(…) with less of it
function fade(color) {
  return color.replace(/^rgb\((.*)\)$/, "rgba($1, 0.12)");
}

function clocks(u, ticks) {
  return ticks.map((tick) => new Date(tick * 1000).toLocaleTimeString(
    "en-GB", { hour: "2-digit", minute: "2-digit" }));
}

// as wide as its box
function follow(box, plot) {
  const watch = new ResizeObserver(() => {
    if (box.clientWidth) {
      plot.setSize({ width: box.clientWidth, height: HEIGHT });
    }
  });

  watch.observe(box);
  return () => watch.disconnect();
}

// into the legend: of point i, or of the last one
function values(legend, plot, format, i) {
  if (!plot || !legend) return;

  const at = i ?? plot.data[0].length - 1;
  const cells = legend.querySelectorAll(".legend-value");

  for (const [k, cell] of cells.entries()) {
    const value = plot.data[k + 1]?.[at];
    cell.textContent = value == null ? NONE : format(value);
  }
}
