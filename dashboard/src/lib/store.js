// A value that parts of the page share: who reads it by useStore() is drawn
// again when it changes.

import { useEffect, useState } from "preact/hooks";

export function store(value) {
  const readers = new Set();

  return {
    get: () => value,

    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const reader of [...readers]) reader(value);
    },

    subscribe(reader) {
      readers.add(reader);
      return () => readers.delete(reader);
    },
  };
}

export function useStore(from) {
  const [value, setValue] = useState(from.get());

  useEffect(() => {
    setValue(from.get());
    return from.subscribe(setValue);
  }, [from]);

  return value;
}
