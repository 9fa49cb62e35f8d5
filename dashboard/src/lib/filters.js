// The filters of the history: in the page's address, in the API's query, and
// against a record that comes live.

const FILTERS = ["model", "node", "key", "status", "from", "to"];

// those that are set, of a route's query
export function filtersOf(query) {
  const all = FILTERS.map((name) => [name, query[name]?.trim()]);

  return Object.fromEntries(all.filter(([, value]) => value));
}

export function search(filters, more = {}) {
  return new URLSearchParams({ ...filters, ...more }).toString();
}

// Would the API list this record?  As it does: a part of the model's name, in
// its case; the others whole.
export function matches(filters, record) {
  const { model, node, key, status, from, to } = filters;
  const time = Date.parse(record.time);

  return (!model || Boolean(record.model?.includes(model)))
    && (!node || record.node === node || record.node_id === node)
    && (!key || record.key === key)
    && (!status || record.status === status)
    && (!from || time >= Date.parse(from))
    && (!to || time <= Date.parse(to));
}
