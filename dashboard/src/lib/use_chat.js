// A conversation with a model: what was said, and one answer at a time that
// streams in.

import { useEffect, useRef, useState } from "preact/hooks";
import { complete } from "./completion.js";

// a turn: { id, role, content, state?, node?, figures?, error? }; the state of
// an answer is "waiting", "streaming", "done", "stopped" or "failed"
export function useChat() {
  const [turns, setTurns] = useState([]);
  const control = useRef(null);
  const last = turns.at(-1);
  const busy = last?.state === "waiting" || last?.state === "streaming";

  useEffect(() => () => control.current?.abort(), []);

  const ask = async (text, settings) => {
    const question = { id: turns.length, role: "user", content: text };
    const answer = { id: turns.length + 1, role: "assistant", content: "",
                     state: "waiting" };
    const all = [...turns, question];

    setTurns([...all, answer]);
    control.current = new AbortController();
    await run(requestOf(settings, all), settings.key, control.current.signal,
              (part) => setTurns((old) => changedLast(old, part)));
  };

  return {
    turns, busy, ask,
    stop: () => control.current?.abort(),
    clear: () => setTurns([]),
  };
}

function changedLast(turns, part) {
  const last = turns.at(-1);
  return last?.role === "assistant"
    ? [...turns.slice(0, -1), { ...last, ...part }] : turns;
}

// the body of the request; answers that failed are not told to the model
export function requestOf({ model, system, temperature, maxTokens }, turns) {
  const messages = turns.filter((turn) => turn.content)
    .map(({ role, content }) => ({ role, content }));

  if (system.trim()) {
    messages.unshift({ role: "system", content: system.trim() });
  }

  const body = { model, messages, stream: true,
                 stream_options: { include_usage: true } };

  if (temperature !== "") body.temperature = Number(temperature);
  if (maxTokens !== "") body.max_tokens = Number(maxTokens);
  return body;
}

async function run(body, key, signal, change) {
  const clock = { start: performance.now(), first: null, last: null,
                  pieces: 0 };
  const text = drawn(change);

  try {
    const end = await complete(body, key, signal, {
      onStart: (start) => change({ state: "streaming", ...start }),
      onText: (piece, when) => {
        clock.first ??= when;
        clock.last = when;
        clock.pieces++;
        text.add(piece);
      },
    });
    text.flush();
    change({ state: "done", finish: end.finish,
             figures: figures(clock, end.usage) });
  } catch (error) {
    text.flush();
    change({ figures: clock.first ? figures(clock, null) : null,
             ...(signal.aborted ? { state: "stopped" }
                                : { state: "failed", error }) });
  }
}

// pieces come faster than they can be drawn
function drawn(change) {
  let content = "";
  let frame = 0;
  const draw = () => { frame = 0; change({ content }); };

  return {
    add(piece) {
      content += piece;
      frame ||= requestAnimationFrame(draw);
    },
    flush() {
      cancelAnimationFrame(frame);
      if (content) draw();
    },
  };
}

const SHORTEST = 0.05;      // s that a speed is told of

// without usage the pieces are counted
function figures({ start, first, last, pieces }, usage) {
  const written = usage?.completion_tokens ?? pieces;
  const seconds = (last - first) / 1000;

  return {
    ttft: first === null ? null : first - start,
    total: performance.now() - start,
    read: usage?.prompt_tokens ?? null,
    written,
    estimated: !usage,
    speed: written > 1 && seconds >= SHORTEST ? (written - 1) / seconds : null,
  };
}
