// A page of a list that is all in the browser: heading, filter, table.

import { useDeferred } from "../lib/use_deferred.js";
import { useMemo, useState } from "preact/hooks";
import { exact } from "../lib/format.js";
import { Empty, ErrorNote, Loading, toldByBanner } from "./notes.jsx";
import { PageHead } from "./page_head.jsx";
import { Table } from "./table.jsx";

// words(row): what the filter looks in; keep(row): another filter, or null;
// empty: what is shown when there are no rows at all
export function ListPage({ title, list, columns, name, what, words, id, keep,
                           empty, filters, children }) {
  const [written, setWritten] = useState("");
  const search = useDeferred(written).trim().toLowerCase();
  const rows = useMemo(() => filter(list.rows, search, words, keep),
                       [list.rows, search, words, keep]);
  const none = list.rows && !list.rows.length;

  return (
    <>
      <PageHead title={title} about={list.rows && !none
        ? said(rows.length, list, what) : null}>
        {children}
      </PageHead>
      {list.error && !(list.rows && toldByBanner(list.error)) && (
        <ErrorNote error={list.error} retry={list.reload} />
      )}
      {!list.rows && !list.error && <Loading />}
      {none && empty}
      {list.rows && !none && (
        <>
          <div class="toolbar">
            <input type="search" placeholder={`Filter ${what}`}
                   aria-label={`Filter ${what}`} value={written}
                   onInput={(event) => setWritten(event.currentTarget.value)} />
            {filters}
          </div>
          {rows.length
            ? <Table name={name} caption={title} columns={columns} rows={rows}
                     id={id} windowed />
            : <Empty title={`No ${what} match`}>
                Change or clear the filter.
              </Empty>}
          {!list.complete && rows.length > 0 && (
            <p class="more">
              <button type="button" onClick={list.more}>Load more</button>
            </p>
          )}
        </>
      )}
    </>
  );
}

function filter(rows, search, words, keep) {
  if (!rows) return [];
  if (!search && !keep) return rows;

  return rows.filter((row) => (!keep || keep(row)) && (!search
    || words(row).some((word) => word && word.toLowerCase()
      .includes(search))));
}

function said(shown, list, what) {
  const loaded = list.rows.length;

  if (shown === loaded && list.complete) return `${exact(shown)} ${what}`;
  return `${exact(shown)} of ${exact(Math.max(list.total, loaded))} ${what}`;
}
