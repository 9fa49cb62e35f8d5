// A modal dialog: the browser's own, which keeps the focus inside, closes on
// Escape and gives the focus back.

import { useEffect, useId, useRef } from "preact/hooks";
import { Icon } from "./icon.jsx";

// kind "panel" stands at the side, for details
export function Dialog({ title, onClose, children, kind = "box" }) {
  const element = useRef(null);
  const heading = useId();

  useEffect(() => {
    const dialog = element.current;
    const before = document.activeElement;

    dialog.showModal();
    return () => {
      dialog.close();
      giveBack(before);
    };
  }, []);

  const close = (event) => {
    event.preventDefault();
    onClose();
  };

  return (
    <dialog ref={element} class={`dialog ${kind}`} aria-labelledby={heading}
            onCancel={close}
            onClick={(event) => event.target === element.current
                                && onClose()}>
      <div class="dialog-inside">
        <header class="dialog-head">
          <h2 id={heading}>{title}</h2>
          <button type="button" class="plain square" aria-label="Close"
                  onClick={onClose}>
            <Icon name="close" />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}

// a row may have gone meanwhile: then the page's heading is next
function giveBack(element) {
  const to = element?.isConnected && element !== document.body
    ? element : document.querySelector("h1");

  to?.focus({ preventScroll: true });
}
