// A table of rows.  On a phone a row is a card (style/tables.css), so roles
// are said: a table that is laid out otherwise is none to a browser.
//
// A column is { key, label, cell(row), sort?(row), align?, hidden? }: sort
// gives what rows are ordered by, hidden says the label to screen readers only.

import { useMemo, useRef, useState } from "preact/hooks";
import { useWindowing } from "./windowing.js";

// name: the table's class, for its widths; windowed: rows that are not seen
// are not in the page; total: of all rows, null where nobody knows; id(row) is
// the row's key
export function Table({ name, caption, columns, rows, id, windowed = false,
                        total }) {
  const body = useRef(null);
  const [order, setOrder] = useState(null);
  const sorted = useMemo(() => arrange(rows, columns, order),
                         [rows, columns, order]);

  return (
    <table role="table" class={`table ${name}`}
           aria-rowcount={windowed ? rowCount(total, rows) : undefined}>
      <caption class="visually-hidden">{caption}</caption>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map((column) => (
            <Head key={column.key} column={column} order={order}
                  setOrder={setOrder} />
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup" ref={body}>
        {windowed
          ? <Windowed body={body} rows={sorted} columns={columns} id={id} />
          : sorted.map((row) => (
            <Row key={id(row)} row={row} columns={columns} />
          ))}
      </tbody>
    </table>
  );
}

// with the heading; -1: nobody knows
function rowCount(total, rows) {
  return total === null ? -1 : (total ?? rows.length) + 1;
}

function arrange(rows, columns, order) {
  const column = order && columns.find((one) => one.key === order.key);

  if (!column) return rows;

  const sign = order.down ? -1 : 1;
  const values = new Map(rows.map((row) => [row, column.sort(row)]));
  return [...rows].sort((a, b) => {
    const left = values.get(a), right = values.get(b);
    return left < right ? -sign : left > right ? sign : 0;
  });
}

function Head({ column, order, setOrder }) {
  const now = order?.key === column.key ? order : null;
  const attributes = {
    role: "columnheader", scope: "col",
    class: `c-${column.key} ${column.align ?? ""}`,
  };

  if (!column.sort) {
    return (
      <th {...attributes}>
        <span class={column.hidden ? "visually-hidden" : ""}>
          {column.label}
        </span>
      </th>
    );
  }

  return (
    <th {...attributes}
        aria-sort={now ? (now.down ? "descending" : "ascending") : "none"}>
      <button type="button" class="sort"
              onClick={() => setOrder(turn(now, column.key))}>
        {column.label}
        <span aria-hidden="true">{now ? (now.down ? "↓" : "↑") : ""}</span>
      </button>
    </th>
  );
}

// up, down, as it came
function turn(now, key) {
  if (!now) return { key, down: false };
  return now.down ? null : { key, down: true };
}

function Windowed({ body, rows, columns, id }) {
  const { first, last, before, after } = useWindowing(body, rows.length);

  return (
    <>
      <Space key="before" height={before} span={columns.length} />
      {rows.slice(first, last).map((row, i) => (
        <Row key={id(row)} row={row} columns={columns} at={first + i} />
      ))}
      <Space key="after" height={after} span={columns.length} />
    </>
  );
}

function Space({ height, span }) {
  if (!height) return null;

  return (
    <tr class="space" aria-hidden="true">
      <td colSpan={span} style={{ height: `${height}px` }} />
    </tr>
  );
}

function Row({ row, columns, at }) {
  return (
    <tr role="row" data-row="" aria-rowindex={at == null ? undefined : at + 2}>
      {columns.map((column) => (
        <td key={column.key} role="cell" data-label={column.label}
            class={`c-${column.key} ${column.align ?? ""}`}>
          {column.cell(row)}
        </td>
      ))}
    </tr>
  );
}
