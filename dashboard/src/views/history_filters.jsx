// The filters above the history; they stand in the page's address.  On a phone
// a button shows them.

import { useEffect, useRef, useState } from "preact/hooks";
import { kinds } from "../lib/fields.js";
import { filtersOf } from "../lib/filters.js";
import { replace } from "../lib/router.js";

const PAUSE = 250;          // ms after the last letter

export function HistoryFilters({ filters }) {
  const [written, setWritten] = useState(filters);
  const [open, setOpen] = useState(false);
  const timer = useRef(null);
  const now = JSON.stringify(filters);

  // another address, by a link
  useEffect(() => setWritten(filters), [now]);
  useEffect(() => () => clearTimeout(timer.current), []);

  const change = (name, value, pause) => {
    const next = { ...written, [name]: value };

    setWritten(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(
      () => replace("history", { query: filtersOf(next) }), pause);
  };
  const set = Object.keys(filters).length;
  const clear = () => replace("history");

  return (
    <>
      <button type="button" class="filters-toggle" aria-expanded={open}
              onClick={() => setOpen(!open)}>
        Filters{set > 0 && ` (${set})`}
      </button>
      <form class={`toolbar filters ${open ? "open" : ""}`} aria-label="Filters"
            onSubmit={(event) => event.preventDefault()}>
        <Text name="model" label="Model" hint="part of it"
              written={written} change={change} />
        <Text name="node" label="Node" hint="its name"
              written={written} change={change} />
        <Text name="key" label="Key" hint="its name"
              written={written} change={change} />
        <label class="filter">
          <span>Status</span>
          <select value={written.status ?? ""} name="status"
                  onChange={(event) => change("status",
                                              event.currentTarget.value, 0)}>
            <option value="">any</option>
            <option value="success">success</option>
            <option value="error">error</option>
            <option value="cancelled">cancelled</option>
          </select>
        </label>
        <Moment name="from" label="From" written={written} change={change} />
        <Moment name="to" label="To" written={written} change={change} />
        {set > 0 && <button type="button" onClick={clear}>Clear</button>}
      </form>
    </>
  );
}

function Text({ name, label, hint, written, change }) {
  return (
    <label class="filter">
      <span>{label}</span>
      <input type="search" name={name} value={written[name] ?? ""}
             placeholder={hint} autocomplete="off" spellcheck={false}
             onInput={(event) => change(name, event.currentTarget.value,
                                        PAUSE)} />
    </label>
  );
}

function Moment({ name, label, written, change }) {
  return (
    <label class="filter wide">
      <span>{label}</span>
      <input type="datetime-local" name={name}
             value={kinds.time.show(written[name])}
             onChange={(event) => change(
               name, kinds.time.parse(event.currentTarget.value), 0)} />
    </label>
  );
}
