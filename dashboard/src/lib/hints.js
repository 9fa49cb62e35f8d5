// What to do about an error, by its code: said after its message.

const HINTS = {
  // of the admin API
  address_not_allowed:
    "llm_router_node_allow in nginx.conf says where nodes may be.",
  csrf: "Reload the page and try again.",
  forbidden: "Log in as a user with the role admin to change things.",
  loopback_only:
    "Set llm_router_admin in nginx.conf, or open this page on the machine "
    + "itself, as http://localhost.",
  name_in_use: "Choose another name.",
  not_found: "It may have been removed meanwhile.",
  url_in_use: "Edit the node that has this URL.",
  zone_full: "Give llm_router_zone more memory in nginx.conf.",

  // of the inference API
  invalid_api_key: "Paste a key of the API Keys page, or make one there.",
  insufficient_quota: "Look at the provider's account.",
  model_not_allowed: "Use another model, or allow it on the API Keys page.",
  model_not_found: "The Models page has what is there.",
  no_nodes: "Look at the Nodes page: none is online for this model.",
  queue_full: "Too much waits already: try again, or add a node.",
  queue_timeout: "All nodes are busy: try again, or add a node.",
  rate_limit_exceeded: "The key's limit is on the API Keys page.",
  timeout:
    "The node was silent for too long: look at it, or raise "
    + "llm_router_request_timeout.",
  upstream_error: "The node failed: its log may say more.",
};

export function hint(error) {
  if (error.retryAfter) return `Try again in ${error.retryAfter} s.`;
  if (error.status === 0) {
    return "Check that nginx runs and can be reached. This page keeps trying.";
  }
  return HINTS[error.code] ?? null;
}
