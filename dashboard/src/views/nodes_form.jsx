// Adds a node, or changes one.

import { send } from "../lib/api.js";
import { kinds } from "../lib/fields.js";
import { Dialog } from "../parts/dialog.jsx";
import { Form } from "../parts/form.jsx";
import { say } from "../parts/toast.jsx";

const TYPES = ["openai", "llamacpp", "vllm", "ollama", "sglang", "tgi",
               "lmstudio"];

const FIELDS = [
  { name: "base_url", label: "URL", ...kinds.text, inputMode: "url",
    autofocus: true, placeholder: "http://127.0.0.1:8000",
    hint: "Where its API is, with or without /v1." },
  { name: "name", label: "Name", ...kinds.text,
    hint: "Left empty: its host and port." },
  { name: "models", label: "Models", ...kinds.names,
    hint: "With commas between them; * is any. Left empty: it is asked." },
  { name: "max_concurrent", label: "Requests at once", ...kinds.number,
    hint: "Left empty: as it says itself, or no limit." },
  { name: "weight", label: "Weight", ...kinds.number, initial: 1,
    hint: "1 to 1000: a node of weight 2 gets twice as much." },
  { name: "api_key", label: "API key", ...kinds.text, type: "password",
    autocomplete: "new-password", keep: true,
    hint: "Sent to the node; never shown again." },
  { name: "check", label: "Check its health", type: "check", initial: true,
    hint: "Without it a node needs models, and counts as online always." },
  { name: "notes", label: "Notes", ...kinds.text },
];

const TYPE = {
  name: "type", label: "Kind", ...kinds.text, type: "select", keep: true,
  options: [["", "Find out"], ...TYPES.map((type) => [type, type])],
};

// node: null for a new one, whose kind may be said
export function NodeForm({ node, onClose, onDone }) {
  const fields = node ? FIELDS : [...FIELDS.slice(0, 2), TYPE,
                                  ...FIELDS.slice(2)];

  const save = async (values) => {
    const saved = node
      ? await send("PATCH", `/nodes/${encodeURIComponent(node.id)}`, values,
                   "node")
      : await send("POST", "/nodes", values, "node");

    say(`${saved.name} is ${node ? "changed" : "added"}.`);
    onDone();
    onClose();
  };

  return (
    <Dialog title={node ? `Edit ${node.name}` : "Add a node"}
            onClose={onClose}>
      {node?.source === "nginx.conf" && (
        <p class="note">
          It stands in nginx.conf: the next reload takes what is there.
        </p>
      )}
      <Form fields={fields} old={node && asWritten(node)} save={save}
            verb={node ? "Save" : "Add"} onCancel={onClose} />
    </Dialog>
  );
}

// models that were found out are not those of its configuration
function asWritten(node) {
  return { ...node, models: node.discovered ? null : node.models };
}
