// What is true of the whole page and should be known: old data, the password
// that everybody knows.

import { health } from "../lib/health.js";
import { session } from "../lib/session.js";
import { useStore } from "../lib/store.js";
import { Time } from "./time.jsx";

export function Banners() {
  const now = useStore(health);
  const user = useStore(session);

  return (
    <div class="banners" role="status" aria-live="polite">
      {user?.default_password && <DefaultPassword />}
      {now.api ? <ApiFails api={now.api} />
               : now.events && <EventsLost since={now.events.since} />}
      {now.history && <HistoryStale why={now.history} />}
      {now.shape && <OtherVersion what={now.shape} />}
    </div>
  );
}

function DefaultPassword() {
  return (
    <p class="banner warn" data-banner="password">
      <strong>The default password is in use.</strong> It works from this
      machine only. Set your own
      with <code>llm_router_admin user=… password=…;</code> in nginx.conf, or
      with <code>LLM_ROUTER_ADMIN_PASSWORD</code>.
    </p>
  );
}

function ApiFails({ api }) {
  return (
    <p class="banner bad" data-banner="api">
      <strong>{api.message}.</strong> What you see is
      of <Time at={api.since} /> or older. Check that nginx runs and can be
      reached; this page keeps trying.
    </p>
  );
}

function EventsLost({ since }) {
  return (
    <p class="banner warn" data-banner="events">
      <strong>No live updates since <Time at={since} />.</strong> Numbers may
      be old; this page connects again by itself.
    </p>
  );
}

function HistoryStale({ why }) {
  return (
    <p class="banner warn" data-banner="history">
      <strong>Redis is away ({why}).</strong> The history shows the recent
      requests that are in memory; they are written when it is back.
    </p>
  );
}

function OtherVersion({ what }) {
  return (
    <p class="banner warn" data-banner="shape">
      <strong>This page and the router do not fit together.</strong> Reload
      the page. <span class="quiet">{what}</span>
    </p>
  );
}
