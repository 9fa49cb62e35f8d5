// One node, all of it, and what can be done with it.

import { useState } from "preact/hooks";
import { send } from "../lib/api.js";
import { count, exact } from "../lib/format.js";
import { href } from "../lib/router.js";
import { isAdmin } from "../lib/session.js";
import { useResource } from "../lib/use_resource.js";
import { Badge } from "../parts/badge.jsx";
import { Confirm } from "../parts/confirm.jsx";
import { Dialog } from "../parts/dialog.jsx";
import { Facts } from "../parts/facts.jsx";
import { Load } from "../parts/load.jsx";
import { ErrorNote, Loading } from "../parts/notes.jsx";
import { Time } from "../parts/time.jsx";
import { say } from "../parts/toast.jsx";
import { NodeAction, nextAction } from "./nodes_actions.jsx";
import { NodeForm } from "./nodes_form.jsx";

export function NodeDetail({ id, onClose, onDone }) {
  const path = `/nodes/${encodeURIComponent(id)}`;
  const { data: node, error, reload, stop } = useResource(
    path, "node", { every: 1000, event: "node" });
  const [doing, setDoing] = useState(null);
  const done = () => { reload(); onDone(); };

  if (doing === "edit") {
    return (
      <NodeForm node={node} onClose={() => setDoing(null)} onDone={done} />
    );
  }
  if (doing === "remove") {
    return (
      <Remove node={node} path={path} onStart={stop} onFail={reload}
              onClose={() => setDoing(null)}
              onDone={() => { onDone(); onClose(); }} />
    );
  }

  return (
    <Dialog title={node?.name ?? "Node"} onClose={onClose} kind="panel">
      {error && <ErrorNote error={error} retry={reload} />}
      {!node && !error && <Loading />}
      {node && isAdmin() && (
        <div class="buttons start">
          <NodeAction node={node} action={nextAction(node)} onDone={done} />
          <NodeAction node={node} action="check" onDone={done} />
          <button type="button" onClick={() => setDoing("edit")}>Edit</button>
          <button type="button" class="danger"
                  onClick={() => setDoing("remove")}>Remove</button>
        </div>
      )}
      {node && <NodeFacts node={node} />}
    </Dialog>
  );
}

// a node that is being removed is not looked at: it would be "not found"
function Remove({ node, path, onStart, onFail, onClose, onDone }) {
  const remove = async () => {
    onStart();
    try {
      await send("DELETE", path);
    } catch (error) {
      onFail();
      throw error;
    }
    say(`${node.name} is removed.`);
    onDone();
  };

  return (
    <Confirm title={`Remove ${node.name}?`} verb={`Remove ${node.name}`}
             action={remove} onClose={onClose}>
      <p>
        {node.in_flight
          ? `What it serves now, ${exact(node.in_flight)} in flight, ends with `
            + "an error. To let it finish, drain the node first."
          : "It serves nothing now. Requests go to other nodes from then on."}
      </p>
      {node.source === "nginx.conf" && (
        <p>It stands in nginx.conf: the next reload brings it back.</p>
      )}
    </Confirm>
  );
}

function NodeFacts({ node }) {
  return (
    <>
      <Facts rows={[
        ["State", <Badge state={node.state} />],
        ["Why", node.reason],
        ["Until", node.until && <Time at={node.until} />],
        ["URL", <code>{node.base_url}</code>],
        ["Kind", node.type],
        ["Load", <Load inFlight={node.in_flight}
                       max={node.max_concurrent} />],
        ["Waiting for a first token", exact(node.waiting)],
        ["Load that it tells", node.load],
        ["Tokens a second", count(node.tokens_per_second)],
        ["Requests", (
          <a href={href("history", { query: { node: node.name } })}>
            {exact(node.requests)}
          </a>
        )],
        ["Failures", exact(node.failures)],
        ["Tokens read", exact(node.prompt_tokens)],
        ["Tokens written", exact(node.completion_tokens)],
        ["Circuit", circuit(node.circuit)],
        ["Weight", node.weight],
        ["Health checks", node.check ? "on" : "off"],
        ["API key", node.has_api_key ? "stored, never shown" : "none"],
        ["Addresses", node.addresses.join(", ") || "none"],
        ["Last check", node.checked_at && <Time at={node.checked_at} ago />],
        ["Last heartbeat",
         node.last_heartbeat && <Time at={node.last_heartbeat} ago />],
        ["Added", <Time at={node.created_at} />],
        ["Comes from", node.source],
        ["Notes", node.notes],
      ]} />
      <h3>{node.discovered ? "Models, as it lists them" : "Models"}</h3>
      {node.models.length
        ? <ul class="tags">
            {node.models.map((model) => <li key={model}>{model}</li>)}
          </ul>
        : <p class="quiet">None are known yet.</p>}
    </>
  );
}

function circuit({ state, failures_in_a_row: failures }) {
  const row = failures ? `, ${failures} failures in a row` : "";
  return `${state.replace("_", " ")}${row}`;
}
