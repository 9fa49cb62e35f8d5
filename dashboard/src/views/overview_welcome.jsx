// What to do first, while there is nothing to see.

import { href } from "../lib/router.js";
import { isAdmin } from "../lib/session.js";
import { Empty } from "../parts/notes.jsx";

export function Welcome({ nodes, requests }) {
  if (nodes.total === 0) {
    return (
      <Empty title="No nodes yet"
             action={isAdmin() && (
               <a class="button primary" href={href("nodes", { id: "new" })}>
                 Add a node
               </a>
             )}>
        A node is a server that answers in OpenAI's format: llama.cpp, vLLM,
        Ollama or any other. Add one here, or by llm_router_node in nginx.conf.
      </Empty>
    );
  }

  if (requests === 0) {
    return (
      <Empty title="No requests yet"
             action={(
               <a class="button primary" href={href("playground")}>
                 Open the Playground
               </a>
             )}>
        Send one from the Playground, or point an OpenAI client
        to {location.origin}/v1 with a key of the API Keys page.
      </Empty>
    );
  }

  return null;
}
