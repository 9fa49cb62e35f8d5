// The state of a node, a key or a request: a dot and a word.

const TONES = {
  online: "good", active: "good", success: "good",
  draining: "info", pending: "info",
  cooling: "warn", cancelled: "warn", expired: "warn",
  offline: "bad", error: "bad", revoked: "bad",
};

export function Badge({ state, children }) {
  return (
    <span class={`badge ${TONES[state] ?? "plain"}`}>{children ?? state}</span>
  );
}
