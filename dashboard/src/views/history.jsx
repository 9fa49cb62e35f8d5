// The requests, newest first: filters, endless rows, one in a panel.

import { useCallback, useEffect, useRef } from "preact/hooks";
import { count, duration, exact } from "../lib/format.js";
import { filtersOf } from "../lib/filters.js";
import { health } from "../lib/health.js";
import { go, href } from "../lib/router.js";
import { useStore } from "../lib/store.js";
import { useHistory } from "../lib/use_history.js";
import { Badge } from "../parts/badge.jsx";
import { Icon } from "../parts/icon.jsx";
import { Empty, ErrorNote, Loading,
         toldByBanner } from "../parts/notes.jsx";
import { PageHead } from "../parts/page_head.jsx";
import { Table } from "../parts/table.jsx";
import { Time } from "../parts/time.jsx";
import { HistoryDetail } from "./history_detail.jsx";
import { HistoryExport } from "./history_export.jsx";
import { HistoryFilters } from "./history_filters.jsx";

export function History({ id, query }) {
  const filters = filtersOf(query);
  const top = useRef(null);
  const atTop = useCallback(() => mayMove(top.current), []);
  const list = useHistory(filters, atTop);
  const columns = columnsFor(filters);

  return (
    <>
      <PageHead title="Request History" about={said(list)}>
        <HistoryExport filters={filters} />
      </PageHead>
      <HistoryFilters filters={filters} />
      <Stale why={list.stale} />
      {list.error && !(list.rows && toldByBanner(list.error)) && (
        <ErrorNote error={list.error} retry={list.reload} />
      )}
      <div ref={top} />
      {list.waiting > 0 && <Newer n={list.waiting} reload={list.reload} />}
      <Rows list={list} columns={columns} filters={filters} />
      {id && (
        <HistoryDetail id={id} key={id}
                       known={list.rows?.find((row) => row.id === id)}
                       onClose={() => go("history", { query: filters })} />
      )}
    </>
  );
}

// while the top of the list is seen, and no row has the keyboard
function mayMove(top) {
  return !top || (top.getBoundingClientRect().top >= 0
                  && !document.querySelector(".t-history :focus-visible"));
}

function said({ rows, total, source }) {
  if (!rows?.length) return null;

  const n = total == null ? `${exact(rows.length)} loaded`
                          : `${exact(total)} requests`;
  return source === "ring" ? `${n}, of those in memory` : n;
}

// the banner says it already when the router told by events
function Stale({ why }) {
  const told = useStore(health).history;

  if (!why || told) return null;
  return (
    <p class="note warn" role="status" data-banner="history">
      <strong>This is not all of it: {why}.</strong> The recent requests, which
      are in memory, are shown.
    </p>
  );
}

function Newer({ n, reload }) {
  const show = () => {
    scrollTo({ top: 0 });
    reload();
  };

  return (
    <p class="newer">
      <button type="button" class="primary" onClick={show}>
        <Icon name="up" /> {count(n)} new
      </button>
    </p>
  );
}

function Rows({ list, columns, filters }) {
  if (!list.rows) return list.error ? null : <Loading />;
  if (!list.rows.length && !list.cursor) return <Nothing filters={filters} />;

  return (
    <>
      <Table name="t-history" caption="Requests, newest first"
             columns={columns} rows={list.rows} id={(row) => row.id}
             windowed total={list.total} />
      {list.cursor && !list.error && <End list={list} />}
      {!list.cursor && list.rows.length > 0 && (
        <p class="end quiet">This is the oldest one that is kept.</p>
      )}
    </>
  );
}

function Nothing({ filters }) {
  if (Object.keys(filters).length) {
    return (
      <Empty title="No request matches"
             action={<a class="button" href={href("history")}>
               Clear the filters
             </a>}>
        Change the filters, or wait: new requests appear by themselves.
      </Empty>
    );
  }

  return (
    <Empty title="No requests yet"
           action={<a class="button primary" href={href("playground")}>
             Open the Playground
           </a>}>
      They appear here the moment they end. Send one from the Playground, or
      point an OpenAI client to {location.origin}/v1.
    </Empty>
  );
}

// Loads the next page when the end comes near; a page may have brought no row.
function End({ list }) {
  const element = useRef(null);

  useEffect(() => {
    if (list.busy) return undefined;

    const watch = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) list.more();
    }, { rootMargin: "800px" });

    watch.observe(element.current);
    return () => watch.disconnect();
  }, [list.busy, list.more]);

  return (
    <p class="end" ref={element}>
      <button type="button" disabled={list.busy} onClick={list.more}>
        {list.busy ? "Loading…" : "Load more"}
      </button>
    </p>
  );
}

function columnsFor(filters) {
  return [
    { key: "time", label: "Time", cell: (row) => (
      <a href={href("history", { id: row.id, query: filters })}>
        <Time at={row.time} />
      </a>
    ) },
    { key: "model", label: "Model", cell: (row) => (
      <span class="strong" title={model(row)}>{row.model ?? "–"}</span>
    ) },
    { key: "node", label: "Node", cell: (row) => (
      <span title={row.node}>{row.node ?? "–"}</span>
    ) },
    { key: "duration", label: "Duration", align: "right", cell: (row) => (
      <span title={`${row.duration_ms} ms`}>{duration(row.duration_ms)}</span>
    ) },
    { key: "tokens", label: "Tokens", align: "right",
      cell: (row) => <Tokens row={row} /> },
    { key: "status", label: "Status", cell: (row) => <Status row={row} /> },
    { key: "key", label: "Key", cell: (row) => (
      <span title={row.key}>{row.key ?? "–"}</span>
    ) },
  ];
}

function model({ model: one, requested_model: asked }) {
  return asked && asked !== one ? `${one}, asked for as ${asked}` : one;
}

export function Tokens({ row }) {
  if (row.total_tokens == null && row.completion_tokens == null) return "–";

  const about = row.estimated ? "~" : "";
  const total = row.total_tokens
    ?? (row.prompt_tokens ?? 0) + row.completion_tokens;

  return (
    <span title={`${exact(row.prompt_tokens)} read, ${about}`
                 + `${exact(row.completion_tokens)} written`}>
      {about}{count(total)}
    </span>
  );
}

// of an error its code
export function Status({ row }) {
  if (row.status !== "error") return <Badge state={row.status} />;

  const what = row.error_code ?? `HTTP ${row.http_status}`;

  return (
    <Badge state="error" title={`error: ${what}`}>
      <span class="visually-hidden">error </span>{what}
    </Badge>
  );
}
