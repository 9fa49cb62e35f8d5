"""The bytes, without an SDK between: exactly what the node sent."""

import json

import pytest

from conftest import user, words


def post(http, node, body, mock_says="tokens=8", **options):
    """Bytes by the router, and bytes of the node itself."""
    headers = {"X-Mock": mock_says}
    ours = http.post("/v1/chat/completions", json=body, headers=headers,
                     **options)
    return ours, node.direct("/v1/chat/completions", body, headers)


@pytest.fixture
def http(http, node, monkeypatch):
    """With SDK_DIRECT the node itself is asked twice."""
    import conftest
    if conftest.DIRECT:
        monkeypatch.setattr(http, "base_url", node.url)
    return http


@pytest.mark.parametrize("usage", [None, True, False])
@pytest.mark.parametrize("how", ["tokens=8", "crlf", "drip;tokens=1",
                                 "nousage", "usagenull"])
def test_stream_bytes(http, node, how, usage):
    body = {"model": node.model, "messages": user("hi"), "stream": True}
    if usage is not None:
        body["stream_options"] = {"include_usage": usage}
    ours, theirs = post(http, node, body, how)
    content = ours.content

    if how == "usagenull" and not usage:
        # the price of asking the node for usage; OpenAI says the same
        content = content.replace(b',"usage":null', b"")

    assert content == theirs.content
    assert ours.content.rstrip().endswith(b"data: [DONE]")
    assert (b'"usage":{' in ours.content) == (
        usage is True and how != "nousage")


def test_stream_lines(http, node):
    """Lines as they come: one "data:", one empty, and nothing else."""
    with http.stream("POST", "/v1/chat/completions", json={
            "model": node.model, "messages": user("hi"), "stream": True},
            headers={"X-Mock": "tokens=3"}) as reply:
        lines = list(reply.iter_lines())

    assert len(lines) == 12
    assert lines[1::2] == [""] * 6
    assert lines[-2] == "data: [DONE]"
    assert [json.loads(line[6:])["choices"][0]["delta"].get("content")
            for line in lines[0:10:2]] == [
                "", f"Hello from {node.model}.", " w1", " w2", None]


def test_whole_bytes(http, node):
    body = {"model": node.model, "messages": user("hi")}
    ours, theirs = post(http, node, body)

    assert ours.content == theirs.content
    assert json.loads(ours.content)["choices"][0]["message"]["content"] == (
        words(node.model, 8))


def test_json_as_it_was_written(http, node):
    """White space, escapes, order and equal members stay as they are."""
    body = (b' {\n\t"messages" : [ {"content":"\\u00e9\\/","role":"user"} ],'
            b'"x":1,"x":2, "n":1.0e+2,"model":"' + node.model.encode()
            + b'" }\r\n')
    reply = http.post("/v1/chat/completions", content=body,
                      headers={"Content-Type": "application/json"})

    assert reply.status_code == 200
    assert node.last()[1] == body


@pytest.mark.router
def test_chunked_request(http, node):
    """A body of unknown length is routed all the same."""
    body = json.dumps({"messages": user("hi " * 5000), "model": node.model})

    def parts():
        for i in range(0, len(body), 999):
            yield body[i:i + 999].encode()

    reply = http.post("/v1/chat/completions", content=parts(),
                      headers={"Content-Type": "application/json"})

    assert reply.status_code == 200
    assert node.last()[1] == body.encode()


@pytest.mark.router
def test_error_event_bytes(http, node):
    """The router's last event: an error in OpenAI's shape, no [DONE]."""
    reply = http.post("/v1/chat/completions", json={
        "model": node.model, "messages": user("hi"), "stream": True},
        headers={"X-Mock": "tokens=6;pace=5;reset=mid;after=2"})
    events = [e for e in reply.text.split("\n\n") if e]
    error = json.loads(events[-1].removeprefix("data: "))["error"]

    assert reply.status_code == 200
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == "upstream_error"
    assert error["param"] is None
    assert "[DONE]" not in reply.text
    assert '"finish_reason":"stop"' not in reply.text
    assert "127.0.0.1" not in reply.text
