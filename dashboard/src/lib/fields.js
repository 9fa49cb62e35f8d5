// The kinds of a form's fields: how the API's value becomes the text of an
// input, and the contrary.  An empty input is null: "none", "as it says
// itself".

import { moment } from "./format.js";

const text = {
  show: (value) => value ?? "",
  parse: (written) => written.trim(),
};

const number = {
  inputMode: "numeric",
  show: (value) => (value == null ? "" : String(value)),

  // what is no number goes to the API as it is, which says so
  parse(written) {
    const trimmed = written.trim();
    if (trimmed === "") return null;
    return Number.isNaN(Number(trimmed)) ? trimmed : Number(trimmed);
  },
};

const names = {
  show: (value) => (value ?? []).join(", "),

  parse(written) {
    const found = written.split(",").map((name) => name.trim())
      .filter(Boolean);
    return found.length ? found : null;
  },
};

const time = {
  type: "datetime-local",
  show: (value) => localInput(moment(value)),
  parse: (written) => (written ? new Date(written).toISOString()
                       .replace(/\.\d+/, "") : null),
};

// A datetime-local has no zone: it is this browser's.  Seconds are written
// where there are some.
function localInput(date) {
  if (!date) return "";

  const shifted = new Date(date - date.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 19).replace(/:00$/, "");
}

export const kinds = { text, number, names, time };

// the values of the form, by the fields' names
export function read(fields, form) {
  const data = new FormData(form);
  const values = {};

  for (const field of fields) {
    if (field.type === "check") values[field.name] = data.has(field.name);
    else if (field.type === "checks") {
      values[field.name] = data.getAll(field.name);
    } else values[field.name] = field.parse(data.get(field.name));
  }
  return values;
}

// Of an old object what differs from it; of a new one what is not empty.
export function changed(fields, old, values) {
  const result = {};

  for (const { name, initial, keep } of fields) {
    const before = old ? old[name] : initial;

    if (keep && isEmpty(values[name])) continue;
    if (same(before, values[name])) continue;
    if (!old && isEmpty(values[name])) continue;
    result[name] = values[name];
  }
  return result;
}

function isEmpty(value) {
  return value === null || value === "";
}

// the API writes a time as the fields do, to the second
function same(a, b) {
  return JSON.stringify(a ?? null) === JSON.stringify(b ?? null);
}
