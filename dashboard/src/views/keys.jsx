// The API keys.

import { useMemo, useState } from "preact/hooks";
import { send } from "../lib/api.js";
import { count, duration, exact, localDay, moment } from "../lib/format.js";
import { href } from "../lib/router.js";
import { isAdmin } from "../lib/session.js";
import { useList } from "../lib/use_list.js";
import { Badge } from "../parts/badge.jsx";
import { Confirm } from "../parts/confirm.jsx";
import { Icon } from "../parts/icon.jsx";
import { ListPage } from "../parts/list_page.jsx";
import { Empty } from "../parts/notes.jsx";
import { Time } from "../parts/time.jsx";
import { say } from "../parts/toast.jsx";
import { KeyForm } from "./keys_form.jsx";
import { NewKey } from "./keys_new.jsx";

// doing: { what: "create" | "edit" | "revoke" | "show", key }
export function Keys() {
  const list = useList("/keys", "keys");
  const [doing, setDoing] = useState(null);
  const columns = useMemo(() => columnsFor(setDoing), []);
  const close = () => setDoing(null);

  return (
    <>
      <ListPage title="API Keys" list={list} columns={columns} name="t-keys"
                what="keys" words={words} id={(key) => key.id}
                empty={<NoKeys />}>
        {isAdmin() && (
          <button type="button" class="primary"
                  onClick={() => setDoing({ what: "create", key: null })}>
            <Icon name="add" /> Create a key
          </button>
        )}
      </ListPage>
      {doing && (
        <Doing doing={doing} setDoing={setDoing} onClose={close}
               onDone={list.reload} />
      )}
    </>
  );
}

function Doing({ doing: { what, key }, setDoing, onClose, onDone }) {
  if (what === "show") return <NewKey created={key} onClose={onClose} />;
  if (what === "revoke") {
    return <Revoke apiKey={key} onClose={onClose} onDone={onDone} />;
  }
  return (
    <KeyForm apiKey={key} onClose={onClose} onDone={onDone}
             onCreated={(made) => setDoing({ what: "show", key: made })} />
  );
}

function Revoke({ apiKey, onClose, onDone }) {
  const revoke = async () => {
    await send("DELETE", `/keys/${encodeURIComponent(apiKey.id)}`);
    say(`The key ${apiKey.name} is revoked.`);
    onDone();
  };

  return (
    <Confirm title={`Revoke ${apiKey.name}?`} verb={`Revoke ${apiKey.name}`}
             action={revoke} onClose={onClose}>
      <p>
        The next request with it is refused. This can't be undone: whoever
        uses it needs another key.
      </p>
      {apiKey.source === "nginx.conf" && (
        <p>It stands in nginx.conf: the next reload brings it back.</p>
      )}
    </Confirm>
  );
}

function words(key) {
  return [key.name, key.prefix, key.state, ...key.scopes];
}

function NoKeys() {
  return (
    <Empty title="No API keys yet">
      Clients need one for /v1. {isAdmin()
        ? "Create one with the button above." : "An admin can create one."}
    </Empty>
  );
}

function columnsFor(setDoing) {
  const columns = [
    { key: "name", label: "Name", sort: (key) => key.name.toLowerCase(),
      cell: (key) => <Name apiKey={key} /> },
    { key: "state", label: "State", sort: (key) => key.state,
      cell: (key) => <State apiKey={key} /> },
    { key: "scopes", label: "For", cell: (key) => <Scopes apiKey={key} /> },
    { key: "limits", label: "Limits", cell: (key) => <Limits apiKey={key} /> },
    { key: "requests", label: "Requests", align: "right",
      sort: (key) => key.requests, cell: (key) => <Requests apiKey={key} /> },
    { key: "used", label: "Last used", align: "right",
      sort: (key) => key.last_used_at ?? "",
      cell: (key) => (key.last_used_at ? <Time at={key.last_used_at} ago />
                                       : <span class="quiet">never</span>) },
  ];

  if (isAdmin()) {
    columns.push({
      key: "actions", label: "Actions", hidden: true, align: "right",
      cell: (key) => <Actions apiKey={key} setDoing={setDoing} />,
    });
  }
  return columns;
}

function Name({ apiKey }) {
  return (
    <>
      <span class="strong" title={apiKey.name}>{apiKey.name}</span>
      <span class="below"><code>{apiKey.prefix || "hashed"}…</code></span>
    </>
  );
}

function State({ apiKey }) {
  const expires = moment(apiKey.expires_at);

  return (
    <>
      <Badge state={apiKey.state} />
      {expires && (
        <span class="below" title={expires.toISOString()}>
          {expires > Date.now()
            ? expires - Date.now() < 86_400_000
              ? `for ${duration(expires - Date.now())}`
              : `until ${localDay(expires)}`
            : `since ${localDay(expires)}`}
        </span>
      )}
    </>
  );
}

function Scopes({ apiKey }) {
  const models = apiKey.models?.join(", ");

  return (
    <>
      <span>{apiKey.scopes.join(", ") || "nothing"}</span>
      <span class="below" title={models}>{models ?? "all models"}</span>
    </>
  );
}

function Limits({ apiKey }) {
  const limits = [
    apiKey.rpm != null && `${count(apiKey.rpm)} requests/min`,
    apiKey.tpm != null && `${count(apiKey.tpm)} tokens/min`,
    apiKey.max_concurrent != null && `${count(apiKey.max_concurrent)} at once`,
    apiKey.priority != null && `priority ${apiKey.priority}`,
  ].filter(Boolean);

  if (!limits.length) return <span class="quiet">no limits</span>;
  return (
    <>
      <span title={limits.join(", ")}>{limits[0]}</span>
      {limits.length > 1 && (
        <span class="below">{limits.slice(1).join(", ")}</span>
      )}
    </>
  );
}

function Requests({ apiKey }) {
  const tokens = apiKey.prompt_tokens + apiKey.completion_tokens;

  return (
    <>
      <a href={href("history", { query: { key: apiKey.name } })}
         title={exact(apiKey.requests)}>{count(apiKey.requests)}</a>
      <span class="below" title={exact(tokens)}>{count(tokens)} tokens</span>
    </>
  );
}

function Actions({ apiKey, setDoing }) {
  return (
    <span class="buttons tight">
      <button type="button" aria-label={`Edit ${apiKey.name}`}
              onClick={() => setDoing({ what: "edit", key: apiKey })}>
        Edit
      </button>
      <button type="button" aria-label={`Revoke ${apiKey.name}`}
              onClick={() => setDoing({ what: "revoke", key: apiKey })}>
        Revoke
      </button>
    </span>
  );
}
