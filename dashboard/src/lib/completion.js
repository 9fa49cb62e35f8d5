// Streams one chat completion from /v1: as any other client would, with an API
// key and not the session.

import { ApiError } from "./api.js";
import { sseParser } from "./sse.js";

export const COMPLETIONS = "/v1/chat/completions";

// Calls back onStart({ node, queued }), then onText(piece, when) with each
// piece; gives { usage, finish } at the end.  Times are of performance.now().
export async function complete(body, apiKey, signal, { onStart, onText }) {
  const answer = await reach(body, apiKey, signal);

  if (!answer.ok) throw await failure(answer);

  onStart({
    node: answer.headers.get("x-llm-router-node"),
    queued: answer.headers.get("x-queue-wait-ms"),
  });

  const type = answer.headers.get("content-type") ?? "";
  if (!type.startsWith("text/event-stream")) return whole(answer, onText);
  return stream(answer.body, onText);
}

async function reach(body, apiKey, signal) {
  try {
    return await fetch(COMPLETIONS, {
      method: "POST",
      body: JSON.stringify(body),
      headers: {
        "Content-Type": "application/json",
        Authorization: `Bearer ${apiKey}`,
      },
      credentials: "omit",
      signal,
    });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new ApiError(0, { message: "The router does not answer" });
  }
}

async function failure(answer) {
  const after = Number(answer.headers.get("retry-after")) || null;
  let json = null;

  try {
    json = await answer.json();
  } catch {
    // no JSON: the status says it
  }

  const error = json?.error;
  return new ApiError(answer.status,
                      typeof error === "string" ? { message: error } : error,
                      after);
}

// a node that doesn't stream
async function whole(answer, onText) {
  const json = await answer.json();
  const choice = json.choices?.[0];

  onText(choice?.message?.content ?? "", performance.now());
  return { usage: json.usage ?? null, finish: choice?.finish_reason ?? null };
}

async function stream(body, onText) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  const parser = sseParser();
  const end = { usage: null, finish: null };

  for (;;) {
    const { done, value } = await next(reader);
    if (done) throw broken();

    for (const data of parser.push(value)) {
      if (data === "[DONE]") return end;
      event(JSON.parse(data), end, onText);
    }
  }
}

async function next(reader) {
  try {
    return await reader.read();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw broken();
  }
}

function broken() {
  return new ApiError(200, {
    message: "The answer broke off before its end", code: "upstream_error",
  });
}

function event(json, end, onText) {
  if (json.error) throw new ApiError(json.error.status ?? 200, json.error);

  const choice = json.choices?.[0];
  const piece = choice?.delta?.content ?? choice?.delta?.reasoning_content;

  if (json.usage) end.usage = json.usage;
  if (choice?.finish_reason) end.finish = choice.finish_reason;
  if (piece) onText(piece, performance.now());
}
