"""Streams: order, timing, usage, and how they end."""

import json

import openai
import pytest

from conftest import connect, user, words, x_mock


def text_of(chunks):
    return "".join(c.choices[0].delta.content or ""
                   for c in chunks if c.choices)


def create(client, model="mock-model", **options):
    return client.chat.completions.create(
        model=model, messages=user("one two"), stream=True, **options)


def test_stream(client):
    chunks = list(create(client))

    assert [c.object for c in chunks] == ["chat.completion.chunk"] * 10
    assert {c.model for c in chunks} == {"mock-model"}
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [c.choices[0].delta.content for c in chunks[1:9]] == (
        ["Hello from main."] + [f" w{i}" for i in range(1, 8)])
    assert [c.choices[0].finish_reason for c in chunks] == (
        [None] * 9 + ["stop"])


def test_long_stream(client):
    chunks = list(create(client, **x_mock("tokens=2000;coalesce")))

    assert text_of(chunks) == words("main", 2000)
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_large_events(client):
    chunks = list(create(client, **x_mock("tokens=4;size=400000")))

    assert len(chunks) == 6
    assert [len(c.choices[0].delta.content) for c in chunks[1:5]] == (
        [100000] * 4)


@pytest.mark.parametrize("how", ["drip", "crlf", "nochunk", "coalesce",
                                 "length", "close"])
def test_framing(near, node, how):
    """However the node frames its stream, the client gets all of it.

    It leaves at [DONE], so a node that drips counts as left by its client.
    """
    chunks = list(create(near, node.model, **x_mock("tokens=3;" + how)))

    assert text_of(chunks) == words(node.model, 3)
    assert chunks[-1].choices[0].finish_reason == "stop"
    node.wait(in_flight=0, requests=1, errors=0)


def test_events_come_as_they_are_made(near, node):
    """The node stops after three tokens; they must be there all the same."""
    stream = create(near, node.model,
                    **x_mock("tokens=9;silence=mid;after=3"))
    seen = [next(stream) for _ in range(4)]

    assert text_of(seen) == words(node.model, 3)
    assert node.stats()["in_flight"] == 1
    stream.close()
    node.wait(in_flight=0, aborted=1)


def test_first_chunk_before_the_last_was_made(near, node):
    stream = create(near, node.model, **x_mock("tokens=5;pace=150"))
    first = [next(stream), next(stream)]
    then = node.stats()
    rest = list(stream)

    assert then["in_flight"] == 1
    assert then["completed"] == 0
    assert text_of(first + rest) == words(node.model, 5)
    node.wait(in_flight=0, completed=1, aborted=0)


def test_usage_when_asked_for(client):
    chunks = list(create(client, stream_options={"include_usage": True}))

    assert len(chunks) == 11
    assert [c.usage for c in chunks[:-1]] == [None] * 10
    assert chunks[-1].choices == []
    assert chunks[-1].usage.prompt_tokens == 2
    assert chunks[-1].usage.completion_tokens == 8
    assert chunks[-1].usage.total_tokens == 10


@pytest.mark.parametrize("options", [
    {}, {"stream_options": {"include_usage": False}},
    {"stream_options": {"include_obfuscation": False}}])
def test_no_usage_when_not_asked_for(client, options):
    chunks = list(create(client, **options))

    assert len(chunks) == 10
    assert [c.usage for c in chunks] == [None] * 10
    assert all(c.choices for c in chunks)
    assert text_of(chunks) == words("main", 8)


@pytest.mark.router
def test_node_is_asked_for_usage(near, node):
    """The router wants to know, and takes out what the client did not want."""
    sent = []
    near._client.event_hooks["request"].append(
        lambda request: sent.append(request.read()))

    chunks = list(create(near, node.model))
    _, body = node.last()
    wanted = json.loads(sent[0])
    wanted["stream_options"] = {"include_usage": True}

    assert json.loads(body) == wanted
    assert len(chunks) == 10


