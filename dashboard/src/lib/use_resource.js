// What one GET answers, asked again by time, by events, and after the live
// connection was lost.  While an answer fails the last good one stays.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { get } from "./api.js";
import { connected, on } from "./events.js";

const SOON = 250;           // ms; events come in swarms
const EMPTY = { data: null, error: null, path: null };

// every: ms; event: a type of lib/events.js; path null: nothing is asked
export function useResource(path, shape, { every, event } = {}) {
  const [state, setState] = useState(EMPTY);
  const running = useRef(null);
  const stopped = useRef(false);

  const reload = useCallback(async () => {
    if (path === null) return;

    stopped.current = false;
    running.current?.abort();
    const control = running.current = new AbortController();

    try {
      const data = await get(path, shape, control.signal);
      setState({ data, error: null, path });
    } catch (error) {
      if (control.signal.aborted) return;
      setState((old) => ({ data: of(old, path), error, path }));
    }
  }, [path, shape]);

  useEffect(() => {
    reload();
    return () => running.current?.abort();
  }, [reload]);

  const again = useCallback(() => stopped.current || reload(), [reload]);
  useReload(again, every, event);

  // nothing is asked until reload() is called: for what is about to be no more
  const stop = useCallback(() => {
    stopped.current = true;
    running.current?.abort();
  }, []);

  // an answer to another question is none
  return { data: of(state, path), error: state.error, reload, stop };
}

function of(state, path) {
  return state.path === path ? state.data : null;
}

// calls reload each "every" ms of a visible page, soon after an event, and
// when the live connection is there again; soon: ms
export function useReload(reload, every, event, soon = SOON) {
  useEffect(() => {
    if (!every) return undefined;

    const timer = setInterval(() => document.hidden || reload(), every);
    return () => clearInterval(timer);
  }, [reload, every]);

  useEffect(() => {
    let timer = null;
    const later = () => {
      timer ??= setTimeout(() => { timer = null; reload(); }, soon);
    };
    const ends = [skipFirst(later), event && on(event, later)];

    return () => {
      clearTimeout(timer);
      for (const end of ends) end?.();
    };
  }, [reload, event, soon]);
}

// the first connection of all has missed nothing
export function skipFirst(callback) {
  return connected.subscribe((times) => times > 1 && callback());
}
