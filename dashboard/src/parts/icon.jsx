// The few icons, as strokes in the color of the text.  They only go with
// words, so they are hidden from screen readers.

const PATHS = {
  overview: "M4 19V9m5 10V5m5 14v-7m5 7V8",
  nodes: "M4 5h16v6H4zm0 8h16v6H4zM8 8h.01M8 16h.01",
  models: "m12 3 8 4.5v9L12 21l-8-4.5v-9zm0 9 8-4.5M12 12v9m0-9L4 7.500",
  history: "M4 12a8 8 0 1 0 2.500-5.800L4 8.500M4 4v4.500h4.500M12 8v4l3 2",
  keys: "M14.500 9.500a4 4 0 1 0-4 4 4 4 0 0 0 2.700-1L16 15h2v2h2v-3l-5.700"
    + "-3.500",
  playground: "M5 5h14v10H10l-5 4z",
  theme: "M12 3a9 9 0 1 0 0 18zm0 0a9 9 0 0 1 0 18",
  leave: "M10 5H5v14h5m4-11 4 4-4 4m4-4H9",
  close: "m6 6 12 12M18 6 6 18",
  add: "M12 5v14m-7-7h14",
  copy: "M9 9h10v10H9zM5 15V5h10",
  download: "M12 4v11m-5-5 5 5 5-5M5 20h14",
  send: "m5 12 14-7-5 14-3-6z",
  stop: "M7 7h10v10H7z",
  up: "M12 19V5m-6 6 6-6 6 6",
};

export function Icon({ name }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
