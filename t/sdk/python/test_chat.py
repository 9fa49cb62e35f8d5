"""Answers that come whole."""

import hashlib
import json

import pytest

from conftest import connect, user, words, x_mock


def test_whole(client):
    reply = client.chat.completions.create(
        model="mock-model", messages=user("one two three"))

    assert reply.id == "chatcmpl-mock"
    assert reply.object == "chat.completion"
    assert reply.model == "mock-model"
    assert len(reply.choices) == 1
    assert reply.choices[0].message.role == "assistant"
    assert reply.choices[0].message.content == words("main", 8)
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage.prompt_tokens == 3
    assert reply.usage.completion_tokens == 8
    assert reply.usage.total_tokens == 11


def test_tokens_as_the_node_said(client):
    reply = client.chat.completions.create(
        model="mock-model", messages=user("hi"), **x_mock("tokens=3"))

    assert reply.choices[0].message.content == words("main", 3)
    assert reply.usage.completion_tokens == 3


def test_many_on_one_connection(client, http):
    seen = [client.chat.completions.create(
        model="mock-model", messages=user("hi"),
        **x_mock(f"tokens={n}")).usage.completion_tokens
        for n in range(1, 21)]

    assert seen == list(range(1, 21))


def test_body_reaches_the_node_unchanged(near, node):
    """Tools, images, fields nobody knows: byte by byte as the SDK sent it."""
    sent = []
    near._client.event_hooks["request"].append(
        lambda request: sent.append(request.read()))

    near.chat.completions.create(
        model=node.model,
        messages=[
            {"role": "system", "content": "You are a \"test\"."},
            {"role": "developer", "content": "tab\tnewline\n\\ / \u0001"},
            {"role": "user", "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {
                    "url": "data:image/png;base64,iVBORw0KGgo=",
                    "detail": "low"}}]},
            {"role": "assistant", "content": None, "tool_calls": [
                {"id": "call_1", "type": "function", "function": {
                    "name": "look", "arguments": "{\"model\":\"not me\"}"}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": "a dot"}],
        tools=[{"type": "function", "function": {
            "name": "look", "parameters": {
                "type": "object",
                "properties": {"model": {"type": "string"}}}}}],
        tool_choice={"type": "function", "function": {"name": "look"}},
        temperature=0.1, top_p=1e-3, seed=2 ** 53 + 1, logit_bias={"1": -100},
        response_format={"type": "json_object"},
        extra_body={"future": {"model": ["x", {"stream": True}]},
                    "min_p": 0.05, "empty": {}, "none": None})

    head, body = node.last()
    assert body == sent[0]
    assert "POST /v1/chat/completions HTTP/1.1" in head
    assert json.loads(body)["future"] == {"model": ["x", {"stream": True}]}


def test_answer_fields_nobody_knows(near, node):
    """What the node adds to its answer reaches the client."""
    reply = near.chat.completions.create(
        model=node.model, messages=user("ping"), **x_mock("echo"))

    assert reply.object == "echo"
    assert json.loads(reply.model_extra["echo"])["messages"] == user("ping")


@pytest.mark.parametrize("text", [
    "Grüße, 你好, こんにちは, שלום, 👩‍👩‍👧‍👦",
    "\u2028\u2029\ufeff\U0010ffff",
    "quote \" backslash \\ slash / nul \u0000",
])
def test_unicode(near, node, text):
    reply = near.chat.completions.create(
        model=node.model, messages=user(text), **x_mock("echo"))

    assert json.loads(reply.model_extra["echo"])["messages"] == user(text)


def test_large_prompt(near, node):
    sent = []
    near._client.event_hooks["request"].append(
        lambda request: sent.append(request.read()))

    reply = near.chat.completions.create(
        model=node.model, messages=user("0123456789abcde " * 131072),
        **x_mock("sha"))

    assert len(sent[0]) > 2 * 1024 * 1024
    assert reply.model_extra["length"] == len(sent[0])
    assert (reply.model_extra["sha256"]
            == hashlib.sha256(sent[0]).hexdigest())


def test_large_answer(near, node):
    reply = near.chat.completions.create(
        model=node.model, messages=user("hi"),
        **x_mock("tokens=4;size=3000000"))
    text = reply.choices[0].message.content

    assert len(text) == 3000000
    assert text.startswith(f"Hello from {node.model}.x")
    assert text.endswith("x")
    assert reply.usage.completion_tokens == 4


@pytest.mark.router
def test_alias(client, http):
    reply = client.chat.completions.create(
        model="gpt-4o", messages=user("hi"), **x_mock("echo"))

    assert json.loads(reply.model_extra["echo"])["model"] == "mock-model"
    assert json.loads(reply.model_extra["echo"])["messages"] == user("hi")


@pytest.mark.router
def test_alias_by_regex(client):
    reply = client.chat.completions.create(
        model="claude-mock", messages=user("hi"), **x_mock("echo"))

    assert json.loads(reply.model_extra["echo"])["model"] == "org/mock:7b"


@pytest.mark.router
def test_headers(client, node):
    raw = client.chat.completions.with_raw_response.create(
        model=node.model, messages=user("hi"),
        extra_headers={"x-request-id": "sdk-4711"})
    head, _ = node.last()

    assert raw.status_code == 200
    assert raw.parse().choices[0].finish_reason == "stop"
    assert raw.request_id == "sdk-4711"
    assert raw.headers["x-llm-router-node"] == node.model
    assert raw.headers["content-type"] == "application/json"
    assert "sk-sdk-test" not in head
    assert "authorization:" not in head.lower()


@pytest.mark.router
def test_request_id_of_its_own(client):
    """The SDK shows it as _request_id; each request has another one."""
    seen = {client.chat.completions.create(
        model="mock-model", messages=user("hi"))._request_id
        for _ in range(5)}

    assert len(seen) == 5
    assert all(seen)


@pytest.mark.router
def test_headers_of_the_node_that_are_not_for_clients(client, node):
    raw = client.chat.completions.with_raw_response.create(
        model=node.model, messages=user("hi"), **x_mock("accel"))
    names = {name.lower() for name in raw.headers}

    assert raw.parse().choices[0].message.content == words(node.model, 8)
    assert raw.headers["x-custom"] == "custom"
    assert "set-cookie" not in names
    assert raw.headers.get("server") != "mock/1"
    assert not {n for n in names if n.startswith("x-accel-")}


@pytest.mark.router
@pytest.mark.parametrize("header", ["x-api-key", "api-key"])
def test_key_in_other_headers(header, http):
    del http.headers["Authorization"]
    try:
        reply = http.post("/v1/chat/completions", headers={
            header: "sk-sdk-test"}, json={
                "model": "mock-model", "messages": user("hi")})
        assert reply.status_code == 200
        assert reply.json()["usage"]["completion_tokens"] == 8
    finally:
        http.headers["Authorization"] = "Bearer sk-sdk-test"


@pytest.mark.router
def test_without_keys_where_none_is_asked_for():
    with connect("OPEN", api_key="whatever") as c:
        reply = c.chat.completions.create(
            model="mock-model", messages=user("hi"))

    assert reply.choices[0].message.content == words("main", 8)


@pytest.mark.router
def test_two_nodes_share(client):
    """Idle equal nodes take turns."""
    nodes = [client.chat.completions.with_raw_response.create(
        model="pair", messages=user("hi")).headers["x-llm-router-node"]
        for _ in range(10)]

    assert nodes.count("pair-1") == 5
    assert nodes.count("pair-2") == 5
