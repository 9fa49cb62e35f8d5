// What can be done with a node, as buttons.

import { useState } from "preact/hooks";
import { send } from "../lib/api.js";
import { hint } from "../lib/hints.js";
import { say } from "../parts/toast.jsx";

const ACTIONS = {
  approve: { label: "Approve", done: "is approved" },
  resume: { label: "Resume", done: "takes requests again" },
  drain: { label: "Drain",
           done: "finishes what it has and gets nothing new" },
  check: { label: "Check now", done: "was looked at" },
};

// what one most likely wants to do with it
export function nextAction(node) {
  if (node.state === "pending") return "approve";
  return node.state === "draining" ? "resume" : "drain";
}

export function NodeAction({ node, action, onDone }) {
  const [busy, setBusy] = useState(false);
  const { label, done } = ACTIONS[action];

  const act = async () => {
    setBusy(true);
    try {
      await send("POST", `/nodes/${encodeURIComponent(node.id)}/${action}`);
      say(`${node.name} ${done}.`);
    } catch (error) {
      say([`${error.message}.`, hint(error)].filter(Boolean).join(" "));
    }
    setBusy(false);
    onDone();
  };

  return (
    <button type="button" disabled={busy} onClick={act}
            aria-label={`${label} ${node.name}`}>
      {label}
    </button>
  );
}
