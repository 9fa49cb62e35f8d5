#!/usr/bin/env python3
"""The router in front of a real engine, as the OpenAI SDK sees it.

run.sh starts three engines, each with one model, and the router in front:

    tiny-chat     as the engine's defaults have it: a request that arrives
                  while a stream runs ends that stream, GET /v1/models too
    tiny-strict   the same model, one request after another
    tiny-embed    embeddings

Environment: ENGINE_CHAT, ENGINE_STRICT and ENGINE_EMBED are the engines' URLs,
ENGINE_LOGS the directory of their logs; ROUTER is the router's URL, ROUTER_KEY
its key, ROUTER_LOG its access log.  Without ROUTER the engines are asked
directly, which shows that what is expected of them here is so.

With temperature 0 the engine says the same each time, so most tests ask the
engine and the router the same question and compare the answers.
"""

import http.client
import json
import os
import re
import sys
import threading
import time
import traceback
import urllib.parse
import uuid

import openai

CHAT, STRICT, EMBED = "tiny-chat", "tiny-strict", "tiny-embed"

ENGINE = {CHAT: os.environ["ENGINE_CHAT"],
          STRICT: os.environ["ENGINE_STRICT"],
          EMBED: os.environ["ENGINE_EMBED"]}

LOGS = os.environ["ENGINE_LOGS"]
ROUTER = os.environ.get("ROUTER")
ROUTER_KEY = os.environ.get("ROUTER_KEY", "none")
ROUTER_LOG = os.environ.get("ROUTER_LOG")

ASK = [{"role": "system", "content": "You are terse."},
       {"role": "user", "content": "Say when they have time."}]

# The engine's own request ids and clock: all that may differ between two
# answers to the same question.
ID = re.compile(r'"id": ?"[^"]*"')
CREATED = re.compile(r'"created": ?\d+')

TESTS = []


class Skip(Exception):
    """The test can't be made in this set-up; the reason."""


def test(function):
    TESTS.append(function)
    return function


def router_only(function):
    """A test of what only the router promises."""

    def run():
        if not ROUTER:
            raise Skip("the router's part")
        function()

    run.__name__ = function.__name__
    run.__doc__ = function.__doc__
    TESTS.append(run)
    return function


# -- asking -----------------------------------------------------------------


def base(model, direct=False):
    return ENGINE[model] if direct or not ROUTER else ROUTER


def sdk(model, direct=False):
    return openai.OpenAI(base_url=base(model, direct) + "/v1",
                         api_key=ROUTER_KEY, max_retries=0, timeout=60)


class Raw:
    """One request with nothing between the test and the bytes."""

    def __init__(self, model, path, body, direct=False, mark=None):
        url = urllib.parse.urlsplit(base(model, direct))
        self.conn = http.client.HTTPConnection(url.hostname, url.port,
                                               timeout=60)
        self.start = time.monotonic()
        self.conn.request("POST" if body is not None else "GET", path,
                          None if body is None else json.dumps(body),
                          {"Content-Type": "application/json",
                           "X-Request-Id": mark or new_mark(),
                           "Authorization": "Bearer " + ROUTER_KEY})
        self.response = self.conn.getresponse()
        self.status = self.response.status

    def header(self, name):
        return self.response.headers.get(name)

    def read(self):
        """All of the body, as text."""
        try:
            return self.response.read().decode()
        finally:
            self.conn.close()

    def events(self):
        """Each "data:" line's text with the seconds since the request."""
        while line := self.response.readline():
            if line.startswith(b"data:"):
                yield (line[5:].decode().strip(),
                       time.monotonic() - self.start)

    def close(self):
        """Leaves in the middle of the answer."""
        self.response.close()
        self.conn.close()


def chat(model, tokens=24, stream=False, **more):
    return {"model": model, "messages": ASK, "max_tokens": tokens,
            "temperature": 0, "stream": stream, **more}


def post(model, path, body, direct=False, mark=None):
    return Raw(model, path, body, direct, mark)


def new_mark():
    """A request id that finds one request's line in the access log again.
    The engine refuses what is not 32 hexadecimal digits, but for dashes."""
    return str(uuid.uuid4())


def neutral(text):
    return CREATED.sub('"created":0', ID.sub('"id":""', text))


def contents(events):
    """What the content events of a chat stream say, one string each."""

    parts = []

    for data in events:
        if data == "[DONE]":
            continue
        for choice in json.loads(data).get("choices", []):
            if choice["delta"].get("content"):
                parts.append(choice["delta"]["content"])

    return parts