@pytest.mark.router
def test_node_that_refuses_stream_options(near, node):
    node.set("refuse_stream_options")

    for _ in range(2):
        chunks = list(create(near, node.model))
        assert text_of(chunks) == words(node.model, 8)


@pytest.mark.router
def test_stream_headers(client):
    raw = client.chat.completions.with_raw_response.create(
        model="mock-model", messages=user("hi"), stream=True)

    assert raw.headers["content-type"].startswith("text/event-stream")
    assert raw.headers["cache-control"] == "no-cache"
    assert raw.headers["x-accel-buffering"] == "no"
    assert raw.headers["x-llm-router-node"] == "main"
    assert "content-encoding" not in raw.headers
    assert text_of(raw.parse()) == words("main", 8)


@pytest.mark.router
@pytest.mark.parametrize("fault", [
    "reset=mid;after=3", "close=mid;after=3", "cut=event", "cut=clean",
    "broken=chunk"])
def test_broken_stream(near, node, fault):
    """An error the SDK raises, and no end that looks like a good one."""
    seen = []

    with pytest.raises(openai.APIError) as e:
        for chunk in create(near, node.model, **x_mock("tokens=6;" + fault)):
            seen.append(chunk)

    assert type(e.value) is openai.APIError
    assert e.value.code == "upstream_error"
    assert e.value.type == "bad_gateway"
    assert e.value.message
    assert 1 <= len(seen) <= 7
    assert words(node.model, 6).startswith(text_of(seen))
    assert [c.choices[0].finish_reason for c in seen] == [None] * len(seen)
    node.wait(in_flight=0, requests=1)


@pytest.mark.router
def test_broken_stream_keeps_what_came(near, node):
    seen = []

    with pytest.raises(openai.APIError):
        for chunk in create(near, node.model,
                            **x_mock("tokens=9;reset=mid;after=4;pace=20")):
            seen.append(chunk)

    assert text_of(seen) == words(node.model, 4)


@pytest.mark.router
def test_stream_that_falls_silent(node):
    """Between two events the same time-out holds as before the first one."""
    seen = []

    with connect("IMPATIENT") as c, pytest.raises(openai.APIError) as e:
        for chunk in create(c, node.model,
                            **x_mock("tokens=9;silence=mid;after=2")):
            seen.append(chunk)

    assert text_of(seen) == words(node.model, 2)
    assert e.value.code == "timeout"
    assert e.value.type == "gateway_timeout"
    node.wait(in_flight=0, aborted=1)


@pytest.mark.router
def test_slow_stream_outlives_the_timeout(node):
    """1.5 s of stream, 1 s of patience with each event."""
    with connect("IMPATIENT") as c:
        chunks = list(create(c, node.model, **x_mock("tokens=5;pace=300")))

    assert text_of(chunks) == words(node.model, 5)
    assert chunks[-1].choices[0].finish_reason == "stop"


@pytest.mark.router
@pytest.mark.parametrize("how", ["nodone", "noterm"])
def test_end_without_done(near, node, how):
    """A finish_reason came: complete, though the node left something out."""
    chunks = list(create(near, node.model, **x_mock("tokens=3;" + how)))

    assert text_of(chunks) == words(node.model, 3)
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_cancel(near, node):
    stream = create(near, node.model, **x_mock("tokens=500;pace=20"))
    seen = [next(stream) for _ in range(3)]
    stream.close()

    assert text_of(seen) == words(node.model, 2)
    stats = node.wait(in_flight=0, aborted=1)
    assert stats["completed"] == 0


def test_cancel_by_leaving_the_block(near, node):
    with create(near, node.model, **x_mock("tokens=500;pace=20")) as stream:
        for chunk in stream:
            break

    node.wait(in_flight=0, aborted=1, completed=0)
    reply = near.chat.completions.create(
        model=node.model, messages=user("still there?"))
    assert reply.choices[0].message.content == words(node.model, 8)
