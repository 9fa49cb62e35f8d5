// One request, all of it.

import { bytes, count, duration, exact } from "../lib/format.js";
import { useResource } from "../lib/use_resource.js";
import { Badge } from "../parts/badge.jsx";
import { Copy } from "../parts/copy.jsx";
import { Dialog } from "../parts/dialog.jsx";
import { Facts } from "../parts/facts.jsx";
import { ErrorNote, Loading } from "../parts/notes.jsx";
import { Time } from "../parts/time.jsx";

const MOST = 200_000;       // characters of a body that are shown

// known: the record as the list has it, if it does
export function HistoryDetail({ id, known, onClose }) {
  const { data, error, reload } = useResource(
    `/history/${encodeURIComponent(id)}`, "record_detail");
  const record = data ?? known;

  return (
    <Dialog title="Request" onClose={onClose} kind="panel">
      {error && <ErrorNote error={error} retry={reload} />}
      {!record && !error && <Loading />}
      {record && <RecordFacts record={record} />}
      {data && <Bodies bodies={data.bodies} />}
    </Dialog>
  );
}

function RecordFacts({ record }) {
  return (
    <Facts rows={[
      ["Status", <Badge state={record.status} />],
      ["HTTP status", record.http_status],
      ["Error", record.error_code && <code>{record.error_code}</code>],
      ["Time", <Time at={record.time} />],
      ["Endpoint", <code>{record.endpoint}</code>],
      ["Model", record.model],
      ["Asked for as", record.requested_model],
      ["Node", record.node],
      ["Node's id", record.node_id && <code>{record.node_id}</code>],
      ["Key", record.key],
      ["Client", record.client_ip],
      ["Streamed", record.stream ? "yes" : "no"],
      ["Duration", exactly(record.duration_ms)],
      ["First token after", exactly(record.ttft_ms)],
      ["Waited in the queue", exactly(record.queue_ms)],
      ["Attempts", record.attempts],
      ["Tokens read", exact(record.prompt_tokens)],
      ["Tokens written", written(record)],
      ["Tokens in all", exact(record.total_tokens)],
      ["Tokens a second", speed(record)],
      ["Request", bytes(record.request_bytes)],
      ["Answer", bytes(record.response_bytes)],
      ["Router", record.router],
      ["Request id", <code>{record.request_id}</code>],
      ["Id", <code>{record.id}</code>],
    ]} />
  );
}

function exactly(ms) {
  if (ms == null) return null;
  return <span title={`${ms} ms`}>{duration(ms)}</span>;
}

function written({ completion_tokens: n, estimated }) {
  return estimated && n != null ? `${exact(n)}, counted by the router`
                                : exact(n);
}

// of what was written, since the first token
function speed({ completion_tokens: n, duration_ms: ms, ttft_ms: first }) {
  if (!n || first == null || ms <= first) return null;
  return count(n / ((ms - first) / 1000));
}

function Bodies({ bodies }) {
  if (!bodies) {
    return (
      <p class="quiet">
        Bodies are not kept. <code>llm_router_history bodies=</code> in
        nginx.conf keeps them.
      </p>
    );
  }

  return (
    <>
      <Body title="Request" text={bodies.request} />
      <Body title="Answer" text={bodies.response} />
    </>
  );
}

function Body({ title, text }) {
  if (!text) return null;

  const shown = pretty(text);

  return (
    <section class="body">
      <div class="body-head">
        <h3>{title}</h3>
        <Copy text={() => text} label="Copy" what={title} />
      </div>
      <pre tabIndex={0} aria-label={title}>
        {shown.slice(0, MOST)}{shown.length > MOST && "\n…"}
      </pre>
    </section>
  );
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