# -- looking ----------------------------------------------------------------


def wait_until(what, condition, seconds):
    end = time.monotonic() + seconds

    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)

    raise AssertionError(f"{what}: not within {seconds} s")


def engine_log(model):
    with open(os.path.join(LOGS, model + ".log"), errors="replace") as f:
        return f.read()


def dropped(model):
    """How often the engine noticed that its client had gone."""
    return engine_log(model).count("Disconnected from client")


def record(mark):
    """The access log's line of the request with this id, once it is there."""

    def find():
        with open(ROUTER_LOG) as f:
            lines = [json.loads(line) for line in f if line.endswith("\n")]
        return [r for r in lines if r["request_id"] == mark]

    return wait_until("access log", find, 5)[0]


def equal(what, got, wanted):
    assert got == wanted, f"{what}: {got!r}, not {wanted!r}"


def idle(model):
    """Returns when the engine is at nobody else's service."""
    post(model, "/v1/models", None, direct=True).read()


# -- models -----------------------------------------------------------------


@test
def models():
    """GET /v1/models lists what the engines have"""
    got = set()

    for model in [CHAT] if ROUTER else ENGINE:
        got |= {m.id for m in sdk(model).models.list()}

    equal("models", got, set(ENGINE))


@router_only
def model():
    """GET /v1/models/{id} knows each model, and no other"""

    for name in ENGINE:
        equal("id", sdk(name).models.retrieve(name).id, name)

    try:
        sdk(CHAT).models.retrieve("tiny-none")
    except openai.NotFoundError as e:
        equal("code", e.code, "model_not_found")
    else:
        raise AssertionError("a model that no engine has was found")


@router_only
def unknown_model():
    """a model that no engine has is a 404, though an engine would answer"""
    equal("engine", post(CHAT, "/v1/chat/completions", chat("tiny-none"),
                         direct=True).status, 200)
    idle(CHAT)
    try:
        sdk(CHAT).chat.completions.create(**chat("tiny-none"))
    except openai.NotFoundError as e:
        equal("code", e.code, "model_not_found")
    else:
        raise AssertionError("answered")


# -- answers ----------------------------------------------------------------


@test
def chat_whole():
    """a chat answer: content, usage, finish reason"""
    got = sdk(STRICT).chat.completions.create(**chat(STRICT, 24))

    equal("model", got.model, STRICT)
    equal("choices", len(got.choices), 1)
    equal("finish_reason", got.choices[0].finish_reason, "length")
    equal("completion_tokens", got.usage.completion_tokens, 24)
    equal("total", got.usage.total_tokens, got.usage.prompt_tokens + 24)
    assert got.usage.prompt_tokens > 10, got.usage
    assert len(got.choices[0].message.content) >= 24, got


@test
def chat_whole_same():
    """a chat answer is the engine's, byte for byte"""
    texts = []

    for direct in (True, False):
        r = post(STRICT, "/v1/chat/completions", chat(STRICT), direct)
        equal("status", r.status, 200)
        equal("type", r.header("content-type"), "application/json")
        texts.append(neutral(r.read()))

    equal("body", texts[1], texts[0])


@test
def chat_stream():
    """a chat stream says what the whole answer says, token by token"""
    whole = sdk(STRICT).chat.completions.create(**chat(STRICT, 40))
    said, reasons = [], []

    for chunk in sdk(STRICT).chat.completions.create(
            **chat(STRICT, 40, True)):
        for choice in chunk.choices:
            said.append(choice.delta.content or "")
            if choice.finish_reason:
                reasons.append(choice.finish_reason)

    equal("text", "".join(said), whole.choices[0].message.content)
    equal("finish", reasons, ["length"])
    assert 35 <= len([s for s in said if s]) <= 41, said


@test
def chat_stream_same():
    """a stream's events are the engine's, byte for byte, with [DONE]"""
    texts = []

    for direct in (True, False):
        r = post(STRICT, "/v1/chat/completions", chat(STRICT, 30, True),
                 direct)
        equal("status", r.status, 200)
        assert r.header("content-type").startswith("text/event-stream")
        data = [d for d, _ in r.events()]
        equal("end", data[-1], "[DONE]")
        texts.append([neutral(d) for d in data])

    equal("events", len(texts[1]), len(texts[0]))
    equal("data", texts[1], texts[0])


