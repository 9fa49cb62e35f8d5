// What was asked and what was answered, with its figures.

import { count, duration, exact } from "../lib/format.js";
import { ErrorNote } from "../parts/notes.jsx";

export function Question({ turn }) {
  return <div class="turn question"><p class="text">{turn.content}</p></div>;
}

export function Answer({ turn }) {
  return (
    <div class={`turn answer ${turn.state}`} data-state={turn.state}>
      {turn.content && <p class="text">{turn.content}</p>}
      {turn.state === "waiting" && <p class="quiet">Waiting…</p>}
      {turn.error && <ErrorNote error={turn.error} />}
      {turn.state === "stopped" && <p class="quiet">Stopped.</p>}
      {turn.finish === "length" && (
        <p class="quiet">Cut: the limit of tokens was reached.</p>
      )}
      <Figures turn={turn} />
    </div>
  );
}

function Figures({ turn: { node, queued, figures } }) {
  if (!node && !figures) return null;

  const about = figures?.estimated ? "~" : "";

  return (
    <dl class="figures">
      <Figure name="node" label="Node" value={node} />
      <Figure name="queued" label="Queued"
              value={queued && duration(Number(queued))} />
      {figures && (
        <>
          <Figure name="ttft" label="First token"
                  value={duration(figures.ttft)} />
          <Figure name="speed" label="Tokens/s"
                  value={figures.speed && about + count(figures.speed)} />
          <Figure name="tokens" label="Tokens"
                  value={`${exact(figures.read)} read, `
                         + `${about}${exact(figures.written)} written`} />
          <Figure name="total" label="In all"
                  value={duration(figures.total)} />
        </>
      )}
    </dl>
  );
}

function Figure({ name, label, value }) {
  if (!value) return null;
  return (
    <div data-figure={name}>
      <dt>{label}</dt>
      <dd>{value}</dd>
    </div>
  );
}
