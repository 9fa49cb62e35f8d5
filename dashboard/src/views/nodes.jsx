// All nodes; one of them in a panel at the side (nodes_detail.jsx).

import { useMemo, useState } from "preact/hooks";
import { count } from "../lib/format.js";
import { go, href } from "../lib/router.js";
import { isAdmin } from "../lib/session.js";
import { useList } from "../lib/use_list.js";
import { Badge } from "../parts/badge.jsx";
import { Icon } from "../parts/icon.jsx";
import { Load } from "../parts/load.jsx";
import { Empty } from "../parts/notes.jsx";
import { ListPage } from "../parts/list_page.jsx";
import { Time } from "../parts/time.jsx";
import { NodeDetail } from "./nodes_detail.jsx";
import { NodeForm } from "./nodes_form.jsx";
import { NodeAction, nextAction } from "./nodes_actions.jsx";

const STATES = ["online", "cooling", "draining", "offline", "pending"];

export function Nodes({ id }) {
  const list = useList("/nodes", "nodes", "node");
  const [state, setState] = useState("");
  const columns = useMemo(() => columnsFor(list.reload), [list.reload]);
  const close = () => go("nodes");

  return (
    <>
      <ListPage title="Nodes" list={list} columns={columns} name="t-nodes"
                what="nodes" words={words} id={(node) => node.id}
                keep={state ? (node) => node.state === state : null}
                empty={<NoNodes />}
                filters={<StateFilter value={state} set={setState} />}>
        {isAdmin() && (
          <button type="button" class="primary"
                  onClick={() => go("nodes", { id: "new" })}>
            <Icon name="add" /> Add a node
          </button>
        )}
      </ListPage>
      {id === "new" && isAdmin() && (
        <NodeForm node={null} onClose={close} onDone={list.reload} />
      )}
      {id && id !== "new" && (
        <NodeDetail id={id} key={id} onClose={close} onDone={list.reload} />
      )}
    </>
  );
}

function words(node) {
  return [node.name, node.base_url, node.type, node.notes, ...node.models];
}

function StateFilter({ value, set }) {
  return (
    <select aria-label="State" value={value}
            onChange={(event) => set(event.currentTarget.value)}>
      <option value="">All states</option>
      {STATES.map((state) => <option key={state}>{state}</option>)}
    </select>
  );
}

function NoNodes() {
  return (
    <Empty title="No nodes yet">
      A node is a server that answers in OpenAI's
      format. {isAdmin() ? "Add one with the button above" : "Add one"}, by
      llm_router_node in nginx.conf, or let it announce itself with a key of
      the scope "node".
    </Empty>
  );
}

function columnsFor(reload) {
  const columns = [
    { key: "name", label: "Name", sort: (node) => node.name.toLowerCase(),
      cell: (node) => <Name node={node} /> },
    { key: "state", label: "State", sort: (node) => STATES.indexOf(node.state),
      cell: (node) => <State node={node} /> },
    { key: "models", label: "Models", sort: (node) => node.models_total,
      cell: (node) => <Models node={node} /> },
    { key: "load", label: "Load", sort: (node) => node.in_flight,
      cell: (node) => (
        <Load inFlight={node.in_flight} max={node.max_concurrent} />
      ) },
    { key: "speed", label: "Tokens/s", align: "right",
      sort: (node) => node.tokens_per_second ?? -1,
      cell: (node) => count(node.tokens_per_second) },
    { key: "failures", label: "Failures", align: "right",
      sort: (node) => node.failures,
      cell: (node) => <Failures node={node} /> },
  ];

  if (isAdmin()) {
    columns.push({
      key: "actions", label: "Actions", hidden: true, align: "right",
      cell: (node) => (
        <NodeAction node={node} action={nextAction(node)} onDone={reload} />
      ),
    });
  }
  return columns;
}

function Name({ node }) {
  return (
    <>
      <a class="strong" href={href("nodes", { id: node.id })}
         title={node.name}>{node.name}</a>
      <span class="below" title={node.base_url}>{node.base_url}</span>
    </>
  );
}

// the state, why, and until when
export function State({ node }) {
  return (
    <>
      <Badge state={node.state} />
      {node.reason && (
        <span class="below" title={node.reason}>
          {node.until && <><Time at={node.until} ago />: </>}{node.reason}
        </span>
      )}
    </>
  );
}

function Models({ node }) {
  const more = node.models_total - 1;

  if (!node.models_total) return <span class="quiet">none</span>;
  return (
    <>
      <span title={node.models.join(", ")}>{node.models[0]}</span>
      {more > 0 && <span class="below">and {more} more</span>}
    </>
  );
}

function Failures({ node }) {
  return (
    <span class={node.failures ? "warn-text" : ""}
          title={`${node.failures} of ${node.requests} requests`}>
      {count(node.failures)}
    </span>
  );
}
