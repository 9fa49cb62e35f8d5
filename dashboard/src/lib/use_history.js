// The rows of the history: pages from the API below, live ones on top.
//
// Live rows go on top of the list when nobody would mind; else they are only
// counted ("waiting"), so that nothing moves under the reader.

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

// atTop(): may rows come there?
export function useHistory(filters, atTop) {
  const [state, setState] = useState(EMPTY);
  const query = search(filters);
  const running = useRef(null);
  const came = useRef(null);    // live rows while the first page is asked for

  const load = useCallback(async (cursor) => {
    running.current?.abort();
    const control = running.current = new AbortController();

    came.current = cursor ? null : [];
    setState((old) => ({ ...old, busy: true }));
    try {
      const page = await get(pagePath(query, cursor), "history",
                             control.signal);
      const live = came.current;

      came.current = null;
      setState((old) => (cursor ? continued(old, page)
                                : topped(begun(page), live)));
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

  const take = useCallback((records, catchUp) => {
    came.current?.push(...records);
    setState((old) => {
      if (!old.rows) return old;
      if (!atTop()) return waited(old, records);
      if (old.waiting || old.rows.length > LIVE_MOST) catchUp();
      return old.waiting ? waited(old, records) : topped(old, records);
    });
  }, [atTop]);

  useLive(query, filters, take, reload, atTop);

  return { ...state, reload, more };
}

function pagePath(query, cursor) {
  const from = cursor ? `&cursor=${encodeURIComponent(cursor)}` : "";
  return `/history?limit=${PAGE}${query && `&${query}`}${from}`;
}

function begun(page) {
  return {
    ...EMPTY, rows: page.data, cursor: page.next_cursor, total: page.total,
    stale: page.stale, source: page.source,
  };
}

function continued(old, page) {
  const next = begun(page);

  return { ...next, rows: [...old.rows, ...unknown(page.data, old.rows)],
           waiting: old.waiting };
}

// records: the oldest first, as they came
function topped(old, records) {
  const more = unknown(records, old.rows).reverse();

  return { ...old, rows: [...more, ...old.rows],
           total: old.total == null ? null : old.total + more.length };
}

function waited(old, records) {
  return { ...old, waiting: old.waiting + records.length };
}

// a row that came live may be on a page as well
function unknown(rows, known) {
  const ids = new Set(known.map((row) => row.id));

  return rows.filter((row) => !ids.has(row.id));
}

function useLive(query, filters, take, reload, atTop) {
  useEffect(() => {
    let late = null;
    const catchUp = () => {
      if (!atTop()) return;
      late ??= setTimeout(() => { late = null; reload(); }, CATCH_UP);
    };
    const live = batches((records) => {
      const fit = records.filter((record) => matches(filters, record));
      if (fit.length) take(fit, catchUp);
    });
    const ends = [on("request", live.add), on("skipped", catchUp),
                  skipFirst(catchUp), live.end];

    return () => {
      clearTimeout(late);
      for (const end of ends) end();
    };
  }, [query, reload]);
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
