// Key, model and what goes with a request.

import { useEffect, useId, useState } from "preact/hooks";
import { rememberKey } from "../lib/playground_key.js";
import { useList } from "../lib/use_list.js";

const OTHER = "\u0000other";    // no model is called so

export function Settings({ settings, set }) {
  const change = (name) => (value) =>
    set((old) => ({ ...old, [name]: value }));
  const changeKey = (value) => {
    rememberKey(value.trim());
    change("key")(value.trim());
  };

  return (
    <section class="settings card" aria-label="Settings">
      <Field label="API key" hint="Stays in this tab.">
        {(id) => (
          <input id={id} type="password" value={settings.key}
                 autocomplete="off" spellcheck={false} placeholder="sk-…"
                 onInput={(event) => changeKey(event.currentTarget.value)} />
        )}
      </Field>
      <Model value={settings.model} set={change("model")} />
      <Field label="System prompt">
        {(id) => (
          <textarea id={id} rows={3} value={settings.system}
                    onInput={(event) =>
                      change("system")(event.currentTarget.value)} />
        )}
      </Field>
      <div class="pair">
        <Field label="Temperature">
          {(id) => <Number id={id} value={settings.temperature} max="2"
                           step="0.1" set={change("temperature")} />}
        </Field>
        <Field label="Most tokens">
          {(id) => <Number id={id} value={settings.maxTokens} min="1"
                           step="1" set={change("maxTokens")} />}
        </Field>
      </div>
    </section>
  );
}

function Field({ label, hint, children }) {
  const id = useId();

  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children(id)}
      {hint && <p class="hint">{hint}</p>}
    </div>
  );
}

function Number({ id, value, set, min = "0", max, step }) {
  return (
    <input id={id} type="number" value={value} min={min} max={max} step={step}
           placeholder="default"
           onInput={(event) => set(event.currentTarget.value)} />
  );
}

// aliases are in no list, so that a name can be written, too
function Model({ value, set }) {
  const { rows } = useList("/models", "models", "node");
  const names = (rows ?? []).map((row) => row.id).filter((id) => id !== "*");
  const [other, setOther] = useState(false);
  const written = other || Boolean(value && rows && !names.includes(value));

  useEffect(() => {
    if (!value && names.length && !other) set(names[0]);
  }, [rows]);

  const choose = (event) => {
    const name = event.currentTarget.value;

    setOther(name === OTHER);
    set(name === OTHER ? "" : name);
  };

  return (
    <Field label="Model">
      {(id) => (
        <>
          <select id={id} value={written ? OTHER : value} onChange={choose}>
            {!names.length && !written && <option value="">none yet</option>}
            {names.map((name) => <option key={name}>{name}</option>)}
            <option value={OTHER}>another name…</option>
          </select>
          {written && (
            <input aria-label="Name of the model" value={value}
                   spellcheck={false} placeholder="its name, or an alias"
                   onInput={(event) => set(event.currentTarget.value)} />
          )}
        </>
      )}
    </Field>
  );
}
