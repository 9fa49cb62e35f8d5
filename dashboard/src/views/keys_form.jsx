// Creates a key, or changes one.

import { send } from "../lib/api.js";
import { kinds } from "../lib/fields.js";
import { Dialog } from "../parts/dialog.jsx";
import { Form } from "../parts/form.jsx";
import { say } from "../parts/toast.jsx";

const FIELDS = [
  { name: "name", label: "Name", ...kinds.text, autofocus: true,
    hint: "Who or what uses it; it stands in logs and in the history." },
  { name: "scopes", label: "For", type: "checks", initial: ["inference"],
    options: [["inference", "Requests to models"],
              ["node", "Nodes that announce themselves"],
              ["admin", "The admin API"]] },
  { name: "auto_approve", label: "Nodes that announce themselves with it "
    + "need no approval", type: "check", initial: false },
  { name: "models", label: "Models", ...kinds.names, placeholder: "llama*",
    hint: "With commas between them; * stands for any text. Left empty: "
    + "all." },
  { name: "rpm", label: "Requests a minute", ...kinds.number,
    hint: "Left empty: no limit." },
  { name: "tpm", label: "Tokens a minute", ...kinds.number,
    hint: "Left empty: no limit." },
  { name: "max_concurrent", label: "Requests at once", ...kinds.number,
    hint: "What is more waits. Left empty: no limit." },
  { name: "priority", label: "Priority", ...kinds.number,
    hint: "1 to 100: higher ones leave the queue first." },
  { name: "expires_at", label: "Valid until", ...kinds.time,
    hint: "Left empty: it does not expire." },
];

export function KeyForm({ apiKey, onClose, onDone, onCreated }) {
  const save = async (values) => {
    if (apiKey) {
      await send("PATCH", `/keys/${encodeURIComponent(apiKey.id)}`, values,
                 "key");
      say(`The key ${values.name ?? apiKey.name} is changed.`);
      onClose();
    } else {
      onCreated(await send("POST", "/keys", values, "created_key"));
    }
    onDone();
  };

  return (
    <Dialog title={apiKey ? `Edit ${apiKey.name}` : "Create a key"}
            onClose={onClose}>
      {apiKey?.source === "nginx.conf" && (
        <p class="note">
          It stands in nginx.conf: the next reload takes what is there.
        </p>
      )}
      <Form fields={FIELDS} old={apiKey} save={save}
            verb={apiKey ? "Save" : "Create"} onCancel={onClose} />
    </Dialog>
  );
}
