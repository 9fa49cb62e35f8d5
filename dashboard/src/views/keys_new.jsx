// The new key in clear: this once, as the router keeps its hash only.

import { href } from "../lib/router.js";
import { rememberKey } from "../lib/playground_key.js";
import { Copy } from "../parts/copy.jsx";
import { Dialog } from "../parts/dialog.jsx";

export function NewKey({ created, onClose }) {
  return (
    <Dialog title={`The key ${created.name}`} onClose={onClose}>
      <p class="note warn">
        <strong>Copy it now.</strong> It is shown this once and can't be seen
        again.
      </p>
      <p class="secret"><code>{created.key}</code></p>
      <div class="buttons">
        {created.scopes.includes("inference") && (
          <a class="button" href={href("playground")}
             onClick={() => rememberKey(created.key)}>
            Try it in the Playground
          </a>
        )}
        <Copy text={() => created.key} label="Copy the key" what="The key" />
        <button type="button" class="primary" onClick={onClose}>Done</button>
      </div>
    </Dialog>
  );
}
