// The models, and the nodes that have them.

import { count } from "../lib/format.js";
import { href } from "../lib/router.js";
import { useList } from "../lib/use_list.js";
import { Load } from "../parts/load.jsx";
import { ListPage } from "../parts/list_page.jsx";
import { Empty } from "../parts/notes.jsx";

const SHOWN = 3;            // nodes of a row

const COLUMNS = [
  { key: "name", label: "Model", sort: (model) => model.id.toLowerCase(),
    cell: (model) => <Name model={model} /> },
  { key: "nodes", label: "Nodes", sort: (model) => model.nodes_total,
    cell: (model) => <Nodes model={model} /> },
  { key: "online", label: "Online", align: "right",
    sort: (model) => model.capacity.online_nodes,
    cell: (model) => <Online model={model} /> },
  { key: "load", label: "Load", sort: (model) => model.capacity.in_flight,
    cell: ({ capacity }) => (
      <Load inFlight={capacity.in_flight} max={capacity.max_concurrent} />
    ) },
  { key: "speed", label: "Tokens/s", align: "right",
    sort: (model) => model.tokens_per_second ?? -1,
    cell: (model) => count(model.tokens_per_second) },
  { key: "actions", label: "More", hidden: true, align: "right",
    cell: (model) => <More model={model} /> },
];

export function Models() {
  const list = useList("/models", "models", "node");

  return (
    <ListPage title="Models" list={list} columns={COLUMNS} name="t-models"
              what="models" words={words} id={(model) => model.id}
              empty={<NoModels />} />
  );
}

function words(model) {
  return [model.id, model.owned_by, ...model.nodes.map((node) => node.name)];
}

function NoModels() {
  return (
    <Empty title="No models yet"
           action={<a class="button" href={href("nodes")}>To the nodes</a>}>
      Models come from nodes: each is asked for its list. Add a node, or look
      why none is online.
    </Empty>
  );
}

function Name({ model }) {
  return (
    <>
      <span class="strong" title={model.id}>
        {model.id === "*" ? "any (*)" : model.id}
      </span>
      {model.owned_by && <span class="below">{model.owned_by}</span>}
    </>
  );
}

function Nodes({ model }) {
  const shown = model.nodes.slice(0, SHOWN);
  const more = model.nodes_total - shown.length;

  return (
    <span class="node-list">
      {shown.map((node) => (
        <a key={node.id} class={`dot ${node.state}`}
           href={href("nodes", { id: node.id })}
           title={`${node.name}: ${node.state}`}>
          {node.name}
          <span class="visually-hidden"> ({node.state})</span>
        </a>
      ))}
      {more > 0 && <span class="quiet">and {count(more)} more</span>}
    </span>
  );
}

function Online({ model }) {
  const { online_nodes: online } = model.capacity;

  return (
    <span class={online ? "" : "bad-text"}>
      {count(online)} of {count(model.nodes_total)}
    </span>
  );
}

function More({ model }) {
  if (model.id === "*") return null;
  return (
    <span class="links">
      <a href={href("history", { query: { model: model.id } })}>
        Requests<span class="visually-hidden"> for {model.id}</span>
      </a>
      <a href={href("playground", { query: { model: model.id } })}>
        Try it<span class="visually-hidden"> with {model.id}</span>
      </a>
    </span>
  );
}
