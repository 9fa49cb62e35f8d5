// A form from a table of fields.  An error of the API that names a field
// (error.param) is shown at it.
//
// A field is { name, label, hint?, type?, options?, parse?, show?, autofocus?,
// only?, ...attributes of the input }.  parse makes the API's value of the
// text, show the text of the API's value; both are of lib/fields.js by type.

import { useEffect, useId, useRef, useState } from "preact/hooks";
import { changed, read } from "../lib/fields.js";
import { hint } from "../lib/hints.js";
import { ErrorNote } from "./notes.jsx";

// old: the object to be changed, or null for a new one; save(values) gets the
// fields that differ from it
export function Form({ fields, old, verb, save, onCancel }) {
  const form = useRef(null);
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);

  useEffect(() => focusField(form.current, error), [error]);

  const submit = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await save(changed(fields, old, read(fields, form.current)));
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };

  const at = fields.some((field) => field.name === error?.param)
    ? error.param : null;

  return (
    <form ref={form} class="form" onSubmit={submit} noValidate>
      {error && !at && <ErrorNote error={error} />}
      {fields.map((field) => (
        <Field key={field.name} field={field} old={old}
               error={at === field.name ? error : null} />
      ))}
      <div class="buttons">
        <button type="button" onClick={onCancel}>Cancel</button>
        <button type="submit" class="primary" disabled={busy}>{verb}</button>
      </div>
    </form>
  );
}

function focusField(form, error) {
  if (error?.param) form.elements.namedItem(error.param)?.focus?.();
}

function Field({ field, old, error }) {
  const id = useId();
  const about = [field.hint && `${id}-hint`, error && `${id}-error`]
    .filter(Boolean).join(" ") || undefined;
  const shared = {
    id, name: field.name, "aria-describedby": about,
    "aria-invalid": error ? "true" : undefined,
  };

  if (field.type === "checks") {
    return <Checks field={field} old={old} error={error} id={id} />;
  }
  if (field.type === "check") {
    return <Check field={field} old={old} shared={shared} id={id} />;
  }

  return (
    <div class="field">
      <label for={id}>{field.label}</label>
      <Input field={field} shared={shared}
             value={field.show(old ? old[field.name] : field.initial)} />
      <Below field={field} error={error} id={id} />
    </div>
  );
}

// what the user has written is the browser's: it is set once
function Input({ field, value, shared }) {
  const [first] = useState(value);

  if (field.type === "select") {
    return (
      <select {...shared} defaultValue={first}>
        {field.options.map(([option, label]) => (
          <option key={option} value={option} selected={option === first}>
            {label}
          </option>
        ))}
      </select>
    );
  }

  return (
    <input {...shared} type={field.type ?? "text"} defaultValue={first}
           autocomplete={field.autocomplete ?? "off"} spellcheck={false}
           inputMode={field.inputMode} placeholder={field.placeholder}
           autofocus={field.autofocus} step={field.step} />
  );
}

function Check({ field, old, shared, id }) {
  const [first] = useState(old?.[field.name] ?? field.initial ?? false);

  return (
    <div class="field">
      <label class="check">
        <input {...shared} type="checkbox" defaultChecked={first} />
        {field.label}
      </label>
      <Below field={field} id={id} />
    </div>
  );
}

function Checks({ field, old, error, id }) {
  const [first] = useState(old?.[field.name] ?? field.initial);

  return (
    <fieldset class="field" aria-describedby={error && `${id}-error`}>
      <legend>{field.label}</legend>
      {field.options.map(([option, label]) => (
        <label class="check" key={option}>
          <input type="checkbox" name={field.name} value={option}
                 defaultChecked={first.includes(option)} />
          {label}
        </label>
      ))}
      <Below field={field} error={error} id={id} />
    </fieldset>
  );
}

function Below({ field, error, id }) {
  const advice = error && hint(error);

  return (
    <>
      {error && (
        <p class="field-error" id={`${id}-error`} role="alert">
          {error.message}{advice ? `. ${advice}` : ""}
        </p>
      )}
      {field.hint && <p class="hint" id={`${id}-hint`}>{field.hint}</p>}
    </>
  );
}
