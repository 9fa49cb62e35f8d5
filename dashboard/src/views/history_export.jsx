// The history as a file, with the filters that are set.  The API names it.

import { API } from "../lib/api.js";
import { search } from "../lib/filters.js";
import { Icon } from "../parts/icon.jsx";

export function HistoryExport({ filters }) {
  return (
    <>
      <Link format="csv" filters={filters} />
      <Link format="json" filters={filters} />
    </>
  );
}

function Link({ format, filters }) {
  return (
    <a class="button" download
       href={`${API}/history/export?${search(filters, { format })}`}>
      <Icon name="download" />
      <span class="visually-hidden">Export as </span>{format.toUpperCase()}
    </a>
  );
}
