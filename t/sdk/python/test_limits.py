"""Limits, queues, time-outs and retries."""

import threading
import time

import openai
import pytest

from conftest import connect, url, user, words, x_mock

HOLD = x_mock("tokens=9;silence=mid;after=1")


def create(client, model, **options):
    return client.chat.completions.create(
        model=model, messages=user("hi"), **options)


def hold(client, model):
    """A stream that has begun and stays open until it is closed."""
    stream = create(client, model, stream=True, **HOLD)
    next(stream)
    return stream


def watch(client, status):
    """An event that is set when an answer of this status came."""
    event = threading.Event()

    def look(response):
        if response.status_code == status:
            event.set()

    client._client.event_hooks["response"].append(look)
    return event


class Call(threading.Thread):
    """A call made meanwhile; result() gives its answer or its exception."""

    def __init__(self, function, *args, **options):
        super().__init__(daemon=True)
        self.call = lambda: function(*args, **options)
        self.value = self.error = None
        self.start()

    def run(self):
        try:
            self.value = self.call()
        except Exception as e:
            self.error = e

    def result(self, seconds=20):
        self.join(seconds)
        assert not self.is_alive(), "the call does not end"
        if self.error:
            raise self.error
        return self.value


@pytest.mark.router
def test_queue_full(node):
    with connect("FULL") as c:
        stream = hold(c, node.model)

        with pytest.raises(openai.RateLimitError) as e:
            create(c, node.model)

        stream.close()
        node.wait(in_flight=0, aborted=1)
        reply = create(c, node.model)

    assert e.value.status_code == 429
    assert (e.value.type, e.value.code) == ("rate_limit_error", "queue_full")
    assert 1 <= int(e.value.response.headers["retry-after"]) <= 60
    assert reply.usage.completion_tokens == 8
    assert node.stats()["requests"] == 2


@pytest.mark.router
def test_queue_full_then_retry(node):
    """The SDK waits as long as Retry-After says, and is served."""
    with connect("FULL", max_retries=3) as c:
        refused = watch(c, 429)
        stream = hold(c, node.model)
        call = Call(create, c, node.model)
        assert refused.wait(5)
        stream.close()
        reply = call.result(60)

    assert reply.choices[0].message.content == words(node.model, 8)
    assert node.stats()["requests"] == 2


@pytest.mark.router
def test_rate_limit():
    """60 a minute: the 61st waits for a second, says Retry-After."""
    with connect(api_key="sk-sdk-rate-python") as c:
        served = 0

        with pytest.raises(openai.RateLimitError) as e:
            for _ in range(200):
                raw = c.chat.completions.with_raw_response.create(
                    model="mock-model", messages=user("hi"))
                served += 1
                assert raw.headers["x-ratelimit-limit-requests"] == "60"
                assert int(raw.headers["x-ratelimit-remaining-requests"]) < 60

        reply = create(c.with_options(max_retries=3), "mock-model")

    headers = e.value.response.headers
    assert 60 <= served < 120
    assert e.value.code == "rate_limit_exceeded"
    assert e.value.type == "rate_limit_error"
    assert headers["retry-after"] == "1"
    assert 1 <= int(headers["retry-after-ms"]) <= 1000
    assert headers["x-ratelimit-limit-requests"] == "60"
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert reply.usage.completion_tokens == 8


def test_node_says_429_once(near, node):
    """The node's Retry-After reaches the SDK, whose second try succeeds."""
    node.set("status=429;retry-after=1;times=1".replace("-after", "_after"))
    refused = watch(near, 429)
    start = time.monotonic()
    reply = create(near.with_options(max_retries=4), node.model)

    assert refused.is_set()
    assert time.monotonic() - start >= 0.9
    assert reply.choices[0].message.content == words(node.model, 8)
    node.wait(requests=2, completed=2)


def test_node_says_429(near, node):
    with pytest.raises(openai.RateLimitError) as e:
        create(near, node.model, **x_mock("status=429;retry_after=7"))

    assert e.value.code == "mock"
    assert e.value.response.headers["retry-after"] == "7"
    assert node.stats()["requests"] == 1


@pytest.mark.router
def test_node_fails_once_then_retry(near, node):
    """A 502 of the router is one that the SDK tries again after."""
    node.set("reset=before;times=1")
    refused = watch(near, 502)
    reply = create(near.with_options(max_retries=4), node.model)

    assert refused.is_set()
    assert reply.choices[0].message.content == words(node.model, 8)


@pytest.mark.router
def test_queue_serves_in_turn(node):
    """A stream at another node holds the one place: five calls wait, and
    are answered one by one."""
    with connect("QUEUE") as c:
        stream = hold(c, "mock-model")
        calls = [Call(c.chat.completions.with_raw_response.create,
                      model=node.model, messages=user(f"call {i}"))
                 for i in range(5)]

        for call in calls:
            call.join(0.05)

        assert all(call.is_alive() for call in calls)
        assert node.stats()["requests"] == 0
        stream.close()
        replies = [call.result() for call in calls]

    for raw in replies:
        assert raw.parse().choices[0].message.content == words(node.model, 8)
        assert 50 <= int(raw.headers["x-queue-wait-ms"]) < 20000

    stats = node.stats()
    assert stats["requests"] == 5
    assert stats["max_in_flight"] == 1


@pytest.mark.router
def test_queue_timeout(node):
    with connect("SHORT_QUEUE") as c:
        stream = hold(c, node.model)
        start = time.monotonic()

        with pytest.raises(openai.InternalServerError) as e:
            create(c, node.model)

        waited = time.monotonic() - start
        stream.close()

    assert e.value.status_code == 504
    assert (e.value.type, e.value.code) == (
        "gateway_timeout", "queue_timeout")
    assert 0.9 <= waited < 5
    node.wait(in_flight=0, requests=1)


@pytest.mark.router
def test_client_leaves_the_queue(node):
    """Who left is not served: the node hears of the next one only."""
    with connect("QUEUE") as c:
        stream = hold(c, node.model)

        with pytest.raises(openai.APITimeoutError):
            create(c.with_options(timeout=0.3), node.model)

        call = Call(create, c, node.model)
        call.join(0.1)
        stream.close()
        assert call.result().usage.completion_tokens == 8

    node.wait(in_flight=0, requests=2, aborted=1)


@pytest.mark.parametrize("stream", [False, True])
def test_client_timeout(near, node, stream):
    with pytest.raises(openai.APITimeoutError):
        create(near.with_options(timeout=0.3), node.model, stream=stream,
               **x_mock("silence=before"))

    node.wait(in_flight=0, aborted=1, requests=1)


def test_client_timeout_within_a_stream(near, node):
    seen = []

    with pytest.raises(openai.APITimeoutError):
        for chunk in create(near.with_options(timeout=0.3), node.model,
                            stream=True, **HOLD):
            seen.append(chunk)

    assert len(seen) == 2
    node.wait(in_flight=0, aborted=1, completed=0)


@pytest.mark.router
def test_https_to_a_plain_port():
    """What is no HTTP at all is a connection error, and hurts nobody."""
    base = url("ROUTER").replace("http:", "https:")

    with connect(base_url=base) as c, connect() as plain:
        with pytest.raises(openai.APIConnectionError):
            create(c, "mock-model")
        assert create(plain, "mock-model").usage.completion_tokens == 8
