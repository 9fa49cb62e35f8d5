// Who did what in the last 24 hours: by model and by node.

import { count, duration, exact, percent } from "../lib/format.js";
import { href } from "../lib/router.js";
import { Table } from "../parts/table.jsx";

const number = (key, label, value, format = count) => ({
  key, label, align: "right", sort: (row) => value(row) ?? -1,
  cell: (row) => <span title={exact(value(row))}>{format(value(row))}</span>,
});

const NUMBERS = [
  number("requests", "Requests", (row) => row.requests),
  number("errors", "Errors", (row) =>
    (row.requests ? row.errors / row.requests : 0), percentOf),
  number("tokens", "Tokens", (row) =>
    row.prompt_tokens + row.completion_tokens),
  number("ttft", "First token", (row) => row.ttft_ms, duration),
];

const MODELS = [
  { key: "name", label: "Model", sort: (row) => row.model ?? "",
    cell: (row) => <Place query={{ model: row.model }} name={row.model} /> },
  ...NUMBERS,
];

const NODES = [
  { key: "name", label: "Node", sort: (row) => row.name ?? "",
    cell: (row) => <Place query={{ node: row.name }} name={row.name} /> },
  ...NUMBERS,
];

export function Shares({ models, nodes }) {
  if (!models.length && !nodes.length) return null;

  return (
    <div class="shares">
      <Share title="Models, last 24 hours" columns={MODELS} rows={models}
             id={(row) => row.model} />
      <Share title="Nodes, last 24 hours" columns={NODES} rows={nodes}
             id={(row) => row.id ?? row.name} />
    </div>
  );
}

function Share({ title, columns, rows, id }) {
  return (
    <section class="card">
      <h2>{title}</h2>
      {rows.length
        ? <Table name="t-shares" caption={title} columns={columns} rows={rows}
                 id={id} />
        : <p class="quiet">None yet.</p>}
    </section>
  );
}

function Place({ query, name }) {
  if (!name) return <span class="quiet">none</span>;
  return <a href={href("history", { query })} title={name}>{name}</a>;
}

function percentOf(share) {
  return share ? percent(share) : "0";
}
