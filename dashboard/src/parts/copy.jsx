// A button that copies a text, and says that it did.

import { useState } from "preact/hooks";
import { Icon } from "./icon.jsx";
import { say } from "./toast.jsx";

export function Copy({ text, label, what }) {
  const [copied, setCopied] = useState(false);

  const copy = async () => {
    if (await write(text())) {
      setCopied(true);
      setTimeout(() => setCopied(false), 2000);
      say(`${what} copied.`);
    } else {
      say("The browser does not allow copying here: select the text instead.");
    }
  };

  return (
    <button type="button" onClick={copy}>
      <Icon name="copy" /> {copied ? "Copied" : label}
    </button>
  );
}

// navigator.clipboard is there by https and on localhost only
async function write(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return writeOld(text);
  }
}

function writeOld(text) {
  const area = document.createElement("textarea");
  const host = document.querySelector("dialog[open]") ?? document.body;
  const before = document.activeElement;

  area.value = text;
  area.className = "visually-hidden";
  host.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  before?.focus();
  return done;
}
