// The rows of the history: pages from the API below, live ones on top.
//
// While the top of the list is seen live rows go there; while it is not they
// are only counted ("waiting"), so that nothing moves under the reader.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { get } from "./api.js";
import { on } from "./events.js";
import { matches, search } from "./filters.js";
import { skipFirst } from "./use_resource.js";

const PAGE = 100;
const LIVE_MOST = 2000;     // rows of a list at its top: then it starts anew
const CATCH_UP = 1000;      // ms; events that were skipped are asked for
const EMPTY = { rows: null, cursor: null, total: null, stale: null,
                source: null, error: null, waiting: 0, busy: false };

// atTop(): is the first row seen?
export function useHistory(filters, atTop) {
  const [state, setState] = useState(EMPTY);
  const query = search(filters);
  const running = useRef(null);

  const load = useCallback(async (cursor) => {
    running.current?.abort();
    const control = running.current = new AbortController();

    setState((old) => ({ ...old, busy: true }));
    try {
      const page = await get(pagePath(query, cursor), "history",
                             control.signal);
      setState((old) => joined(old, page, cursor));
    } catch (error) {
      if (control.signal.aborted) return;
      setState((old) => ({ ...old, error, busy: false }));
    }
  }, [query]);

  const reload = useCallback(() => load(null), [load]);
  const more = useCallback(() => load(state.cursor), [load, state.cursor]);

  useEffect(() => {
    setState(EMPTY);
    reload();
    return () => running.current?.abort();
  }, [reload]);

  useLive(query, filters, setState, reload, atTop);

  return { ...state, reload, more };
}

function pagePath(query, cursor) {
  const from = cursor ? `&cursor=${encodeURIComponent(cursor)}` : "";
  return `/history?limit=${PAGE}${query && `&${query}`}${from}`;
}

function joined(old, page, cursor) {
  return {
    rows: cursor ? unique([...old.rows, ...page.data]) : page.data,
    cursor: page.next_cursor,
    total: page.total,
    stale: page.stale,
    source: page.source,
    error: null,
    waiting: cursor ? old.waiting : 0,
    busy: false,
  };
}

// a row that came live may be on a page as well
function unique(rows) {
  const seen = new Set();
  return rows.filter((row) => !seen.has(row.id) && seen.add(row.id));
}

function useLive(query, filters, setState, reload, atTop) {
  useEffect(() => {
    let late = null;
    const catchUp = () => {
      if (!atTop()) return;
      late ??= setTimeout(() => { late = null; reload(); }, CATCH_UP);
    };
    const live = batches((records) => {
      const fit = records.filter((record) => matches(filters, record));
      if (fit.length) setState((old) => topped(old, fit, atTop(), catchUp));
    });
    const ends = [on("request", live.add), on("skipped", catchUp),
                  skipFirst(catchUp), live.end];

    return () => {
      clearTimeout(late);
      for (const end of ends) end();
    };
  }, [query, reload]);
}

function topped(old, records, top, catchUp) {
  if (!old.rows) return old;
  if (!top) return { ...old, waiting: old.waiting + records.length };
  if (old.rows.length > LIVE_MOST) catchUp();

  const rows = unique([...records.reverse(), ...old.rows]);
  const more = rows.length - old.rows.length;

  return { ...old, rows,
           total: old.total == null ? null : old.total + more };
}

// records that come in a swarm are drawn together
function batches(take) {
  let waiting = [];
  let timer = null;

  return {
    add(record) {
      waiting.push(record);
      timer ??= setTimeout(() => {
        const records = waiting;
        timer = null;
        waiting = [];
        take(records);
      }, 100);
    },
    end: () => clearTimeout(timer),
  };
}