@router_only
def chat_stream_headers():
    """a stream's header is the router's, without the engine's own"""
    mark = new_mark()
    r = post(STRICT, "/v1/chat/completions", chat(STRICT, 4, True), mark=mark)
    list(r.events())

    equal("cache-control", r.header("cache-control"), "no-cache")
    equal("x-accel-buffering", r.header("x-accel-buffering"), "no")
    equal("server", "uvicorn" in (r.header("server") or ""), False)
    equal("x-request-id", r.response.headers.get_all("x-request-id"), [mark])
    assert r.header("x-llm-router-node"), r.response.headers


@test
def stream_flows():
    """events arrive while the engine still writes"""
    r = post(STRICT, "/v1/chat/completions", chat(STRICT, 800, True))
    times = [t for _, t in r.events()]

    assert len(times) > 700, f"{len(times)} events"
    assert times[0] < times[-1] / 3, f"{times[0]:.3f} of {times[-1]:.3f} s"

    # Events that were held back arrive in one moment with the next ones.
    alone = sum(b - a > 0.0003 for a, b in zip(times, times[1:]))
    print(f"# {len(times)} events in {times[-1]:.2f} s, the first after "
          f"{times[0] * 1000:.1f} ms, {alone} not together with another")
    assert alone > len(times) / 2, f"only {alone} alone"


@test
def request_id():
    """a request id that the engine would refuse does not reach it"""

    def status(mark, direct):
        r = post(STRICT, "/v1/chat/completions", chat(STRICT, 2),
                 direct, mark)
        r.read()
        return r.status

    equal("the engine, digits", status(uuid.uuid4().hex, True), 200)
    equal("the engine, a UUID", status(new_mark(), True), 200)
    equal("the engine, any other", status("job-17", True), 400)
    if ROUTER:
        equal("a UUID", status(new_mark(), False), 200)
        equal("any other", status("job-17", False), 200)


@test
def stop_string():
    """stop ends an answer early, with reason stop"""
    whole = sdk(STRICT).chat.completions.create(**chat(STRICT, 40))
    text = whole.choices[0].message.content
    stop = text[20:23]
    short = sdk(STRICT).chat.completions.create(**chat(STRICT, 40, stop=stop))

    equal("finish", short.choices[0].finish_reason, "stop")
    equal("text", short.choices[0].message.content, text[:text.find(stop)])


@test
def other_fields():
    """fields that OpenAI does not have reach the engine"""

    def say(**more):
        body = {**chat(STRICT, 40), "temperature": 1.5, "seed": 7, **more}
        r = post(STRICT, "/v1/chat/completions", body)
        equal("status", r.status, 200)
        return json.loads(r.read())["choices"][0]["message"]["content"]

    greedy = sdk(STRICT).chat.completions.create(**chat(STRICT, 40))
    text = greedy.choices[0].message.content

    equal("top_k=1", say(top_k=1), text)
    assert say() != text, "without top_k the answer is the same"


@test
def odd_prompt():
    """a prompt of every kind of character is counted as the engine does"""
    odd = "\u00e9\u4f60\U0001f600 \"q\" \\ / \t\n\u2028 </s> <s> {}[]," * 8
    counts = []

    for direct in (True, False):
        got = sdk(STRICT, direct).chat.completions.create(
            model=STRICT, max_tokens=3, temperature=0,
            messages=[{"role": "user", "content": odd}])
        counts.append(got.usage.prompt_tokens)

    equal("prompt_tokens", counts[1], counts[0])
    assert counts[0] > 200, counts


@test
def completions():
    """completions, whole and streamed"""
    ask = {"model": STRICT, "prompt": "the time", "max_tokens": 20,
           "temperature": 0}
    texts = []

    for direct in (True, False):
        whole = sdk(STRICT, direct).completions.create(**ask)
        equal("tokens", whole.usage.completion_tokens, 20)
        texts.append(whole.choices[0].text)

    said = [c.choices[0].text
            for c in sdk(STRICT).completions.create(**ask, stream=True)]

    assert len(said) > 15, said
    equal("text", texts[1], texts[0])
    equal("stream", "".join(said), texts[0])


@test
def embeddings():
    """embeddings of one text and of several, and their usage"""
    texts = ["the time", "when they have some water", "\u4f60"]
    one = sdk(EMBED).embeddings.create(model=EMBED, input=texts[0])
    got = sdk(EMBED).embeddings.create(model=EMBED, input=texts)
    own = sdk(EMBED, direct=True).embeddings.create(model=EMBED, input=texts)

    equal("vectors", [e.index for e in got.data], [0, 1, 2])
    equal("width", {len(e.embedding) for e in got.data}, {64})
    equal("values", [e.embedding for e in got.data],
          [e.embedding for e in own.data])
    # not to the last bit: alone and among others it is summed differently
    assert all(abs(a - b) < 1e-3 for a, b in zip(
        one.data[0].embedding, got.data[0].embedding)), one
    assert got.data[0].embedding != got.data[1].embedding
    equal("usage", got.usage.prompt_tokens, own.usage.prompt_tokens)
    assert got.usage.prompt_tokens > one.usage.prompt_tokens > 0


