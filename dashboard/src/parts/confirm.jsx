// Asks before something that can't be undone.  action() may fail: then the
// dialog stays and says why.

import { useState } from "preact/hooks";
import { Dialog } from "./dialog.jsx";
import { ErrorNote } from "./notes.jsx";

export function Confirm({ title, children, verb, action, onClose }) {
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);

  const go = async () => {
    setBusy(true);
    try {
      await action();
      onClose();
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };

  return (
    <Dialog title={title} onClose={onClose}>
      {children}
      {error && <ErrorNote error={error} />}
      <div class="buttons">
        <button type="button" onClick={onClose}>Cancel</button>
        <button type="button" class="danger" disabled={busy} onClick={go}>
          {verb}
        </button>
      </div>
    </Dialog>
  );
}
