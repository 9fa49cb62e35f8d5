// Talks to a model through /v1, as a client would.

import { useEffect, useRef, useState } from "preact/hooks";
import { COMPLETIONS } from "../lib/completion.js";
import { curl } from "../lib/curl.js";
import { currentKey } from "../lib/playground_key.js";
import { href } from "../lib/router.js";
import { requestOf, useChat } from "../lib/use_chat.js";
import { Copy } from "../parts/copy.jsx";
import { Icon } from "../parts/icon.jsx";
import { Empty } from "../parts/notes.jsx";
import { PageHead } from "../parts/page_head.jsx";
import { Answer, Question } from "./playground_turns.jsx";
import { Settings } from "./playground_settings.jsx";

export function Playground({ query }) {
  const chat = useChat();
  const [text, setText] = useState("");
  const [settings, setSettings] = useState(() => ({
    key: currentKey(), model: query.model ?? "", system: "", temperature: "",
    maxTokens: "",
  }));
  const question = text.trim();
  const next = question
    ? [...chat.turns, { role: "user", content: question }] : chat.turns;

  const send = () => {
    if (!question || chat.busy || !settings.model) return;
    setText("");
    chat.ask(question, settings);
  };

  return (
    <>
      <PageHead title="Playground">
        <Copy label="Copy as curl" what="The command"
              text={() => curl(location.origin + COMPLETIONS,
                               requestOf(settings, next))} />
        <button type="button" onClick={chat.clear}
                disabled={chat.busy || !chat.turns.length}>
          Start anew
        </button>
      </PageHead>
      <div class="playground">
        <Settings settings={settings} set={setSettings} />
        <section class="talk card" aria-label="Conversation">
          <Turns chat={chat} hasKey={Boolean(settings.key)} />
          <Writer text={text} setText={setText} send={send} chat={chat}
                  ready={Boolean(question && settings.model)} />
        </section>
      </div>
    </>
  );
}

// follows the answer while its end is seen
function Turns({ chat, hasKey }) {
  const box = useRef(null);
  const atEnd = useRef(true);
  const look = () => {
    const { scrollHeight, scrollTop, clientHeight } = box.current;
    atEnd.current = scrollHeight - scrollTop - clientHeight < 40;
  };

  useEffect(() => {
    if (atEnd.current) box.current.scrollTop = box.current.scrollHeight;
  }, [chat.turns]);

  return (
    <div class="turns" ref={box} onScroll={look} tabIndex={0} role="log"
         aria-label="Messages" aria-live="off">
      {!chat.turns.length && <Start hasKey={hasKey} />}
      {chat.turns.map((turn) => (turn.role === "user"
        ? <Question key={turn.id} turn={turn} />
        : <Answer key={turn.id} turn={turn} />))}
    </div>
  );
}

function Start({ hasKey }) {
  if (hasKey) {
    return <Empty title="Say something">The answer streams in here.</Empty>;
  }
  return (
    <Empty title="An API key is needed">
      Paste one into the settings, or <a href={href("keys")}>create one</a>.
      Requests from here are like those of any client.
    </Empty>
  );
}

function Writer({ text, setText, send, chat, ready }) {
  const submit = (event) => {
    event.preventDefault();
    send();
  };
  const key = (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  };

  return (
    <form class="writer" onSubmit={submit}>
      <textarea rows={2} aria-label="Message" value={text}
                placeholder="Write a message; Enter sends it"
                onInput={(event) => setText(event.currentTarget.value)}
                onKeyDown={key} />
      {chat.busy
        ? <button type="button" class="danger" onClick={chat.stop}>
            <Icon name="stop" /> Stop
          </button>
        : <button type="submit" class="primary" disabled={!ready}>
            <Icon name="send" /> Send
          </button>}
      <p class="visually-hidden" role="status">{told(chat.turns.at(-1))}</p>
    </form>
  );
}

const TOLD = {
  waiting: "Waiting for the answer.", streaming: "The answer comes.",
  done: "The answer is complete.", stopped: "Stopped.",
};

function told(turn) {
  return TOLD[turn?.state] ?? "";
}