# -- the engine's errors ----------------------------------------------------


@test
def too_long():
    """the engine's 400 passes through: context_length_exceeded"""
    ask = {"model": STRICT, "prompt": "the " * 20000, "max_tokens": 5}
    bodies = []

    for direct in (True, False):
        r = post(STRICT, "/v1/completions", ask, direct)
        equal("status", r.status, 400)
        bodies.append(r.read())

    equal("code", json.loads(bodies[0])["error"]["code"],
          "context_length_exceeded")
    equal("body", bodies[1], bodies[0])


@test
def stream_too_long():
    """the same of a stream: the engine says 200 and then nothing at all; the
    router must say that it failed"""
    ask = {"model": STRICT, "prompt": "the " * 20000, "stream": True}
    direct = post(STRICT, "/v1/completions", ask, direct=True)

    equal("engine's status", direct.status, 200)
    equal("engine's body", direct.read(), "")
    if not ROUTER:
        return

    r = post(STRICT, "/v1/completions", ask)
    text = r.read()
    print(f"# the router said {r.status}: {text[:200]}")
    assert r.status >= 500 and "error" in json.loads(text), r.status


@test
def engine_fails():
    """the engine's 500 passes through where no other node has the model"""
    ask = {"model": STRICT, "input": "the time"}
    bodies = []

    for direct in (True, False):
        r = post(STRICT, "/v1/embeddings", ask, direct)
        equal("status", r.status, 500)
        bodies.append(r.read())

    assert "embedding" in bodies[0], bodies[0]
    equal("body", bodies[1], bodies[0])

    def answered():
        r = post(STRICT, "/v1/chat/completions", chat(STRICT, 2))
        r.read()
        return r.status == 200

    wait_until("an answer afterwards", answered, 10)


# -- leaving ----------------------------------------------------------------


@test
def cancel_stream():
    """a client that leaves stops the engine at once"""
    idle(STRICT)
    before = dropped(STRICT)
    mark = new_mark()

    r = post(STRICT, "/v1/chat/completions", chat(STRICT, 12000, True),
             mark=mark)
    events = r.events()
    for _ in range(5):
        next(events)
    equal("dropped before", dropped(STRICT), before)
    r.close()
    left = time.monotonic()

    wait_until("the engine noticed", lambda: dropped(STRICT) > before, 2)
    print(f"# noticed after {(time.monotonic() - left) * 1000:.0f} ms")

    r = post(STRICT, "/v1/chat/completions", chat(STRICT, 2))
    equal("status", r.status, 200)
    r.read()
    took = time.monotonic() - left
    assert took < 3, f"the next answer took {took:.1f} s"

    if ROUTER:
        line = record(mark)
        equal("log", line["status"], 499)
        equal("router's status", line["router_status"], "cancelled")


@router_only
def cancel_many():
    """20 clients that leave one after another cost no slot"""

    for _ in range(20):
        r = post(CHAT, "/v1/chat/completions", chat(CHAT, 4000, True))
        equal("status", r.status, 200)
        next(r.events())
        r.close()

    # max_concurrent=1: a slot that stayed taken would show at once
    r = post(CHAT, "/v1/chat/completions", chat(CHAT, 2))
    equal("status", r.status, 200)
    r.read()


# -- side by side -----------------------------------------------------------


def stream_many(model, count, tokens, apart=0.0):
    """That many streams at once: the texts of each, or what went wrong."""
    results = [None] * count

    def one(i):
        try:
            r = post(model, "/v1/chat/completions", chat(model, tokens, True))
            if r.status != 200:
                results[i] = f"{r.status}: {r.read()}"
                return
            results[i] = contents([d for d, _ in r.events()])
        except Exception as e:
            results[i] = repr(e)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(count)]
    for t in threads:
        t.start()
        time.sleep(apart)
    for t in threads:
        t.join()

    return results


@test
def strict_together():
    """4 streams at once at an engine that does one after another"""
    results = stream_many(STRICT, 4, 200)

    for r in results:
        assert isinstance(r, list), r
        equal("text", r, results[0])
    assert len(results[0]) > 180, len(results[0])


