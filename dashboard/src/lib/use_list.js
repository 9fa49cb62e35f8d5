// A list of the API, however long, page by page: the first rows show as soon
// as they are there.  Asked again less often the longer it is.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { get } from "./api.js";
import { useReload } from "./use_resource.js";

const PAGE = 1000;
const AT_ONCE = 10_000;     // rows until more() is called
const EMPTY = { rows: null, total: 0, complete: false, error: null };

// Gives { rows, total, complete, error, reload, more }; rows is null until
// the first page is there.  event: a type of lib/events.js.
export function useList(path, shape, event) {
  const [state, setState] = useState(EMPTY);
  const room = useRef(AT_ONCE);
  const turn = useRef({ running: false, again: false, gone: false });

  const reload = useCallback(async () => {
    const my = turn.current;

    if (my.running) {
      my.again = true;
      return;
    }

    my.running = true;
    do {
      my.again = false;
      await load(path, shape, room.current, setState, () => my.gone);
    } while (my.again && !my.gone);
    my.running = false;
  }, [path, shape]);

  const more = useCallback(() => {
    room.current += AT_ONCE;
    reload();
  }, [reload]);

  useEffect(() => {
    turn.current.gone = false;
    reload();
    return () => { turn.current.gone = true; };
  }, [reload]);

  const n = state.rows?.length ?? 0;
  useReload(reload, pause(n), event, n <= 1000 ? 250 : 5000);

  return { ...state, reload, more };
}

// ms between two looks at a list of so many rows: of its figures, as what
// changes otherwise is an event
function pause(n) {
  if (n <= 100) return 2000;
  return n <= 1000 ? 5000 : 60_000;
}

async function load(path, shape, room, setState, gone) {
  const rows = [];
  let cursor = null;
  let page;

  try {
    do {
      page = await get(pagePath(path, cursor), shape);
      if (gone()) return;

      rows.push(...page.data);
      cursor = page.next_cursor;

      // what stands there already is not cut to a page
      setState((old) => (old.rows && old.rows.length > rows.length && cursor
                         ? old : shown(rows, page)));
    } while (cursor && rows.length < room);

    setState(shown(rows, page));
  } catch (error) {
    if (!gone()) setState((old) => ({ ...old, error }));
  }
}

function pagePath(path, cursor) {
  const from = cursor ? `&cursor=${encodeURIComponent(cursor)}` : "";
  return `${path}?limit=${PAGE}${from}`;
}

function shown(rows, page) {
  return {
    rows: [...rows],
    total: page.total ?? rows.length,
    complete: !page.next_cursor,
    error: null,
  };
}
