// The state of a node, a key or a request: a dot and a word, which is cut where
// there is no room for it.

const TONES = {
  online: "good", active: "good", success: "good",
  draining: "info", pending: "info",
  cooling: "warn", cancelled: "warn", expired: "warn",
  offline: "bad", error: "bad", revoked: "bad",
};

export function Badge({ state, title, children }) {
  return (
    <span class={`badge ${TONES[state] ?? "plain"}`} title={title}>
      <span class="badge-text">{children ?? state}</span>
    </span>
  );
}
