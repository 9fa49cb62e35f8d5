// How the router is: live numbers, charts, and who did what today.

import { useResource } from "../lib/use_resource.js";
import { live } from "../lib/events.js";
import { replace } from "../lib/router.js";
import { WINDOWS, today } from "../lib/series.js";
import { useStore } from "../lib/store.js";
import { ErrorNote, Loading } from "../parts/notes.jsx";
import { PageHead } from "../parts/page_head.jsx";
import { Charts } from "./overview_charts.jsx";
import { Shares } from "./overview_shares.jsx";
import { Tiles } from "./overview_tiles.jsx";
import { Welcome } from "./overview_welcome.jsx";

const EVERY = 10_000;       // ms; what is live comes by events

export function Overview({ query }) {
  const window = WINDOWS[query.window] ? query.window : "1h";
  const stats = useResource("/stats", "stats", { every: EVERY });
  const now = useStore(live);

  return (
    <>
      <PageHead title="Overview">
        <WindowChoice value={window} />
      </PageHead>
      {!stats.data && (stats.error
        ? <ErrorNote error={stats.error} retry={stats.reload} />
        : <Loading />)}
      {stats.data && (
        <Numbers stats={stats.data} live={now} window={window} />
      )}
    </>
  );
}

function Numbers({ stats, live: events, window }) {
  const newest = events ?? stats;
  const day = today(stats, events);

  return (
    <>
      <Welcome nodes={newest.now.nodes} requests={day.requests} />
      <Tiles now={newest.now} minute={newest.last_minute} day={day}
             totals={newest.totals} />
      <Charts window={window} />
      <Shares models={stats.models} nodes={stats.nodes} />
    </>
  );
}

function WindowChoice({ value }) {
  return (
    <fieldset class="segments">
      <legend class="visually-hidden">Time shown by the charts</legend>
      {Object.entries(WINDOWS).map(([name, { label }]) => (
        <label key={name}>
          <input type="radio" name="window" value={name}
                 checked={name === value}
                 onChange={() => replace("overview",
                                         { query: { window: name } })} />
          <span>{label}</span>
        </label>
      ))}
    </fieldset>
  );
}
