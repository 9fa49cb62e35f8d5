// Which rows of a long table the window shows.  All rows are of one height,
// that of the first; the others are two rows of space.

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

const AROUND = 12;          // rows above and below what is seen
const GUESS = 48;           // px, until a row was measured

// body: a ref of the <tbody>; gives { first, last, before, after }, the
// rows [first, last) and the px of space
export function useWindowing(body, n) {
  const height = useRef(GUESS);
  const [range, setRange] = useState([0, 40]);

  useLayoutEffect(() => {
    const row = body.current?.querySelector("tr[data-row]");
    if (row?.offsetHeight) height.current = row.offsetHeight;
  });

  useEffect(() => {
    let frame = 0;
    const look = () => {
      frame = 0;
      if (body.current) setRange((old) => seen(body.current, height, old));
    };
    const later = () => { frame ||= requestAnimationFrame(look); };

    later();
    addEventListener("scroll", later, { passive: true });
    addEventListener("resize", later);
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener("scroll", later);
      removeEventListener("resize", later);
    };
  }, [body, n]);

  const first = Math.max(0, Math.min(range[0], n - 1));
  const last = Math.min(n, range[1]);

  return {
    first, last,
    before: first * height.current,
    after: Math.max(0, n - last) * height.current,
  };
}

// the old range where it still does
function seen(body, height, old) {
  const top = Math.max(0, -body.getBoundingClientRect().top);
  const start = Math.floor(top / height.current);
  const end = start + Math.ceil(innerHeight / height.current) + 1;

  // starts are even: rows keep their stripes and are drawn less often
  const first = Math.max(0, start - AROUND) & ~3;
  const last = (end + AROUND) | 3;

  return first === old[0] && last === old[1] ? old : [first, last];
}