@test
def default_together():
    """an engine that ends a stream for the next request: the router's
    max_concurrent=1 keeps them apart (asked directly, they are cut)"""
    results = stream_many(CHAT, 3, 600, apart=0.1)
    sizes = [len(r) if isinstance(r, list) else r for r in results]

    print(f"# events of each: {sizes}")
    if ROUTER:
        assert all(isinstance(s, int) and s > 550 for s in sizes), sizes
    else:
        assert sizes[0] < 550 < sizes[2], sizes


@test
def cut_by_engine():
    """a stream that the engine ends half-way: [DONE] without a reason, then
    the connection; no reason is made up, the slot is free"""
    mark = new_mark()
    r = post(CHAT, "/v1/chat/completions", chat(CHAT, 4000, True), mark=mark)
    events = r.events()
    got = [next(events)[0] for _ in range(20)]

    idle(CHAT)
    try:
        got += [d for d, _ in events]
    except (http.client.HTTPException, OSError) as e:
        print(f"# then {e!r}")

    assert len(got) < 3900, "not cut"
    assert not any('"finish_reason": "' in d for d in got), got[-3:]
    print(f"# {len(got)} events, the last: {got[-1][:200]}")
    if ROUTER:
        print(f"# log: {record(mark)}")

    def answered():
        r = post(CHAT, "/v1/chat/completions", chat(CHAT, 2))
        r.read()
        return r.status == 200

    wait_until("an answer afterwards", answered, 5)


@router_only
def busy_for_long():
    """a stream longer than several health checks is not cut (where they would
    cut it, there are none), nor is its node taken for dead"""

    for model in (CHAT, STRICT):
        r = post(model, "/v1/chat/completions", chat(model, 2000, True))
        events = list(r.events())
        parts = contents([d for d, _ in events])

        print(f"# {model}: {len(parts)} events in {events[-1][1]:.1f} s")
        assert events[-1][1] > 3.5, "too short to tell"
        equal(f"end of {model}", events[-1][0], "[DONE]")
        assert len(parts) > 1900, f"{model}: {len(parts)} of 2000"

        r = post(model, "/v1/chat/completions", chat(model, 2))
        equal(f"{model} afterwards", r.status, 200)
        r.read()


# -- accounts ---------------------------------------------------------------


@router_only
def counts_whole():
    """the router's counts of a whole answer are the engine's"""
    mark = new_mark()
    got = sdk(STRICT).chat.completions.create(
        **chat(STRICT, 17), extra_headers={"X-Request-Id": mark})
    line = record(mark)

    equal("prompt", line["prompt_tokens"], str(got.usage.prompt_tokens))
    equal("completion", line["completion_tokens"], "17")
    equal("model", line["model"], STRICT)
    equal("status", line["router_status"], "ok")


@router_only
def counts_stream():
    """this engine's streams have no usage: the router counts the events with
    content, and says that it is an estimate"""
    mark = new_mark()
    r = post(STRICT, "/v1/chat/completions", chat(
        STRICT, 50, True, stream_options={"include_usage": True}), mark=mark)
    data = [d for d, _ in r.events()]
    usage = [d for d in data if '"usage"' in d]
    line = record(mark)

    equal("usage events of the engine", usage, [])
    equal("estimate", line["completion_tokens"], f"~{len(contents(data))}")


@router_only
def counts_embeddings():
    """the router's count of an embedding's tokens is the engine's"""
    mark = new_mark()
    got = sdk(EMBED).embeddings.create(
        model=EMBED, input="some of the time",
        extra_headers={"X-Request-Id": mark})

    equal("prompt", record(mark)["prompt_tokens"],
          str(got.usage.prompt_tokens))


# ---------------------------------------------------------------------------


def run(function):
    """True, False, or None where it was skipped."""
    name = f"{function.__name__}: {' '.join(function.__doc__.split())}"

    try:
        function()
    except Skip as e:
        print(f"skip - {name} ({e})")
        return None
    except Exception as e:
        print(f"not ok - {name}")
        if not isinstance(e, AssertionError):
            traceback.print_exc(file=sys.stdout)
        print("# " + (str(e) or repr(e))[:600].replace("\n", "\n# "))
        return False

    print(f"ok - {name}")
    return True


def main():
    wanted = sys.argv[1:]
    results = [run(t) for t in TESTS if not wanted or t.__name__ in wanted]

    if results.count(None):
        print(f"{results.count(None)} skipped")
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    sys.exit(results.count(False) > 0 or not results.count(True))


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    main()
